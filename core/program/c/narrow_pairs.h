// Eigenvalues that narrow numbers and shifts multiply by, found in the pairs of a scan.
#pragma once

#include "core/program/program.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace bitstate::program {

/// The pairs of a scan in units of 2^-15, as i^turns (2^15 + re 2^re_shift + i im 2^im_shift) with |re|, |im| <= 127
/// (docs/numerics.md, section 6: form=delta). All are [P].
struct NarrowPairs {
  std::vector<std::int32_t> turns;               ///< 0 to 3
  std::vector<std::int32_t> re, im;              ///< odd, or 0
  std::vector<std::int32_t> re_shift, im_shift;  ///< 0 to 15
};

/// Nothing where a pair is not of this kind. Of the quarter turns that a pair allows it gets the one with the fewest
/// bits.
[[nodiscard]] std::optional<NarrowPairs> narrow_pairs(const Scan& scan);

}  // namespace bitstate::program

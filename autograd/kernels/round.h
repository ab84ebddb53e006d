// Values rounded to a grid whose range is their own largest magnitude; they carry no codes (docs/numerics.md, section
// 2).
#pragma once

#include "core/quant_spec.h"

#include <cstddef>
#include <span>

namespace bitstate::kernels {

/// out = clamp(floor(x / s + 1/2), -Q, Q) s with the s of `spec` and the range max |x|; one bit: +s or -s. A copy of x
/// when `spec` has no bits. Returns whether the range is finite (always, without bits); what is not stays so in `out`.
bool round_to_own_range(const QuantSpec& spec, std::size_t n, const float* x, float* out);

/// Which numbers of an array share a range.
struct RoundingGroups {
  std::span<const std::size_t> rows = {};  ///< of each group, in order; empty: each row for itself
  std::size_t plane = 0;  ///< columns of a block: the blocks of real parts share a range, and those of imaginary ones
};

/// The same for an array [rows, cols], with a range for each group. Returns whether all ranges are finite.
bool round_to_own_ranges(const QuantSpec& spec, const RoundingGroups& groups, std::size_t rows, std::size_t cols,
                         const float* x, float* out);

}  // namespace bitstate::kernels

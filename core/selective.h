// One state of a selective recurrence at one step, in integers (docs/numerics.md, section 10).
#pragma once

#include "core/exp2.h"
#include "core/fixed_point.h"
#include "core/residue.h"

#include <algorithm>
#include <cstdint>

namespace bitstate::selective {

/// The scale of decays is 2^-fraction_bits.
inline constexpr int fraction_bits = 15;

/// What all states have in common.
struct Bounds {
  Residue residue;
  std::int32_t state;  ///< of |h|
  std::int64_t input;  ///< of |w|
};

/// The new state from the old one, `h` with its residue `e`, and the product v B. Returns z, of which h is the
/// rounding. `e` is 0 and stays so where nothing is carried on.
constexpr std::int64_t advance(const Bounds& bounds, std::int32_t decay, std::int64_t product, FixedPoint to_inner,
                               std::int32_t& h, std::int32_t& e) {
  constexpr std::int32_t half = 1 << (fraction_bits - 1);
  const std::int64_t w = std::clamp(rescale(product, to_inner), -bounds.input, bounds.input);
  const std::int32_t carried = bounds.residue == Residue::decayed ? (decay * e + half) >> fraction_bits : e;
  const std::int64_t z = decay * h + w + carried;
  const std::int64_t bound = bounds.state;
  const std::int64_t rounded = (z + half) >> fraction_bits;
  h = static_cast<std::int32_t>(std::clamp(rounded, -bound, bound));
  const bool kept = bounds.residue != Residue::none && h == rounded;
  e = kept ? static_cast<std::int32_t>(z - h * (std::int64_t{1} << fraction_bits)) : 0;
  return z;
}

/// Whether the clamp of advance() did nothing.
constexpr bool is_unclamped(std::int64_t z, std::int32_t h) {
  return (z + (1 << (fraction_bits - 1))) >> fraction_bits == h;
}

}  // namespace bitstate::selective

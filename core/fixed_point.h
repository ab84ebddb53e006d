// The one rounding of bitstate: multiplication of an integer by a positive real, as a multiplier and a shift.
// Specified in docs/numerics.md, section 3.
#pragma once

#include <cstdint>
#include <string_view>

namespace bitstate {

/// The real number multiplier * 2^-shift, with 2^30 <= multiplier < 2^31 and 1 <= shift <= 62 (or multiplier 0).
struct FixedPoint {
  std::int64_t multiplier = 0;
  std::int64_t shift = 1;
  bool operator==(const FixedPoint&) const = default;
};

/// The nearest fixed-point number to `real` > 0; values below 2^-31 become 0, values from 2^29 on the largest number
/// below. Throws Error naming `site` when `real` is not finite or not positive.
FixedPoint to_fixed_point(double real, std::string_view site);

/// round-half-up(a * f), exact for |a| <= 3 * 2^30.
constexpr std::int64_t rescale(std::int64_t a, FixedPoint f) {
  return (a * f.multiplier + (std::int64_t{1} << (f.shift - 1))) >> f.shift;
}

}  // namespace bitstate

#include "core/fixed_point.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace bitstate {

FixedPoint to_fixed_point(double real, std::string_view site) {
  require(std::isfinite(real) && real > 0.0, "rescale", "{} needs a positive factor, got {}", site, real);
  if (real < 0x1.0p-31) return {};
  real = std::min(real, 0x1.fffffffp28);
  int exponent = 0;
  const double mantissa = std::frexp(real, &exponent);  // real = mantissa * 2^exponent, 1/2 <= mantissa < 1
  auto multiplier = static_cast<std::int64_t>(std::floor(std::ldexp(mantissa, 31) + 0.5));
  std::int64_t shift = 31 - exponent;
  if (multiplier == std::int64_t{1} << 31U) {
    multiplier >>= 1U;
    --shift;
  }
  return {multiplier, shift};
}

}  // namespace bitstate

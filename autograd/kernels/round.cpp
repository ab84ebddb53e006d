#include "autograd/kernels/round.h"
#include "core/grid.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace bitstate::kernels {
namespace {

float scale_of(const QuantSpec& spec, float range) { return make_grid(spec, range).scale; }

}  // namespace

bool round_to_own_range(const QuantSpec& spec, std::size_t n, const float* x, float* out) {
  if (!spec.active()) {
    std::copy(x, x + n, out);
    return true;
  }
  std::uint32_t largest = 0;  // magnitudes of floats are ordered as their bits
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffU);
  const auto range = std::bit_cast<float>(largest);
  const float scale = scale_of(spec, range);
  if (spec.bits == 1) {
    for (std::size_t i = 0; i < n; ++i) out[i] = x[i] >= 0.0F ? scale : -scale;
  } else {
    const float inverse = 1.0F / scale;
    const auto bound = static_cast<float>(spec.bound());
    for (std::size_t i = 0; i < n; ++i) {
      const float rounded = std::floor(x[i] * inverse + 0.5F);
      const float clamped = rounded > bound ? bound : (rounded < -bound ? -bound : rounded);
      out[i] = clamped * scale;
    }
  }
  return std::isfinite(range);
}

}  // namespace bitstate::kernels

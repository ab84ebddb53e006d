#include "autograd/kernels/round.h"
#include "core/grid.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace bitstate::kernels {
namespace {

/// The bits of the largest magnitude, if it is above `largest`: magnitudes of floats are ordered as their bits.
std::uint32_t largest_bits(std::size_t n, const float* x, std::uint32_t largest) {
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffU);
  return largest;
}

void round_to_scale(const QuantSpec& spec, float scale, std::size_t n, const float* x, float* out) {
  if (spec.bits == 1) {
    for (std::size_t i = 0; i < n; ++i) out[i] = x[i] >= 0.0F ? scale : -scale;
    return;
  }
  const float inverse = 1.0F / scale;
  const auto bound = static_cast<float>(spec.bound());
  for (std::size_t i = 0; i < n; ++i) {
    const float rounded = std::floor(x[i] * inverse + 0.5F);
    const float clamped = rounded > bound ? bound : (rounded < -bound ? -bound : rounded);
    out[i] = clamped * scale;
  }
}

/// Rounds `count` blocks of n numbers that lie `stride` apart, with one range.
bool round_blocks(const QuantSpec& spec, std::size_t count, std::size_t n, std::size_t stride, const float* x,
                  float* out) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = largest_bits(n, x + i * stride, largest);
  const auto range = std::bit_cast<float>(largest);
  const float scale = make_grid(spec, range).scale;
  for (std::size_t i = 0; i < count; ++i) round_to_scale(spec, scale, n, x + i * stride, out + i * stride);
  return std::isfinite(range);
}

}  // namespace

bool round_to_own_range(const QuantSpec& spec, std::size_t n, const float* x, float* out) {
  if (spec.active()) return round_blocks(spec, 1, n, n, x, out);
  std::copy(x, x + n, out);
  return true;
}

bool round_to_own_ranges(const QuantSpec& spec, const RoundingGroups& groups, std::size_t rows, std::size_t cols,
                         const float* x, float* out) {
  const std::size_t plane = groups.plane;
  const std::size_t count = groups.rows.empty() ? rows : groups.rows.size();
  bool finite = true;
  std::size_t first = 0;
  for (std::size_t g = 0; g < count; ++g) {
    const std::size_t size = (groups.rows.empty() ? 1 : groups.rows[g]) * cols;
    const float* const from = x + first;
    float* const to = out + first;
    if (plane == 0 || !spec.active()) {
      finite = round_to_own_range(spec, size, from, to) && finite;
    } else {
      for (const std::size_t part : {std::size_t{0}, plane}) {
        finite = round_blocks(spec, size / (2 * plane), plane, 2 * plane, from + part, to + part) && finite;
      }
    }
    first += size;
  }
  return finite;
}

}  // namespace bitstate::kernels

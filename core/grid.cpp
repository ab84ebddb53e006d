#include "core/grid.h"

#include <algorithm>
#include <cmath>

namespace bitstate {
namespace {

/// The power of two next above or equal.
float next_power_of_two(float s) {
  int exponent = 0;
  return std::frexp(s, &exponent) == 0.5F ? s : std::ldexp(1.0F, exponent);
}

}  // namespace

Grid make_grid(const QuantSpec& spec, float high, float low) {
  constexpr float smallest = 0x1.0p-60F;  // products of two scales stay normal numbers
  const auto scale_of = [&](float s) { return spec.scale_kind == QuantSpec::Scale::pow2 ? next_power_of_two(s) : s; };
  if (spec.symmetry == QuantSpec::Symmetry::asymmetric) {
    const auto steps = static_cast<float>((1 << spec.bits) - 1);
    const float s = (high + low) / steps;
    Grid grid;
    grid.scale = s >= smallest ? scale_of(s) : 1.0F;
    grid.lo = -static_cast<std::int32_t>(std::floor(low / grid.scale + 0.5F));
    grid.hi = grid.lo + (1 << spec.bits) - 1;
    return grid;
  }
  const float r = std::max(high, low);
  const std::int32_t bound = spec.bound();
  if (spec.bits == 1) return {scale_of(std::max(r / 2.0F, 0x1.0p-40F)), -1, 1};
  const auto steps = static_cast<float>(bound);
  const float s = r / (spec.edge == QuantSpec::Edge::half ? steps + 0.5F : steps);
  return {s >= smallest ? scale_of(s) : 1.0F, -bound, bound};
}

}  // namespace bitstate

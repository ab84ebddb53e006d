// The grid of a quantizer: which codes it has, and at what scale (docs/numerics.md, section 2).
#pragma once

#include "core/quant_spec.h"

#include <cstdint>

namespace bitstate {

/// Where codes lie and what they stand for: value = code * scale, lo <= code <= hi.
struct Grid {
  float scale = 1.0F;
  std::int32_t lo = 0;
  std::int32_t hi = 0;
  [[nodiscard]] std::int32_t bound() const { return hi > -lo ? hi : -lo; }
  bool operator==(const Grid&) const = default;
};

/// The grid that belongs to values in [-low, high], both >= 0; a symmetric one takes the larger of the two.
Grid make_grid(const QuantSpec& spec, float high, float low);
inline Grid make_grid(const QuantSpec& spec, float range) { return make_grid(spec, range, range); }

}  // namespace bitstate

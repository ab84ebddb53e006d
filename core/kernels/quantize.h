// Floats to codes and back (docs/numerics.md, section 2).
#pragma once

#include "core/grid.h"
#include "core/program/run/codes.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bitstate::kernels {

/// How one array of scales is spread over a matrix [rows, cols].
enum class ScaleLayout : std::uint8_t { per_tensor, per_row, per_column };

/// The number of scales a layout has.
constexpr std::size_t scale_count(ScaleLayout layout, std::size_t rows, std::size_t cols) {
  return layout == ScaleLayout::per_tensor ? 1 : (layout == ScaleLayout::per_row ? rows : cols);
}

/// max |x| of the tensor, of each row or of each column into `out` (overwritten). Returns whether all of x is finite;
/// if not, the maxima concerned are infinite or NaN.
bool absolute_maximum(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, std::span<float> out);

/// max(x, 0) into `high` and max(-x, 0) into `low`, as absolute_maximum (without its answer).
void extremes(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, std::span<float> high,
              std::span<float> low);

/// Where quantize() writes.
struct QuantizedOutput {
  program::MutableCodes codes;
  /// Bit k: the clamp left code k as it was, counted with the stride of `codes`, a multiple of 8; may be null.
  std::uint8_t* unclamped = nullptr;
};

/// The grids of a matrix: as many as their layout has scales.
struct Grids {
  ScaleLayout layout = ScaleLayout::per_tensor;
  std::span<const Grid> grids;
  bool one_bit = false;  ///< the codes are +1 and -1
};

/// codes = clamp(floor(x / scale + 1/2), lo, hi); of one bit +1 or -1.
void quantize(std::size_t rows, std::size_t cols, const float* x, const Grids& grids, const QuantizedOutput& out);

/// Bound of a sum at a scale of 2^-28 of the largest value it can have: the scale, as a float, may be too small by a
/// relative 2^-24, the two factors by 2^-31 each, and both terms are rounded.
inline constexpr std::int64_t fine_sum_bound = (std::int64_t{1} << 28) + 18;

/// The scales of a matrix: as many as their layout has.
struct Scales {
  ScaleLayout layout;
  const float* scale;
};

/// real [count, cols] = codes * scale, of the `count` rows from `first` on, with which `codes` begin.
void dequantize(std::size_t first, std::size_t count, std::size_t cols, const Scales& scales,
                const program::Codes& codes, float* real);

}  // namespace bitstate::kernels

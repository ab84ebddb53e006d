// Floats to codes, and codes to codes at another scale (docs/numerics.md, sections 2 to 4).
#pragma once

#include "core/fixed_point.h"
#include "core/grid.h"

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

/// What quantize() and requantize() write.
struct QuantizedOutput {
  std::int32_t* codes;
  float* shadow;            ///< codes * scale
  std::uint8_t* unclamped;  ///< 1 where the clamp did nothing, else 0; may be null
};

/// The grids of a matrix: as many as their layout has scales.
struct Grids {
  ScaleLayout layout = ScaleLayout::per_tensor;
  std::span<const Grid> grids;
  bool one_bit = false;  ///< the codes are +1 and -1
};

/// codes = clamp(floor(x / scale + 1/2), lo, hi); of one bit +1 or -1.
void quantize(std::size_t rows, std::size_t cols, const float* x, const Grids& grids, const QuantizedOutput& out);

/// codes = clamp(rescale(x, factor), lo, hi) with one factor or one per column, one grid or one per column.
void requantize(std::size_t rows, std::size_t cols, std::span<const FixedPoint> factors, const std::int32_t* x,
                std::span<const Grid> grids, const QuantizedOutput& out);

/// Bound of a sum at a scale of 2^-28 of the largest value it can have: the scale, as a float, may be too small by a
/// relative 2^-24, the two factors by 2^-31 each, and both terms are rounded.
inline constexpr std::int64_t fine_sum_bound = (std::int64_t{1} << 28) + 18;

/// codes = rescale(a, factor) + row: one factor or one per column; a factor's multiplier may be negative.
void rescale_add_row(std::size_t rows, std::size_t cols, std::span<const FixedPoint> factors, const std::int32_t* a,
                     std::span<const std::int32_t> row, std::int32_t* codes);

/// A term of a sum of codes: rescale(code, factor), with one factor or one per column.
struct Term {
  std::span<const FixedPoint> factors;
  const std::int32_t* codes;
};

/// codes = a + b
void rescale_add(std::size_t rows, std::size_t cols, const Term& a, const Term& b, std::int32_t* codes);

/// shadow = codes * scale
void dequantize(std::size_t rows, std::size_t cols, ScaleLayout layout, const std::int32_t* codes, const float* scale,
                float* shadow);

}  // namespace bitstate::kernels

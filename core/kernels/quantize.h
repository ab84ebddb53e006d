// Floats to codes, and codes to codes at another scale (docs/numerics.md, sections 2 and 3).
#pragma once

#include "core/fixed_point.h"

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

/// codes = clamp(floor(x / scale + 1/2), -bound, bound), shadow = codes * scale; with `one_bit` codes = +1 or -1.
/// `unclamped` (may be null) is 1 where the clamp did nothing, else 0.
void quantize(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, const float* scale,
              std::int32_t bound, bool one_bit, std::int32_t* codes, float* shadow, std::uint8_t* unclamped);

/// codes = clamp(rescale(x, factor), -bound, bound) with one factor, or one per column; shadow = codes * scale
/// (scale with the layout of the factors); `unclamped` as above. `shadow` and `unclamped` may be null.
void requantize(std::size_t rows, std::size_t cols, std::span<const FixedPoint> factors, const std::int32_t* x,
                const float* scale, std::int32_t bound, std::int32_t* codes, float* shadow, std::uint8_t* unclamped);

/// shadow = codes * scale
void dequantize(std::size_t rows, std::size_t cols, ScaleLayout layout, const std::int32_t* codes, const float* scale,
                float* shadow);

}  // namespace bitstate::kernels

#include "core/kernels/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace bitstate::kernels {
namespace {

/// Bits of the largest magnitude: magnitudes of floats are ordered as their bits, and what is not finite comes last.
std::uint32_t row_maximum(std::size_t n, const float* x) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffU);
  return largest;
}

struct Scaling {
  float scale;
  float inverse;
};

void quantize_one(float x, Scaling s, float bound, std::int32_t& code, float& shadow, std::uint8_t& unclamped) {
  const float rounded = std::floor(x * s.inverse + 0.5F);
  const float clamped = rounded > bound ? bound : (rounded < -bound ? -bound : rounded);
  code = static_cast<std::int32_t>(clamped);
  shadow = clamped * s.scale;
  unclamped = clamped == rounded ? 1 : 0;
}

/// n values that share one scale.
void quantize_run(std::size_t n, const float* x, float scale, std::int32_t bound, bool one_bit, std::int32_t* codes,
                  float* shadow, std::uint8_t* unclamped) {
  if (one_bit) {
    for (std::size_t i = 0; i < n; ++i) {
      codes[i] = x[i] >= 0.0F ? 1 : -1;
      shadow[i] = static_cast<float>(codes[i]) * scale;
    }
    if (unclamped != nullptr) std::fill(unclamped, unclamped + n, std::uint8_t{1});
    return;
  }
  const Scaling s{scale, 1.0F / scale};
  const auto limit = static_cast<float>(bound);
  if (unclamped == nullptr) {
    std::uint8_t ignored = 0;
    for (std::size_t i = 0; i < n; ++i) quantize_one(x[i], s, limit, codes[i], shadow[i], ignored);
  } else {
    for (std::size_t i = 0; i < n; ++i) quantize_one(x[i], s, limit, codes[i], shadow[i], unclamped[i]);
  }
}

}  // namespace

bool absolute_maximum(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, std::span<float> out) {
  if (layout == ScaleLayout::per_tensor) {
    out[0] = std::bit_cast<float>(row_maximum(rows * cols, x));
  } else if (layout == ScaleLayout::per_row) {
    for (std::size_t r = 0; r < rows; ++r) out[r] = std::bit_cast<float>(row_maximum(cols, x + r * cols));
  } else {
    std::vector<std::uint32_t> largest(cols, 0);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) largest[c] = std::max(largest[c], row_maximum(1, x + r * cols + c));
    }
    for (std::size_t c = 0; c < cols; ++c) out[c] = std::bit_cast<float>(largest[c]);
  }
  return std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); });
}

void quantize(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, const float* scale,
              std::int32_t bound, bool one_bit, std::int32_t* codes, float* shadow, std::uint8_t* unclamped) {
  const auto mask = [&](std::size_t i) { return unclamped == nullptr ? nullptr : unclamped + i; };
  if (layout == ScaleLayout::per_tensor) {
    quantize_run(rows * cols, x, scale[0], bound, one_bit, codes, shadow, unclamped);
  } else if (layout == ScaleLayout::per_row) {
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t i = r * cols;
      quantize_run(cols, x + i, scale[r], bound, one_bit, codes + i, shadow + i, mask(i));
    }
  } else {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        const std::size_t i = r * cols + c;
        quantize_run(1, x + i, scale[c], bound, one_bit, codes + i, shadow + i, mask(i));
      }
    }
  }
}

void requantize(std::size_t rows, std::size_t cols, std::span<const FixedPoint> factors, const std::int32_t* x,
                const float* scale, std::int32_t bound, std::int32_t* codes, float* shadow, std::uint8_t* unclamped) {
  const std::size_t step = factors.size() == 1 ? 0 : 1;
  // one row of factors as separate arrays, so that the loop below reads them as vectors
  std::vector<std::int64_t> row(cols * 3);
  std::int64_t* const multiplier = row.data();
  std::int64_t* const half = multiplier + cols;
  std::int64_t* const shift = half + cols;
  std::vector<float> row_scale(shadow == nullptr ? 0 : cols);
  for (std::size_t c = 0; c < cols; ++c) {
    multiplier[c] = factors[c * step].multiplier;
    shift[c] = factors[c * step].shift;
    half[c] = std::int64_t{1} << (shift[c] - 1);
    if (shadow != nullptr) row_scale[c] = scale[c * step];
  }
  const std::int64_t limit = bound;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::int32_t* const in = x + r * cols;
    std::int32_t* const out = codes + r * cols;
    const auto value = [&](std::size_t c) { return (in[c] * multiplier[c] + half[c]) >> shift[c]; };
    const auto clamp = [&](std::int64_t v) { return v > limit ? limit : (v < -limit ? -limit : v); };
    if (unclamped == nullptr) {
      for (std::size_t c = 0; c < cols; ++c) out[c] = static_cast<std::int32_t>(clamp(value(c)));
    } else {
      std::uint8_t* const kept = unclamped + r * cols;
      for (std::size_t c = 0; c < cols; ++c) {
        const std::int64_t rounded = value(c);
        const std::int64_t clamped = clamp(rounded);
        out[c] = static_cast<std::int32_t>(clamped);
        kept[c] = clamped == rounded ? 1 : 0;
      }
    }
    if (shadow != nullptr) {
      float* const real = shadow + r * cols;
      for (std::size_t c = 0; c < cols; ++c) real[c] = static_cast<float>(out[c]) * row_scale[c];
    }
  }
}

void dequantize(std::size_t rows, std::size_t cols, ScaleLayout layout, const std::int32_t* codes, const float* scale,
                float* shadow) {
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t first = r * cols;
    if (layout == ScaleLayout::per_column) {
      for (std::size_t c = 0; c < cols; ++c) shadow[first + c] = static_cast<float>(codes[first + c]) * scale[c];
    } else {
      const float s = scale[layout == ScaleLayout::per_row ? r : 0];
      for (std::size_t c = 0; c < cols; ++c) shadow[first + c] = static_cast<float>(codes[first + c]) * s;
    }
  }
}

}  // namespace bitstate::kernels

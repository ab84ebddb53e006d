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

/// One grid for all values of a row, or one per column, as quantize_row reads them.
struct SharedGrid {
  float inverse_, lo_, hi_;
  explicit SharedGrid(const Grid& grid)
      : inverse_(1.0F / grid.scale), lo_(static_cast<float>(grid.lo)), hi_(static_cast<float>(grid.hi)) {}
  [[nodiscard]] float inverse(std::size_t) const { return inverse_; }
  [[nodiscard]] float lo(std::size_t) const { return lo_; }
  [[nodiscard]] float hi(std::size_t) const { return hi_; }
};
struct ColumnGrids {
  std::vector<float> inverse_, lo_, hi_;
  explicit ColumnGrids(std::span<const Grid> grids) {
    for (const Grid& grid : grids) {
      inverse_.push_back(1.0F / grid.scale);
      lo_.push_back(static_cast<float>(grid.lo));
      hi_.push_back(static_cast<float>(grid.hi));
    }
  }
};
struct ColumnGrid {
  const float *inverse_, *lo_, *hi_;
  explicit ColumnGrid(const ColumnGrids& g) : inverse_(g.inverse_.data()), lo_(g.lo_.data()), hi_(g.hi_.data()) {}
  [[nodiscard]] float inverse(std::size_t i) const { return inverse_[i]; }
  [[nodiscard]] float lo(std::size_t i) const { return lo_[i]; }
  [[nodiscard]] float hi(std::size_t i) const { return hi_[i]; }
};

/// One row of codes, and a byte for each: 1 where the clamp did nothing. The grid is taken by value: a byte that is
/// written could be one of a grid elsewhere.
template <class AnyGrid, class T>
void quantize_row(std::size_t n, const float* __restrict x, const AnyGrid grid, T* __restrict codes,
                  std::uint8_t* __restrict same) {
  for (std::size_t i = 0; i < n; ++i) {
    const float rounded = std::floor(x[i] * grid.inverse(i) + 0.5F);
    const float clamped = rounded > grid.hi(i) ? grid.hi(i) : (rounded < grid.lo(i) ? grid.lo(i) : rounded);
    codes[i] = static_cast<T>(static_cast<std::int32_t>(clamped));
    same[i] = clamped == rounded ? 1 : 0;
  }
}

/// Bytes of 0 and 1 as bits, eight at once; `same` has room up to a multiple of 8.
void pack_whole_bytes(std::size_t n, const std::uint8_t* same, std::uint8_t* bits) {
  for (std::size_t i = 0; i < n; i += 8) {
    std::uint8_t byte = 0;
    for (std::size_t k = 0; k < 8; ++k) byte = static_cast<std::uint8_t>(byte | same[i + k] << k);
    bits[i / 8] = byte;
  }
}

/// All rows: row(r, codes, same) fills one.
template <class Row>
void quantize_rows(std::size_t rows, std::size_t cols, const QuantizedOutput& out, Row row) {
  std::vector<std::uint8_t> same(program::rounded_up(cols, 8), 1);
  const std::size_t stride = out.codes.stride;
  program::with_type(out.codes, [&](auto* codes) {
    for (std::size_t r = 0; r < rows; ++r) {
      row(r, codes + r * stride, same.data());
      if (out.unclamped != nullptr) pack_whole_bytes(cols, same.data(), out.unclamped + r * stride / 8);
    }
  });
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

void extremes(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, std::span<float> high,
              std::span<float> low) {
  std::fill(high.begin(), high.end(), 0.0F);
  std::fill(low.begin(), low.end(), 0.0F);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const float v = x[r * cols + c];
      const std::size_t i = layout == ScaleLayout::per_tensor ? 0 : (layout == ScaleLayout::per_row ? r : c);
      high[i] = v > high[i] ? v : high[i];
      low[i] = -v > low[i] ? -v : low[i];
    }
  }
}

void quantize(std::size_t rows, std::size_t cols, const float* x, const Grids& grids, const QuantizedOutput& out) {
  const std::span<const Grid> each = grids.grids;
  if (grids.one_bit) {
    quantize_rows(rows, cols, out, [&](std::size_t r, auto* codes, std::uint8_t*) {
      for (std::size_t c = 0; c < cols; ++c) codes[c] = x[r * cols + c] >= 0.0F ? 1 : -1;
    });
  } else if (grids.layout == ScaleLayout::per_column) {
    const ColumnGrids columns(each);
    quantize_rows(rows, cols, out, [&](std::size_t r, auto* codes, std::uint8_t* same) {
      quantize_row(cols, x + r * cols, ColumnGrid(columns), codes, same);
    });
  } else {
    quantize_rows(rows, cols, out, [&](std::size_t r, auto* codes, std::uint8_t* same) {
      const Grid& grid = each[grids.layout == ScaleLayout::per_row ? r : 0];
      quantize_row(cols, x + r * cols, SharedGrid(grid), codes, same);
    });
  }
}

void dequantize(std::size_t first, std::size_t count, std::size_t cols, const Scales& scales,
                const program::Codes& codes, float* real) {
  const float* const scale = scales.scale;
  program::with_type(codes, [&](const auto* all) {
    for (std::size_t r = 0; r < count; ++r) {
      const auto* const in = all + r * codes.stride;
      float* const out = real + r * cols;
      if (scales.layout == ScaleLayout::per_column) {
        for (std::size_t c = 0; c < cols; ++c) out[c] = static_cast<float>(in[c]) * scale[c];
      } else {
        const float s = scale[scales.layout == ScaleLayout::per_row ? first + r : 0];
        for (std::size_t c = 0; c < cols; ++c) out[c] = static_cast<float>(in[c]) * s;
      }
    }
  });
}

}  // namespace bitstate::kernels

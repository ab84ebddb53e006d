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

/// Grids as separate arrays, one element a column, so that loops read them as vectors.
struct GridColumns {
  std::vector<float> scale, inverse, lo, hi;

  GridColumns(std::span<const Grid> grids, std::size_t cols) : scale(cols), inverse(cols), lo(cols), hi(cols) {
    for (std::size_t c = 0; c < cols; ++c) {
      const Grid& grid = grids[grids.size() == 1 ? 0 : c];
      scale[c] = grid.scale;
      inverse[c] = 1.0F / grid.scale;
      lo[c] = static_cast<float>(grid.lo);
      hi[c] = static_cast<float>(grid.hi);
    }
  }
};

/// Factors as separate arrays, one element a column.
struct FactorColumns {
  std::vector<std::int64_t> multiplier, half, shift;

  FactorColumns(std::span<const FixedPoint> factors, std::size_t cols) : multiplier(cols), half(cols), shift(cols) {
    for (std::size_t c = 0; c < cols; ++c) {
      const FixedPoint& factor = factors[factors.size() == 1 ? 0 : c];
      multiplier[c] = factor.multiplier;
      shift[c] = factor.shift;
      half[c] = std::int64_t{1} << (factor.shift - 1);
    }
  }
  [[nodiscard]] std::int64_t apply(std::int32_t a, std::size_t c) const {
    return (a * multiplier[c] + half[c]) >> shift[c];
  }
};

void quantize_one_bit(std::size_t n, const float* x, float scale, const QuantizedOutput& out, std::size_t at) {
  for (std::size_t i = at; i < at + n; ++i) {
    out.codes[i] = x[i] >= 0.0F ? 1 : -1;
    out.shadow[i] = static_cast<float>(out.codes[i]) * scale;
  }
  if (out.unclamped != nullptr) std::fill(out.unclamped + at, out.unclamped + at + n, std::uint8_t{1});
}

/// One grid for all values, or one per column, as quantize_run reads them.
struct SharedGrid {
  float scale_, inverse_, lo_, hi_;
  explicit SharedGrid(const Grid& grid)
      : scale_(grid.scale),
        inverse_(1.0F / grid.scale),
        lo_(static_cast<float>(grid.lo)),
        hi_(static_cast<float>(grid.hi)) {}
  [[nodiscard]] float scale(std::size_t) const { return scale_; }
  [[nodiscard]] float inverse(std::size_t) const { return inverse_; }
  [[nodiscard]] float lo(std::size_t) const { return lo_; }
  [[nodiscard]] float hi(std::size_t) const { return hi_; }
};
struct ColumnGrid {
  const float *scale_, *inverse_, *lo_, *hi_;
  explicit ColumnGrid(const GridColumns& g)
      : scale_(g.scale.data()), inverse_(g.inverse.data()), lo_(g.lo.data()), hi_(g.hi.data()) {}
  [[nodiscard]] float scale(std::size_t i) const { return scale_[i]; }
  [[nodiscard]] float inverse(std::size_t i) const { return inverse_[i]; }
  [[nodiscard]] float lo(std::size_t i) const { return lo_[i]; }
  [[nodiscard]] float hi(std::size_t i) const { return hi_[i]; }
};

/// `n` values from `at`. The grid is taken by value: a byte that is written could be one of a grid elsewhere.
template <class AnyGrid>
void quantize_run(std::size_t n, const float* x, const AnyGrid grid, const QuantizedOutput& out, std::size_t at) {
  const float* const __restrict in = x + at;
  std::int32_t* const __restrict codes = out.codes + at;
  float* const __restrict shadow = out.shadow + at;
  const auto round = [&](std::size_t i) {
    const float rounded = std::floor(in[i] * grid.inverse(i) + 0.5F);
    const float clamped = rounded > grid.hi(i) ? grid.hi(i) : (rounded < grid.lo(i) ? grid.lo(i) : rounded);
    codes[i] = static_cast<std::int32_t>(clamped);
    shadow[i] = clamped * grid.scale(i);
    return clamped == rounded;
  };
  if (out.unclamped == nullptr) {
    for (std::size_t i = 0; i < n; ++i) round(i);
  } else {
    std::uint8_t* const __restrict kept = out.unclamped + at;
    for (std::size_t i = 0; i < n; ++i) kept[i] = round(i) ? 1 : 0;
  }
}

void quantize_shared(std::size_t n, const float* x, const Grid& grid, bool one_bit, const QuantizedOutput& out,
                     std::size_t at) {
  if (one_bit) {
    quantize_one_bit(n, x, grid.scale, out, at);
    return;
  }
  quantize_run(n, x, SharedGrid(grid), out, at);
}

/// Constants of requantize, one element a column.
struct RequantizeColumns {
  const std::int64_t* multiplier;
  const std::int64_t* half;
  const std::int64_t* shift;
  const std::int64_t* lo;
  const std::int64_t* hi;
  const float* scale;
};

// __restrict: a byte may alias anything, so that the loop would not be vectorised without
void requantize_row(std::size_t n, const std::int32_t* __restrict x, const RequantizeColumns& columns,
                    std::int32_t* __restrict codes, float* __restrict shadow, std::uint8_t* __restrict unclamped) {
  const auto [multiplier, half, shift, lo, hi, scale] = columns;
  for (std::size_t c = 0; c < n; ++c) {
    const std::int64_t rounded = (x[c] * multiplier[c] + half[c]) >> shift[c];
    const std::int64_t low = rounded < lo[c] ? lo[c] : rounded;
    const std::int64_t clamped = low > hi[c] ? hi[c] : low;
    codes[c] = static_cast<std::int32_t>(clamped);
    shadow[c] = static_cast<float>(static_cast<std::int32_t>(clamped)) * scale[c];
    unclamped[c] = clamped == rounded ? 1 : 0;
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
  if (grids.layout == ScaleLayout::per_tensor) {
    quantize_shared(rows * cols, x, each[0], grids.one_bit, out, 0);
  } else if (grids.layout == ScaleLayout::per_row) {
    for (std::size_t r = 0; r < rows; ++r) quantize_shared(cols, x, each[r], grids.one_bit, out, r * cols);
  } else if (grids.one_bit) {
    for (std::size_t i = 0; i < rows * cols; ++i) quantize_one_bit(1, x, each[i % cols].scale, out, i);
  } else {
    const GridColumns columns(each, cols);
    for (std::size_t r = 0; r < rows; ++r) quantize_run(cols, x, ColumnGrid(columns), out, r * cols);
  }
}

void requantize(std::size_t rows, std::size_t cols, std::span<const FixedPoint> factors, const std::int32_t* x,
                std::span<const Grid> grids, const QuantizedOutput& out) {
  const FactorColumns f(factors, cols);
  const GridColumns g(grids, cols);
  std::vector<std::int64_t> lo(cols), hi(cols);
  for (std::size_t c = 0; c < cols; ++c) {
    lo[c] = static_cast<std::int64_t>(g.lo[c]);
    hi[c] = static_cast<std::int64_t>(g.hi[c]);
  }
  std::vector<std::uint8_t> ignored(out.unclamped == nullptr ? cols : 0);
  const RequantizeColumns columns{f.multiplier.data(), f.half.data(), f.shift.data(),
                                  lo.data(),           hi.data(),     g.scale.data()};
  for (std::size_t r = 0; r < rows; ++r) {
    requantize_row(cols, x + r * cols, columns, out.codes + r * cols, out.shadow + r * cols,
                   out.unclamped == nullptr ? ignored.data() : out.unclamped + r * cols);
  }
}

void rescale_add_row(std::size_t rows, std::size_t cols, std::span<const FixedPoint> factors, const std::int32_t* a,
                     std::span<const std::int32_t> row, std::int32_t* codes) {
  const FactorColumns f(factors, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::int32_t* const in = a + r * cols;
    std::int32_t* const out = codes + r * cols;
    for (std::size_t c = 0; c < cols; ++c) out[c] = static_cast<std::int32_t>(f.apply(in[c], c) + row[c]);
  }
}

void rescale_add(std::size_t rows, std::size_t cols, const Term& a, const Term& b, std::int32_t* codes) {
  const FactorColumns fa(a.factors, cols);
  const FactorColumns fb(b.factors, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t i = r * cols;
    for (std::size_t c = 0; c < cols; ++c) {
      codes[i + c] = static_cast<std::int32_t>(fa.apply(a.codes[i + c], c) + fb.apply(b.codes[i + c], c));
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

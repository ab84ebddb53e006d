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

/// `n` values from `at`, of which value i belongs to the grid scale(i), lo(i), ...
template <class Scale, class Inverse, class Low, class High>
void quantize_run(std::size_t n, const float* x, Scale scale, Inverse inverse, Low lo, High hi,
                  const QuantizedOutput& out, std::size_t at) {
  const float* const __restrict in = x + at;
  std::int32_t* const __restrict codes = out.codes + at;
  float* const __restrict shadow = out.shadow + at;
  if (out.unclamped == nullptr) {
    for (std::size_t i = 0; i < n; ++i) {
      const float rounded = std::floor(in[i] * inverse(i) + 0.5F);
      const float clamped = rounded > hi(i) ? hi(i) : (rounded < lo(i) ? lo(i) : rounded);
      codes[i] = static_cast<std::int32_t>(clamped);
      shadow[i] = clamped * scale(i);
    }
  } else {
    std::uint8_t* const __restrict kept = out.unclamped + at;
    for (std::size_t i = 0; i < n; ++i) {
      const float rounded = std::floor(in[i] * inverse(i) + 0.5F);
      const float clamped = rounded > hi(i) ? hi(i) : (rounded < lo(i) ? lo(i) : rounded);
      codes[i] = static_cast<std::int32_t>(clamped);
      shadow[i] = clamped * scale(i);
      kept[i] = clamped == rounded ? 1 : 0;
    }
  }
}

void quantize_shared(std::size_t n, const float* x, const Grid& grid, bool one_bit, const QuantizedOutput& out,
                     std::size_t at) {
  if (one_bit) {
    quantize_one_bit(n, x, grid.scale, out, at);
    return;
  }
  const auto same = [](float v) { return [v](std::size_t) { return v; }; };
  quantize_run(n, x, same(grid.scale), same(1.0F / grid.scale), same(static_cast<float>(grid.lo)),
               same(static_cast<float>(grid.hi)), out, at);
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

void quantize(std::size_t rows, std::size_t cols, ScaleLayout layout, const float* x, std::span<const Grid> grids,
              bool one_bit, const QuantizedOutput& out) {
  if (layout == ScaleLayout::per_tensor) {
    quantize_shared(rows * cols, x, grids[0], one_bit, out, 0);
  } else if (layout == ScaleLayout::per_row) {
    for (std::size_t r = 0; r < rows; ++r) quantize_shared(cols, x, grids[r], one_bit, out, r * cols);
  } else if (one_bit) {
    for (std::size_t i = 0; i < rows * cols; ++i) quantize_one_bit(1, x, grids[i % cols].scale, out, i);
  } else {
    const GridColumns g(grids, cols);
    const auto column = [](const std::vector<float>& v) { return [p = v.data()](std::size_t i) { return p[i]; }; };
    for (std::size_t r = 0; r < rows; ++r) {
      quantize_run(cols, x, column(g.scale), column(g.inverse), column(g.lo), column(g.hi), out, r * cols);
    }
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

void rescale_add(std::size_t rows, std::size_t cols, std::span<const FixedPoint> a_factors, const std::int32_t* a,
                 std::span<const FixedPoint> b_factors, const std::int32_t* b, std::int32_t* codes) {
  const FactorColumns fa(a_factors, cols);
  const FactorColumns fb(b_factors, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t i = r * cols;
    for (std::size_t c = 0; c < cols; ++c) {
      codes[i + c] = static_cast<std::int32_t>(fa.apply(a[i + c], c) + fb.apply(b[i + c], c));
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

#include "core/kernels/layer_norm.h"

#include <bit>
#include <cmath>
#include <vector>

namespace bitstate::kernels {
namespace {

/// floor(sqrt(v)) for v < 2^62: the double's root, corrected.
std::int64_t integer_root(std::int64_t v) {
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(v)));
  while (root * root > v) --root;
  while ((root + 1) * (root + 1) <= v) ++root;
  return root;
}

}  // namespace

NormFactor norm_factor(std::int64_t w, int fraction) {
  const int half_log = (static_cast<int>(std::bit_width(static_cast<std::uint64_t>(w))) - 1) / 2;
  return {(std::int64_t{1} << 60) / integer_root(w << (2 * (30 - half_log))), 30 + half_log - fraction};
}

void layer_norm_integer(const IntegerNorm& norm, std::size_t rows, const std::int32_t* x, std::int32_t* y,
                        std::int64_t* sum, std::int64_t* spread) {
  const std::size_t cols = norm.cols;
  const auto count = static_cast<std::int64_t>(cols);
  std::vector<std::int64_t> work(cols);
  std::int64_t* const d = work.data();
  for (std::size_t r = 0; r < rows; ++r) {
    const std::int32_t* const in = x + r * cols;
    std::int64_t s = 0;
    for (std::size_t c = 0; c < cols; ++c) s += in[c];
    std::int64_t w = norm.epsilon;
    for (std::size_t c = 0; c < cols; ++c) {
      d[c] = count * in[c] - s;
      w += d[c] * d[c];
    }
    const auto [inverse, shift] = norm_factor(w, norm.fraction);
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    std::int32_t* const out = y + r * cols;
    for (std::size_t c = 0; c < cols; ++c) {
      const std::int64_t p = (d[c] * inverse + half) >> shift;
      out[c] = static_cast<std::int32_t>(p * norm.scale[c] + norm.bias[c]);
    }
    sum[r] = s;
    spread[r] = w;
  }
}

}  // namespace bitstate::kernels

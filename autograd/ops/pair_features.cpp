// Rows i and N + i of x are the two documents of a pair; y_i = [x0, x1, x0 - x1, x0 * x1] (S5's retrieval head).
// dL/dx0 = g0 + g2 + x1 g3,  dL/dx1 = g1 - g2 + x0 g3.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

void pair_features_backward(Tape& tape, const Node& node) {
  const std::size_t width = node.cols / 4;
  const float* const x = tape[node.inputs[0]].value;
  float* const dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  for (std::size_t n = 0; n < node.rows; ++n) {
    const float* const g = node.gradient + n * node.cols;
    const std::size_t first = n * width;
    const std::size_t second = (node.rows + n) * width;
    for (std::size_t h = 0; h < width; ++h) {
      dx[first + h] += g[h] + g[2 * width + h] + x[second + h] * g[3 * width + h];
      dx[second + h] += g[width + h] - g[2 * width + h] + x[first + h] * g[3 * width + h];
    }
  }
}

constexpr OpTraits pair_features_traits{.why_float = "a program reads one sequence, not a pair of documents"};
constexpr Op pair_features_op{"pair_features", pair_features_backward, nullptr, nullptr, pair_features_traits};

void pair_features_on_codes(Tape& tape, Node& y, const Node& x) {
  const std::size_t width = x.cols;
  float* const scale = tape.arena().array<float>(y.cols);
  for (std::size_t c = 0; c < y.cols; ++c) {
    const auto s = static_cast<float>(x.column_scale(c % width));
    scale[c] = c < 3 * width ? s : s * s;
  }
  y.codes = tape.arena().array<std::int32_t>(y.size());
  y.scale = scale;
  y.layout = kernels::ScaleLayout::per_column;
  y.bound = std::max(2 * x.bound, x.bound * x.bound);
  for (std::size_t n = 0; n < y.rows; ++n) {
    const std::int32_t* const first = x.codes + n * width;
    const std::int32_t* const second = x.codes + (y.rows + n) * width;
    std::int32_t* const out = y.codes + n * y.cols;
    for (std::size_t h = 0; h < width; ++h) {
      out[h] = first[h];
      out[width + h] = second[h];
      out[2 * width + h] = first[h] - second[h];
      out[3 * width + h] = first[h] * second[h];
    }
  }
  kernels::dequantize(y.rows, y.cols, y.layout, y.codes, y.scale, y.value);
}

}  // namespace

Value pair_features(Tape& tape, Value pooled) {
  const std::size_t width = tape[pooled].cols;
  require(tape[pooled].rows % 2 == 0, "pair_features", "{} documents cannot be paired", tape[pooled].rows);
  Node& y = tape.push(pair_features_op, {pooled}, tape[pooled].rows / 2, 4 * width);
  const Node& in = tape[pooled];
  if (in.has_codes() && in.layout != kernels::ScaleLayout::per_row && in.bound * in.bound < std::int64_t{1} << 31 &&
      in.bound < std::int64_t{1} << 30) {
    pair_features_on_codes(tape, y, in);
    return tape.last();
  }
  const float* const x = in.value;
  for (std::size_t n = 0; n < y.rows; ++n) {
    const float* const first = x + n * width;
    const float* const second = x + (y.rows + n) * width;
    float* const out = y.value + n * y.cols;
    for (std::size_t h = 0; h < width; ++h) {
      out[h] = first[h];
      out[width + h] = second[h];
      out[2 * width + h] = first[h] - second[h];
      out[3 * width + h] = first[h] * second[h];
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

// Rows i and N + i of x are the two documents of a pair; y_i = [x0, x1, x0 - x1, x0 * x1] (S5's retrieval head).
// dL/dx0 = g0 + g2 + x1 g3,  dL/dx1 = g1 - g2 + x0 g3.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

void pair_features_backward(Tape& tape, const Node& node) {
  const std::size_t width = node.cols / 4;
  const float* const x = tape.value(node.inputs[0]);
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

/// [x0, x1, x0 - x1, x0 x1] of each pair.
template <class T>
void pair_rows(std::size_t pairs, std::size_t width, const T* x, T* y) {
  for (std::size_t n = 0; n < pairs; ++n) {
    const T* const first = x + n * width;
    const T* const second = x + (pairs + n) * width;
    T* const out = y + n * 4 * width;
    for (std::size_t h = 0; h < width; ++h) {
      out[h] = first[h];
      out[width + h] = second[h];
      out[2 * width + h] = first[h] - second[h];
      out[3 * width + h] = first[h] * second[h];
    }
  }
}

void pair_features_on_codes(Tape& tape, Node& y, Value pooled) {
  const Node& x = tape[pooled];
  const std::size_t width = x.cols;
  float* const scale = tape.arena().array<float>(y.cols);
  for (std::size_t c = 0; c < y.cols; ++c) {
    const auto s = static_cast<float>(x.column_scale(c % width));
    scale[c] = c < 3 * width ? s : s * s;
  }
  y.scale = scale;
  y.layout = kernels::ScaleLayout::per_column;
  y.bound = std::max(2 * x.bound, x.bound * x.bound);
  pair_rows(y.rows, width, tape.codes32(pooled).data(), tape.new_codes32(y));
}

}  // namespace

Value pair_features(Tape& tape, Value pooled) {
  const std::size_t width = tape[pooled].cols;
  require(tape[pooled].rows % 2 == 0, "pair_features", "{} documents cannot be paired", tape[pooled].rows);
  Node& y = tape.push_bare(pair_features_op, {pooled}, tape[pooled].rows / 2, 4 * width);
  const Node& in = tape[pooled];
  if (in.has_codes() && in.layout != kernels::ScaleLayout::per_row && in.bound * in.bound < std::int64_t{1} << 31 &&
      in.bound < std::int64_t{1} << 30) {
    pair_features_on_codes(tape, y, pooled);
    return tape.last();
  }
  y.real = tape.arena().array<float>(y.size());
  pair_rows(y.rows, width, tape.value(pooled), y.real);
  return tape.last();
}

}  // namespace bitstate::ops

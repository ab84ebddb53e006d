// Q-S5's LayerNorm: z = q(y) q(m) + bias,  y = x - mean,  m = scale / sqrt(var + 1e-6), mean and biased variance over
// the channels of each row; q rounds y and m with the largest magnitude of a whole sequence as range. Straight-through:
// dL/dy = g q(m);  dL/dm = g q(y);  dL/dscale = sum dm r with r = 1 / sqrt(var + eps);  dL/dr = sum_c dm scale;
// dL/dx = dy - mean(dy) - dr r^3 y / H;  dL/dbias = sum g. Pass::norm_backward has other forms: section 7.
#include "autograd/ops.h"

#include "autograd/kernels/reduce.h"
#include "autograd/ops/gradient_rounding.h"
#include "autograd/ops/shift_only.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace bitstate::ops {
namespace {

constexpr float q_layer_norm_epsilon = 1e-6F;

struct QLayerNormAttributes {
  const float* mean;      // [T]
  const float* inverse;   // [T], 1 / sqrt(var + eps)
  const float* centred;   // [T, H], q(y)
  const float* multiple;  // [T, H], q(m)
  const KeptRounding* rounding;
};

const float* rounded_again(Tape& tape, const Node& node, const KeptRounding& rounding, const float* x) {
  float* const out = tape.scratch().array<float>(node.size());
  kernels::round_to_own_ranges(rounding.spec, rounding.x_groups(), node.rows, node.cols, x, out);
  return out;
}

void q_layer_norm_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const QLayerNormAttributes*>(node.attributes);
  const std::size_t cols = node.cols;
  const float* const x = tape.value(node.inputs[0]);
  const float* const scale = tape.value(node.inputs[1]);
  float* const dx = tape.gradient(node.inputs[0]);
  float* const dscale = tape.gradient(node.inputs[1]);
  if (float* const dbias = tape.gradient(node.inputs[2])) {
    for (std::size_t i = 0; i < node.size(); ++i) dbias[i % cols] += node.gradient[i];
  }
  const float* centred_rows = a.centred;
  const float* multiple_rows = a.multiple;
  if (a.rounding != nullptr) {
    round_gradient(node, *a.rounding);
    centred_rows = rounded_again(tape, node, *a.rounding, a.centred);
    multiple_rows = rounded_again(tape, node, *a.rounding, a.multiple);
  }
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < node.rows; ++t) {
    const std::size_t first = t * cols;
    const float* const g = node.gradient + first;
    const float* const centred = centred_rows + first;
    const float* const multiple = multiple_rows + first;
    const float inverse = a.inverse[t];
    if (dscale != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) dscale[c] += g[c] * centred[c] * inverse;
    }
    if (dx == nullptr) continue;
    const float mean_dy = share * kernels::sum_of(cols, [&](std::size_t c) { return g[c] * multiple[c]; });
    const float dinverse = kernels::sum_of(cols, [&](std::size_t c) { return g[c] * centred[c] * scale[c]; });
    const float slope = dinverse * inverse * inverse * inverse * share;
    for (std::size_t c = 0; c < cols; ++c) {
      dx[first + c] += g[c] * multiple[c] - mean_dy - slope * (x[first + c] - a.mean[t]);
    }
  }
}

/// With r held constant, and the mean as well where NormBackward::frozen.
void q_layer_norm_shift_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const QLayerNormAttributes*>(node.attributes);
  const bool centred = tape.pass().norm_backward == NormBackward::centred;
  const std::size_t cols = node.cols;
  add_shift_gradient(tape, node, node.inputs[2]);
  const float* multiple_rows = a.multiple;
  if (a.rounding != nullptr) {
    round_gradient(node, *a.rounding);
    multiple_rows = rounded_again(tape, node, *a.rounding, a.multiple);
  }
  const float share = centred ? 1.0F / static_cast<float>(cols) : 0.0F;
  for (std::size_t t = 0; t < node.rows; ++t) {
    float* const g = node.gradient + t * cols;
    const float* const multiple = multiple_rows + t * cols;
    for (std::size_t c = 0; c < cols; ++c) g[c] *= multiple[c];
    const float mean = share * kernels::sum_of(cols, [&](std::size_t c) { return g[c]; });
    for (std::size_t c = 0; c < cols; ++c) g[c] -= mean;
  }
  tape.pass_on(node.inputs[0], node);
}

constexpr OpTraits q_layer_norm_traits{.weighted = true, .why_float = "Q-S5's operator is float"};
constexpr Op q_layer_norm_op{"q_layer_norm", q_layer_norm_backward, nullptr, nullptr, q_layer_norm_traits};
constexpr Op q_layer_norm_shift_op{"q_layer_norm", q_layer_norm_shift_backward, nullptr, nullptr, q_layer_norm_traits};

/// y and m of all rows, unrounded.
void normalise(const Node& x, const float* values, const float* scale, float* mean, float* inverse, float* centred,
               float* multiple) {
  const std::size_t cols = x.cols;
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < x.rows; ++t) {
    const float* const row = values + t * cols;
    const float m = share * kernels::sum_of(cols, [&](std::size_t c) { return row[c]; });
    const float variance = share * kernels::sum_of(cols, [&](std::size_t c) { return (row[c] - m) * (row[c] - m); });
    const float r = 1.0F / std::sqrt(variance + q_layer_norm_epsilon);
    mean[t] = m;
    inverse[t] = r;
    for (std::size_t c = 0; c < cols; ++c) centred[t * cols + c] = row[c] - m;
    for (std::size_t c = 0; c < cols; ++c) multiple[t * cols + c] = r * scale[c];
  }
}

}  // namespace

Value q_layer_norm(Tape& tape, Value x, Value scale, Value bias, const Quantizer& site, const Sequences& sequences,
                   bool quantize_gradients) {
  const std::size_t rows = tape[x].rows;
  const std::size_t cols = tape[x].cols;
  require(tape[scale].size() == cols && (!bias.exists() || tape[bias].size() == cols), "q_layer_norm",
          "x has {} columns, scale has {} elements and bias {}", cols, tape[scale].size(),
          bias.exists() ? tape[bias].size() : cols);
  sequences.check("q_layer_norm", rows);
  Arena& arena = tape.arena();
  float* const mean = arena.array<float>(rows);
  float* const inverse = arena.array<float>(rows);
  float* const centred = arena.array<float>(rows * cols);
  float* const multiple = arena.array<float>(rows * cols);
  normalise(tape[x], tape.value(x), tape.value(scale), mean, inverse, centred, multiple);
  std::size_t first = 0;
  for (const std::size_t length : sequences.rows) {
    const std::size_t size = length * cols;
    for (float* const part : {centred + first, multiple + first}) {
      require<DivergedError>(kernels::round_to_own_range(site.spec, size, part, part), "q_layer_norm",
                             "{} holds a NaN or an infinity", site.site);
    }
    first += size;
  }
  const Op& op = trains_shift_only(tape) ? q_layer_norm_shift_op : q_layer_norm_op;
  Node& z = tape.push(op, {x, scale, bias}, rows, cols);
  const GradientRounding gradients{quantize_gradients ? site.spec.bits : 0, &sequences};
  const KeptRounding* const rounding = keep_rounding(tape, gradients);
  z.attributes = tape.keep(QLayerNormAttributes{mean, inverse, centred, multiple, rounding});
  const float* const offset = bias.exists() ? tape.value(bias) : nullptr;
  for (std::size_t i = 0; i < z.size(); ++i) z.real[i] = centred[i] * multiple[i];
  for (std::size_t t = 0; offset != nullptr && t < rows; ++t) {
    for (std::size_t c = 0; c < cols; ++c) z.real[t * cols + c] += offset[c];
  }
  tape.visit(site, x, tape.last());
  return tape.last();
}

}  // namespace bitstate::ops

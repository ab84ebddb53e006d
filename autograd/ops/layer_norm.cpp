// y = scale * n + bias,  n = (x - mean) / sqrt(var + 1e-6), mean and biased variance over the channels of each row.
// dL/dn = scale g;  dL/dx = (dn - mean(dn) - n mean(dn n)) / sqrt(var + eps);  dL/dscale = sum g n;  dL/dbias = sum g.
#include "autograd/ops.h"

#include "core/error.h"
#include "core/kernels/reduce.h"

#include <cmath>

namespace bitstate::ops {
namespace {

constexpr float epsilon = 1e-6F;

struct Attributes {
  const float* mean;     // [T]
  const float* inverse;  // [T], 1 / sqrt(var + eps)
};

void backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const Attributes*>(node.attributes);
  const std::size_t cols = node.cols;
  const float* const x = tape[node.inputs[0]].value;
  const float* const scale = tape[node.inputs[1]].value;
  float* const dx = tape.gradient(node.inputs[0]);
  float* const dscale = tape.gradient(node.inputs[1]);
  float* const dbias = tape.gradient(node.inputs[2]);
  float* const normal = tape.arena().array<float>(cols);
  float* const dnormal = tape.arena().array<float>(cols);
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < node.rows; ++t) {
    const float* const row = x + t * cols;
    const float* const g = node.gradient + t * cols;
    const float inverse = a.inverse[t];
    for (std::size_t c = 0; c < cols; ++c) {
      normal[c] = (row[c] - a.mean[t]) * inverse;
      dnormal[c] = scale[c] * g[c];
    }
    if (dscale != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) dscale[c] += g[c] * normal[c];
    }
    if (dbias != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) dbias[c] += g[c];
    }
    if (dx == nullptr) continue;
    const float mean_d = share * kernels::sum_of(cols, [&](std::size_t c) { return dnormal[c]; });
    const float mean_dn = share * kernels::sum_of(cols, [&](std::size_t c) { return dnormal[c] * normal[c]; });
    for (std::size_t c = 0; c < cols; ++c) dx[t * cols + c] += inverse * (dnormal[c] - mean_d - normal[c] * mean_dn);
  }
}

constexpr Op op{"layer_norm", backward};

}  // namespace

Value layer_norm(Tape& tape, Value x, Value scale, Value bias) {
  const std::size_t rows = tape[x].rows;
  const std::size_t cols = tape[x].cols;
  require(tape[scale].size() == cols && (!bias.exists() || tape[bias].size() == cols), "layer_norm",
          "x has {} columns, scale has {} elements", cols, tape[scale].size());
  float* const mean = tape.arena().array<float>(rows);
  float* const inverse = tape.arena().array<float>(rows);
  Node& y = tape.push(op, {x, scale, bias}, rows, cols);
  y.attributes = tape.keep(Attributes{mean, inverse});
  const float* const in = tape[x].value;
  const float* const factor = tape[scale].value;
  const float* const offset = bias.exists() ? tape[bias].value : nullptr;
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < rows; ++t) {
    const float* const row = in + t * cols;
    float* const out = y.value + t * cols;
    const float m = share * kernels::sum_of(cols, [&](std::size_t c) { return row[c]; });
    const float variance = share * kernels::sum_of(cols, [&](std::size_t c) { return (row[c] - m) * (row[c] - m); });
    const float s = 1.0F / std::sqrt(variance + epsilon);
    mean[t] = m;
    inverse[t] = s;
    for (std::size_t c = 0; c < cols; ++c) out[c] = (row[c] - m) * s * factor[c];
    if (offset != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) out[c] += offset[c];
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

// y = weight * n,  n = x / sqrt(mean x^2 + 1e-5), the mean over each group of channels of a row (Zhang and Sennrich
// 2019). With r = 1 / sqrt(..) and dn = weight g: dL/dx = r (dn - n mean(dn n));  dL/dweight = sum g n.
#include "autograd/ops.h"

#include "autograd/kernels/reduce.h"
#include "core/error.h"

#include <cmath>

namespace bitstate::ops {
namespace {

constexpr float epsilon_of_rms = 1e-5F;

struct RmsNormAttributes {
  const float* inverse;  // 1 / sqrt(mean x^2 + eps) [T, groups]
  std::size_t groups;
};

void rms_norm_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const RmsNormAttributes*>(node.attributes);
  const float* const x = tape.value(node.inputs[0]);
  const float* const weight = tape.value(node.inputs[1]);
  float* const dweight = tape.gradient(node.inputs[1]);
  const std::size_t width = node.cols / a.groups;
  const float share = 1.0F / static_cast<float>(width);
  for (std::size_t i = 0; i < node.rows * a.groups; ++i) {
    const float inverse = a.inverse[i];
    const float* const row = x + i * width;
    const std::size_t channel = (i % a.groups) * width;
    float* const g = node.gradient + i * width;
    if (dweight != nullptr) {
      for (std::size_t c = 0; c < width; ++c) dweight[channel + c] += g[c] * row[c] * inverse;
    }
    for (std::size_t c = 0; c < width; ++c) g[c] *= weight[channel + c];
    const float mean = share * inverse * kernels::sum_of(width, [&](std::size_t c) { return g[c] * row[c]; });
    for (std::size_t c = 0; c < width; ++c) g[c] = inverse * (g[c] - row[c] * inverse * mean);
  }
  tape.pass_on(node.inputs[0], node);
}

constexpr Op rms_norm_op{"rms_norm", rms_norm_backward, nullptr, nullptr, {.weighted = true}};

}  // namespace

Value rms_norm(Tape& tape, Value x, Value weight, std::size_t groups) {
  const std::size_t cols = tape[x].cols;
  require(tape[weight].size() == cols, "rms_norm", "x has {} columns, weight has {} elements", cols,
          tape[weight].size());
  require(groups > 0 && cols % groups == 0, "rms_norm", "{} columns cannot be parted into {} equal groups", cols,
          groups);
  const std::size_t width = cols / groups;
  const float* const in = tape.value(x);
  const float* const factor = tape.value(weight);
  Node& y = tape.push(rms_norm_op, {x, weight}, tape[x].rows, cols);
  float* const inverses = tape.arena().array<float>(y.rows * groups);
  y.attributes = tape.keep(RmsNormAttributes{inverses, groups});
  const float share = 1.0F / static_cast<float>(width);
  for (std::size_t i = 0; i < y.rows * groups; ++i) {
    const float* const row = in + i * width;
    const float* const w = factor + (i % groups) * width;
    float* const out = y.real + i * width;
    const float square = share * kernels::sum_of(width, [&](std::size_t c) { return row[c] * row[c]; });
    const float inverse = 1.0F / std::sqrt(square + epsilon_of_rms);
    inverses[i] = inverse;
    for (std::size_t c = 0; c < width; ++c) out[c] = row[c] * inverse * w[c];
  }
  return tape.last();
}

}  // namespace bitstate::ops

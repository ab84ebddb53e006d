// y = scale * n + bias,  n = (x - mean) / sqrt(var + 1e-6), mean and biased variance over the channels of each row. On
// codes: docs/numerics.md, section 5. dL/dn = scale g;  dL/dx = (dn - mean(dn) - n mean(dn n)) / sqrt(var + eps);
// dL/dscale = sum g n;  dL/dbias = sum g.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/reduce.h"
#include "core/error.h"
#include "core/kernels/layer_norm.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <vector>

namespace bitstate::ops {
namespace {

constexpr double layer_norm_epsilon = 1e-6;

struct LayerNormAttributes {
  const float* mean;     // [T]
  const float* inverse;  // [T], 1 / sqrt(var + eps)
  const kernels::IntegerNorm* integer = nullptr;
};

void layer_norm_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const LayerNormAttributes*>(node.attributes);
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

void layer_norm_lower(Lowering& to, const Node& node) {
  const kernels::IntegerNorm& norm = *static_cast<const LayerNormAttributes*>(node.attributes)->integer;
  to.emit(program::LayerNorm{to.value(node.inputs[0]),
                             {norm.scale, norm.scale + norm.cols},
                             {norm.bias, norm.bias + norm.cols},
                             norm.fraction,
                             norm.epsilon});
}

constexpr Op layer_norm_op{"layer_norm", layer_norm_backward, layer_norm_lower, nullptr, {.weighted = true}};

/// Mean and 1 / sqrt(var + eps) of each row, to be written.
struct Moments {
  float* mean;
  float* inverse;
};

/// Computes on codes; returns false, with y untouched, where a bound of section 5 does not hold.
bool layer_norm_on_codes(Tape& tape, Node& y, const Node& x, const Node& gamma, const float* beta,
                         const Moments& moments) {
  const double count = static_cast<double>(x.cols);
  const double cube = count * count * count;
  const double x_scale = double{x.scale[0]};
  const auto bound = static_cast<double>(x.bound);
  if (!(cube * bound * bound <= 0x1.0p60)) return false;
  const int fraction = 30 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(gamma.bound)));
  float* const scale = tape.arena().array<float>(1);
  *scale = static_cast<float>(std::sqrt(count) * std::ldexp(double{gamma.scale[0]}, -fraction));
  const std::span bias(tape.arena().array<std::int32_t>(x.cols), x.cols);
  std::fill(bias.begin(), bias.end(), 0);
  std::int64_t largest = 0;
  for (std::size_t c = 0; c < x.cols && beta != nullptr; ++c) {
    const double code = std::floor(double{beta[c]} / double{*scale} + 0.5);
    if (!(std::fabs(code) < 0x1.0p30)) return false;
    bias[c] = static_cast<std::int32_t>(code);
    largest = std::max<std::int64_t>(largest, std::abs(bias[c]));
  }
  const double e = std::floor(layer_norm_epsilon * cube / (x_scale * x_scale) + 0.5);
  const kernels::IntegerNorm norm{x.cols, gamma.codes, bias.data(), fraction,
                                  static_cast<std::int64_t>(std::clamp(e, 1.0, 0x1.0p60))};
  y.attributes = tape.keep(LayerNormAttributes{moments.mean, moments.inverse, tape.keep(norm)});
  y.codes = tape.arena().array<std::int32_t>(y.size());
  y.scale = scale;
  y.bound = (gamma.bound << fraction) + largest;
  auto* const sum = tape.arena().array<std::int64_t>(x.rows);
  auto* const spread = tape.arena().array<std::int64_t>(x.rows);
  kernels::layer_norm_integer(norm, x.rows, x.codes, y.codes, sum, spread);
  kernels::dequantize(y.rows, y.cols, y.layout, y.codes, scale, y.value);
  for (std::size_t t = 0; t < x.rows; ++t) {
    moments.mean[t] = static_cast<float>(x_scale * static_cast<double>(sum[t]) / count);
    moments.inverse[t] = static_cast<float>(std::sqrt(cube / static_cast<double>(spread[t])) / x_scale);
  }
  return true;
}

}  // namespace

Value layer_norm(Tape& tape, Value x, Value scale, Value bias) {
  const std::size_t rows = tape[x].rows;
  const std::size_t cols = tape[x].cols;
  require(tape[scale].size() == cols && (!bias.exists() || tape[bias].size() == cols), "layer_norm",
          "x has {} columns, scale has {} elements and bias {}", cols, tape[scale].size(),
          bias.exists() ? tape[bias].size() : cols);
  float* const mean = tape.arena().array<float>(rows);
  float* const inverse = tape.arena().array<float>(rows);
  Node& y = tape.push(layer_norm_op, {x, scale, bias}, rows, cols);
  y.attributes = tape.keep(LayerNormAttributes{mean, inverse});
  const Node& gamma = tape[scale];
  const float* const offset = bias.exists() ? tape[bias].value : nullptr;
  const auto has_one_scale = [](const Node& node) {
    return node.has_codes() && node.layout == kernels::ScaleLayout::per_tensor;
  };
  if (has_one_scale(tape[x]) && has_one_scale(gamma) &&
      layer_norm_on_codes(tape, y, tape[x], gamma, offset, {mean, inverse})) {
    return tape.last();
  }
  const float* const in = tape[x].value;
  const float* const factor = gamma.value;
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < rows; ++t) {
    const float* const row = in + t * cols;
    float* const out = y.value + t * cols;
    const float m = share * kernels::sum_of(cols, [&](std::size_t c) { return row[c]; });
    const float variance = share * kernels::sum_of(cols, [&](std::size_t c) { return (row[c] - m) * (row[c] - m); });
    const float s = 1.0F / std::sqrt(variance + static_cast<float>(layer_norm_epsilon));
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

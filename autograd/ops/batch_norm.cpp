// y = scale * n + bias,  n = (x - mean) / sqrt(var + 1e-5), per channel; in training mean and biased variance are those
// of all steps of the whole batch, summed in double over the lanes (Meeting), in evaluation the running ones. Training:
// dL/dx = scale / sqrt(var + eps) (g - mean(g) - n mean(g n)), the means again over the whole batch. Evaluation: dL/dx
// = scale / sqrt(var + eps) g, which reads no x where the scale does not train (Pass::norm_backward).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/ops/shift_only.h"
#include "core/error.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace bitstate::ops {
namespace {

constexpr double batch_norm_epsilon = 1e-5;

struct BatchNormAttributes {
  const float* mean;                    // [H]
  const float* inverse;                 // [H], 1 / sqrt(var + eps)
  double count;                         // steps in the batch; 0 in evaluation: the statistics are constants
  const FixedPoint* factors = nullptr;  // [H], on codes, and as the kernels read them
  const std::int32_t* row = nullptr;    // [H], on codes
  program::Factors kernel_factors = {};
};

void sum_over_lanes(Tape& tape, std::span<double> values) {
  if (Meeting* const meeting = tape.pass().meeting) meeting->sum(tape.pass().lane, values);
}

void batch_norm_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const BatchNormAttributes*>(node.attributes);
  const std::size_t cols = node.cols;
  const float* const x = tape.value(node.inputs[0]);
  const float* const scale = tape.value(node.inputs[1]);
  std::vector<double> sums(2 * cols, 0.0);  // of g, of g n
  for (std::size_t t = 0; t < node.rows; ++t) {
    for (std::size_t c = 0; c < cols; ++c) {
      const float g = node.gradient[t * cols + c];
      sums[c] += double{g};
      sums[cols + c] += double{g} * double{(x[t * cols + c] - a.mean[c]) * a.inverse[c]};
    }
  }
  if (float* const dscale = tape.gradient(node.inputs[1])) {
    for (std::size_t c = 0; c < cols; ++c) dscale[c] += static_cast<float>(sums[cols + c]);
  }
  if (float* const dbias = tape.gradient(node.inputs[2])) {
    for (std::size_t c = 0; c < cols; ++c) dbias[c] += static_cast<float>(sums[c]);
  }
  if (a.count > 0.0) sum_over_lanes(tape, sums);
  const double share = a.count > 0.0 ? 1.0 / a.count : 0.0;
  std::vector<float> mean_g(2 * cols);
  for (std::size_t c = 0; c < 2 * cols; ++c) mean_g[c] = static_cast<float>(sums[c] * share);
  for (std::size_t t = 0; t < node.rows; ++t) {
    for (std::size_t c = 0; c < cols; ++c) {
      const std::size_t i = t * cols + c;
      const float normal = (x[i] - a.mean[c]) * a.inverse[c];
      node.gradient[i] = scale[c] * a.inverse[c] * (node.gradient[i] - mean_g[c] - normal * mean_g[cols + c]);
    }
  }
  tape.pass_on(node.inputs[0], node);
}

/// Of running statistics, where the scale does not train.
void batch_norm_shift_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const BatchNormAttributes*>(node.attributes);
  const float* const scale = tape.value(node.inputs[1]);
  add_shift_gradient(tape, node, node.inputs[2]);
  for (std::size_t t = 0; t < node.rows; ++t) {
    float* const g = node.gradient + t * node.cols;
    for (std::size_t c = 0; c < node.cols; ++c) g[c] *= scale[c] * a.inverse[c];
  }
  tape.pass_on(node.inputs[0], node);
}

void batch_norm_lower(Lowering& to, const Node& node) {
  const auto& a = *static_cast<const BatchNormAttributes*>(node.attributes);
  to.emit(program::AddRow{to.value(node.inputs[0]), {a.factors, a.factors + node.cols}, {a.row, a.row + node.cols}});
}

void batch_norm_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                        const program::MutableCodes& y) {
  const auto& a = *static_cast<const BatchNormAttributes*>(node.attributes);
  const program::Codes x = tape.code_rows(node.inputs[0], rows);
  Tape::kernels().add_row({a.kernel_factors, x}, a.row, then, node.cols, rows.count, y);
}

constexpr Op batch_norm_op{"batch_norm", batch_norm_backward, batch_norm_lower,
                           nullptr,      {.weighted = true},  batch_norm_compute};
constexpr Op batch_norm_shift_op{"batch_norm", batch_norm_shift_backward, batch_norm_lower,
                                 nullptr,      {.weighted = true},        batch_norm_compute};

/// Mean and biased variance of the whole batch; returns the number of steps.
double batch_statistics(Tape& tape, Value value, float* mean, float* variance) {
  const Node& x = tape[value];
  const float* const in = tape.value(value);
  const std::size_t cols = x.cols;
  std::vector<double> sums(2 * cols + 1, 0.0);  // of x, of x^2, and the count
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t c = 0; c < cols; ++c) {
      const double v = in[t * cols + c];
      sums[c] += v;
      sums[cols + c] += v * v;
    }
  }
  sums[2 * cols] = static_cast<double>(x.rows);
  sum_over_lanes(tape, sums);
  const double count = sums[2 * cols];
  for (std::size_t c = 0; c < cols; ++c) {
    const double m = sums[c] / count;
    mean[c] = static_cast<float>(m);
    variance[c] = static_cast<float>(std::max(0.0, sums[cols + c] / count - m * m));
  }
  return count;
}

/// y = a_c x + b_c of evaluation, on codes (docs/numerics.md, section 4).
void batch_norm_on_codes(Tape& tape, Node& y, const Node& x, const float* factor, const float* offset) {
  double largest = 0.0;
  for (std::size_t c = 0; c < y.cols; ++c) {
    const double span = static_cast<double>(x.bound) * x.column_scale(c) * std::fabs(double{factor[c]});
    largest = std::max(largest, span + std::fabs(double{offset[c]}));
  }
  float* const scale = tape.arena().array<float>(1);
  *scale = static_cast<float>(std::max(largest, 0x1.0p-60) * 0x1.0p-28);
  const std::span factors(tape.arena().array<FixedPoint>(y.cols), y.cols);
  std::vector<std::int32_t> row(y.cols);
  std::fill(factors.begin(), factors.end(), FixedPoint{});
  for (std::size_t c = 0; c < y.cols; ++c) {
    if (factor[c] != 0.0F) {
      factors[c] = to_fixed_point(std::fabs(double{factor[c]}) * x.column_scale(c) / double{*scale}, "batch_norm");
      if (factor[c] < 0.0F) factors[c].multiplier = -factors[c].multiplier;
    }
    row[c] = static_cast<std::int32_t>(std::floor(double{offset[c]} / double{*scale} + 0.5));
  }
  BatchNormAttributes kept = *static_cast<const BatchNormAttributes*>(y.attributes);
  kept.factors = factors.data();
  kept.row = program::padded_row(tape.arena(), row);
  kept.kernel_factors = program::factors_of(tape.arena(), factors, y.cols);
  y.attributes = tape.keep(kept);
  y.scale = scale;
  y.bound = kernels::fine_sum_bound;
}

}  // namespace

Value batch_norm(Tape& tape, Value x, Value scale, Value bias, const BatchStatistics& statistics) {
  const std::size_t cols = tape[x].cols;
  require(tape[scale].size() == cols && tape[bias].size() == cols, "batch_norm",
          "x has {} columns, scale has {} elements and bias {}", cols, tape[scale].size(), tape[bias].size());
  float* const mean = tape.arena().array<float>(cols);
  float* const variance = tape.arena().array<float>(cols);
  float* const inverse = tape.arena().array<float>(cols);
  double count = 0.0;
  const bool of_batch = tape.pass().training && !tape.pass().running_statistics;
  if (of_batch) {
    count = batch_statistics(tape, x, mean, variance);
    const std::span kept = tape.statistics(statistics.offset, 2 * cols);
    for (std::size_t c = 0; c < cols && !kept.empty(); ++c) {
      kept[c] = double{mean[c]};
      kept[cols + c] = double{variance[c]};
    }
  } else {
    require(statistics.running_mean.size() == cols && statistics.running_variance.size() == cols, "batch_norm",
            "x has {} columns, the running statistics have {} means and {} variances", cols,
            statistics.running_mean.size(), statistics.running_variance.size());
    std::copy_n(statistics.running_mean.begin(), cols, mean);
    std::copy_n(statistics.running_variance.begin(), cols, variance);
  }
  for (std::size_t c = 0; c < cols; ++c) {
    inverse[c] = static_cast<float>(1.0 / std::sqrt(double{variance[c]} + batch_norm_epsilon));
  }
  const Op& op = trains_shift_only(tape) && !of_batch ? batch_norm_shift_op : batch_norm_op;
  Node& y = tape.push_bare(op, {x, scale, bias}, tape[x].rows, cols);
  y.attributes = tape.keep(BatchNormAttributes{mean, inverse, count});
  const float* const factor = tape.value(scale);
  const float* const offset = tape.value(bias);
  const Node& input = tape[x];
  if (!of_batch && input.has_codes() && input.layout != kernels::ScaleLayout::per_row) {
    float* const a = tape.arena().array<float>(cols);
    float* const b = tape.arena().array<float>(cols);
    for (std::size_t c = 0; c < cols; ++c) {
      a[c] = factor[c] / std::sqrt(variance[c] + static_cast<float>(batch_norm_epsilon));
      b[c] = offset[c] - mean[c] * a[c];
    }
    static_cast<void>(tape.codes(x));  // what is normalized is read once more, by the sum behind the layer
    batch_norm_on_codes(tape, y, input, a, b);
    return tape.last();
  }
  const float* const in = tape.value(x);
  y.real = tape.new_real(y);
  for (std::size_t t = 0; t < y.rows; ++t) {
    for (std::size_t c = 0; c < cols; ++c) {
      const std::size_t i = t * cols + c;
      y.real[i] = (in[i] - mean[c]) * inverse[c] * factor[c] + offset[c];
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

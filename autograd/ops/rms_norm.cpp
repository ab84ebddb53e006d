// y = weight * n,  n = x / sqrt(mean x^2 + 1e-5), the mean over each group of channels of a row (Zhang and Sennrich
// 2019). On codes: docs/numerics.md, section 10. With r = 1 / sqrt(..) and dn = weight g: dL/dx = r (dn - n mean(dn
// n)); dL/dweight = sum g n. Pass::norm_backward has another form: section 7.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/reduce.h"
#include "autograd/ops/shift_only.h"
#include "core/error.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bitstate::ops {
namespace {

constexpr float epsilon_of_rms = 1e-5F;

struct RmsNormAttributes {
  std::size_t groups;
  program::GroupNorm norm = {};  // on codes
};

/// 1 / sqrt(mean x^2 + eps)
float inverse_rms(const float* x, std::size_t width) {
  const float share = 1.0F / static_cast<float>(width);
  const float square = share * kernels::sum_of(width, [&](std::size_t c) { return x[c] * x[c]; });
  return 1.0F / std::sqrt(square + epsilon_of_rms);
}

void rms_norm_backward(Tape& tape, const Node& node) {
  const std::size_t groups = static_cast<const RmsNormAttributes*>(node.attributes)->groups;
  RowReader rows(tape, node.inputs[0]);
  const float* const weight = tape.value(node.inputs[1]);
  float* const dweight = tape.gradient(node.inputs[1]);
  const std::size_t width = node.cols / groups;
  const float share = 1.0F / static_cast<float>(width);
  for (std::size_t i = 0; i < node.rows * groups; ++i) {
    const std::size_t channel = (i % groups) * width;
    const float* const row = rows(i / groups) + channel;
    const float inverse = inverse_rms(row, width);
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

/// With r held constant: there is no mean, so centred and frozen are one, and no shift, so nothing trains.
void rms_norm_frozen_backward(Tape& tape, const Node& node) {
  const std::size_t groups = static_cast<const RmsNormAttributes*>(node.attributes)->groups;
  const float* const weight = tape.value(node.inputs[1]);
  const std::size_t width = node.cols / groups;
  for (std::size_t i = 0; i < node.rows * groups; ++i) {
    const float* const w = weight + (i % groups) * width;
    float* const g = node.gradient + i * width;
    for (std::size_t c = 0; c < width; ++c) g[c] *= w[c] * node.of_rows[i];
  }
  tape.pass_on(node.inputs[0], node);
}

void rms_norm_lower(Lowering& to, const Node& node) {
  const program::GroupNorm& norm = static_cast<const RmsNormAttributes*>(node.attributes)->norm;
  to.emit(program::RmsNorm{to.value(node.inputs[0]),
                           {norm.scale, norm.scale + norm.cols},
                           static_cast<std::uint32_t>(norm.groups),
                           norm.fraction,
                           norm.epsilon});
}

void rms_norm_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                      const program::MutableCodes& y) {
  const auto& a = *static_cast<const RmsNormAttributes*>(node.attributes);
  Tape::kernels().group_norm(a.norm, then, rows.count, tape.code_rows(node.inputs[0], rows), y);
}

constexpr Op rms_norm_op{
    "rms_norm",      rms_norm_backward, rms_norm_lower, nullptr, {.weighted = true, .reads_result = false},
    rms_norm_compute};
constexpr Op rms_norm_frozen_op{"rms_norm",
                                rms_norm_frozen_backward,
                                rms_norm_lower,
                                nullptr,
                                {.weighted = true, .reads_operands = false, .reads_result = false},
                                rms_norm_compute};

/// r of each group of each row.
std::span<const float> inverses_of(Tape& tape, Value x, std::size_t groups) {
  const std::size_t width = tape[x].cols / groups;
  const std::size_t count = tape[x].rows * groups;
  float* const inverse = tape.arena().array<float>(count);
  const Arena::Scope scope(tape.scratch());
  RowReader rows(tape, x);
  for (std::size_t i = 0; i < count; ++i) inverse[i] = inverse_rms(rows(i / groups) + (i % groups) * width, width);
  return {inverse, count};
}

/// Gives y codes; returns false, with y untouched, where the squares could leave 60 bits.
bool rms_norm_on_codes(Tape& tape, Node& y, std::size_t groups) {
  const Value weight = y.inputs[1];
  const std::vector<std::int32_t> gamma = tape.codes32(weight);
  tape.hold(y.inputs[0]);  // backward reads them
  const Node& x = tape[y.inputs[0]];
  const auto count = static_cast<double>(x.cols / groups);
  const auto bound = static_cast<double>(x.bound);
  if (!(count * bound * bound <= 0x1.0p60)) return false;
  const int fraction = 30 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(tape[weight].bound)));
  const double x_scale = double{x.scale[0]};
  const double e = std::floor(double{epsilon_of_rms} * count / (x_scale * x_scale) + 0.5);
  float* const scale = tape.arena().array<float>(1);
  *scale = static_cast<float>(std::sqrt(count) * std::ldexp(double{tape[weight].scale[0]}, -fraction));
  y.attributes = tape.keep(RmsNormAttributes{groups,
                                             {x.cols, groups, program::padded_row(tape.arena(), gamma), fraction,
                                              static_cast<std::int64_t>(std::clamp(e, 1.0, 0x1.0p60))}});
  y.scale = scale;
  y.bound = tape[weight].bound << fraction;
  return true;
}

}  // namespace

Value rms_norm(Tape& tape, Value x, Value weight, std::size_t groups) {
  const std::size_t cols = tape[x].cols;
  require(tape[weight].size() == cols, "rms_norm", "x has {} columns, weight has {} elements", cols,
          tape[weight].size());
  require(groups > 0 && cols % groups == 0, "rms_norm", "{} columns cannot be parted into {} equal groups", cols,
          groups);
  const std::size_t width = cols / groups;
  const auto has_one_scale = [&](Value v) {
    return tape[v].has_codes() && tape[v].layout == kernels::ScaleLayout::per_tensor;
  };
  Node& y = tape.push_bare(trains_shift_only(tape) ? rms_norm_frozen_op : rms_norm_op, {x, weight}, tape[x].rows, cols);
  if (trains_shift_only(tape) && y.needs_gradient) y.of_rows = inverses_of(tape, x, groups);
  if (has_one_scale(x) && has_one_scale(weight) && rms_norm_on_codes(tape, y, groups)) return tape.last();
  const float* const in = tape.value(x);
  const float* const factor = tape.value(weight);
  y.real = tape.new_real(y);
  y.attributes = tape.keep(RmsNormAttributes{groups});
  for (std::size_t i = 0; i < y.rows * groups; ++i) {
    const float* const row = in + i * width;
    const float* const w = factor + (i % groups) * width;
    float* const out = y.real + i * width;
    const float inverse = inverse_rms(row, width);
    for (std::size_t c = 0; c < width; ++c) out[c] = row[c] * inverse * w[c];
  }
  return tape.last();
}

}  // namespace bitstate::ops

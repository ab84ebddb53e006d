// y = scale * n + bias,  n = (x - mean) / sqrt(var + 1e-6), mean and biased variance over the channels of each row. On
// codes: docs/numerics.md, section 5. dL/dn = scale g;  dL/dx = (dn - mean(dn) - n mean(dn n)) / sqrt(var + eps);
// dL/dscale = sum g n;  dL/dbias = sum g. Pass::norm_backward has other forms: section 7.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/reduce.h"
#include "autograd/ops/shift_only.h"
#include "core/error.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <type_traits>
#include <vector>

namespace bitstate::ops {
namespace {

constexpr double epsilon_of_norm = 1e-6;

/// Mean and 1 / sqrt(var + eps) of a row.
struct Moments {
  float mean;
  float inverse;
};

/// Constants of the integer norm (docs/numerics.md, section 5), as the kernels and as the program read them.
struct IntegerNorm {
  program::Norm norm;
  double x_scale;
};

struct LayerNormAttributes {
  const IntegerNorm* integer = nullptr;  // on codes
};

/// From S = sum of x and W = sum of (H x - S)^2 + E of a row of codes.
Moments moments_of_codes(Tape& tape, Value x, std::size_t row, const IntegerNorm& integer) {
  const program::Codes codes = tape.codes(x);
  const std::size_t cols = integer.norm.cols;
  std::int64_t sum = 0;
  std::int64_t squares = 0;
  program::with_type(codes, [&](const auto* all) {
    const auto* const in = all + row * codes.stride;
    // of bytes, 2^16 squares fit 32 bits
    using Sum = std::conditional_t<sizeof(*in) == 1, std::int32_t, std::int64_t>;
    for (std::size_t first = 0; first < cols; first += 1U << 16U) {
      const std::size_t end = std::min(cols, first + (1U << 16U));
      Sum part = 0;
      Sum part_of_squares = 0;
      for (std::size_t c = first; c < end; ++c) {
        const Sum v = in[c];
        part += v;
        part_of_squares += v * v;
      }
      sum += part;
      squares += part_of_squares;
    }
  });
  const auto count = static_cast<double>(cols);
  const auto h = static_cast<std::int64_t>(cols);
  const std::int64_t spread = h * (h * squares - sum * sum) + integer.norm.epsilon;
  return {static_cast<float>(integer.x_scale * static_cast<double>(sum) / count),
          static_cast<float>(std::sqrt(count * count * count / static_cast<double>(spread)) / integer.x_scale)};
}

void layer_norm_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const LayerNormAttributes*>(node.attributes);
  const std::size_t cols = node.cols;
  const Value x = node.inputs[0];
  const float* const scale = tape.value(node.inputs[1]);
  float* const dscale = tape.gradient(node.inputs[1]);
  float* const dbias = tape.gradient(node.inputs[2]);
  RowReader rows(tape, x);
  float* const normal = tape.scratch().array<float>(cols);
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < node.rows; ++t) {
    const float* const row = rows(t);
    float* const g = node.gradient + t * cols;
    const auto [mean, inverse] = a.integer != nullptr ? moments_of_codes(tape, x, t, *a.integer)
                                                      : Moments{node.of_rows[2 * t], node.of_rows[2 * t + 1]};
    for (std::size_t c = 0; c < cols; ++c) normal[c] = (row[c] - mean) * inverse;
    if (dscale != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) dscale[c] += g[c] * normal[c];
    }
    if (dbias != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) dbias[c] += g[c];
    }
    for (std::size_t c = 0; c < cols; ++c) g[c] *= scale[c];  // dL/dn
    const float mean_d = share * kernels::sum_of(cols, [&](std::size_t c) { return g[c]; });
    const float mean_dn = share * kernels::sum_of(cols, [&](std::size_t c) { return g[c] * normal[c]; });
    for (std::size_t c = 0; c < cols; ++c) g[c] = inverse * (g[c] - mean_d - normal[c] * mean_dn);
  }
  tape.pass_on(x, node);
}

/// With 1 / sqrt(var + eps) held constant, and the mean as well where NormBackward::frozen.
void shift_only_backward(Tape& tape, const Node& node) {
  const bool centred = tape.pass().norm_backward == NormBackward::centred;
  const float* const scale = tape.value(node.inputs[1]);
  add_shift_gradient(tape, node, node.inputs[2]);
  const float share = centred ? 1.0F / static_cast<float>(node.cols) : 0.0F;
  for (std::size_t t = 0; t < node.rows; ++t) {
    float* const g = node.gradient + t * node.cols;
    const float inverse = node.of_rows[t];
    for (std::size_t c = 0; c < node.cols; ++c) g[c] *= scale[c];
    const float mean = share * kernels::sum_of(node.cols, [&](std::size_t c) { return g[c]; });
    for (std::size_t c = 0; c < node.cols; ++c) g[c] = inverse * (g[c] - mean);
  }
  tape.pass_on(node.inputs[0], node);
}

void layer_norm_lower(Lowering& to, const Node& node) {
  const program::Norm& norm = static_cast<const LayerNormAttributes*>(node.attributes)->integer->norm;
  to.emit(program::LayerNorm{to.value(node.inputs[0]),
                             {norm.scale, norm.scale + norm.cols},
                             {norm.bias, norm.bias + norm.cols},
                             norm.fraction,
                             norm.epsilon});
}

void layer_norm_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                        const program::MutableCodes& y) {
  const auto& integer = *static_cast<const LayerNormAttributes*>(node.attributes)->integer;
  Tape::kernels().layer_norm(integer.norm, then, rows.count, tape.code_rows(node.inputs[0], rows), y);
}

constexpr Op layer_norm_op{
    "layer_norm",      layer_norm_backward, layer_norm_lower, nullptr, {.weighted = true, .reads_result = false},
    layer_norm_compute};
constexpr Op layer_norm_shift_op{"layer_norm",
                                 shift_only_backward,
                                 layer_norm_lower,
                                 nullptr,
                                 {.weighted = true, .reads_operands = false, .reads_result = false},
                                 layer_norm_compute};

/// 1 / sqrt(var + eps) of each row of codes.
std::span<const float> inverse_of_codes(Tape& tape, Value x, const IntegerNorm& integer) {
  const std::size_t rows = tape[x].rows;
  float* const inverse = tape.arena().array<float>(rows);
  for (std::size_t t = 0; t < rows; ++t) inverse[t] = moments_of_codes(tape, x, t, integer).inverse;
  return {inverse, rows};
}

/// Gives y codes; returns false, with y untouched, where a bound of section 5 does not hold.
bool layer_norm_on_codes(Tape& tape, Node& y, const Node& x, Value gamma_value, const float* beta) {
  const double count = static_cast<double>(x.cols);
  const double cube = count * count * count;
  const double x_scale = double{x.scale[0]};
  const auto bound = static_cast<double>(x.bound);
  if (!(cube * bound * bound <= 0x1.0p60)) return false;
  const Node& gamma = tape[gamma_value];
  const int fraction = 30 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(gamma.bound)));
  float* const scale = tape.arena().array<float>(1);
  *scale = static_cast<float>(std::sqrt(count) * std::ldexp(double{gamma.scale[0]}, -fraction));
  std::vector<std::int32_t> bias(x.cols, 0);
  std::int64_t largest = 0;
  for (std::size_t c = 0; c < x.cols && beta != nullptr; ++c) {
    const double code = std::floor(double{beta[c]} / double{*scale} + 0.5);
    if (!(std::fabs(code) < 0x1.0p30)) return false;
    bias[c] = static_cast<std::int32_t>(code);
    largest = std::max<std::int64_t>(largest, std::abs(bias[c]));
  }
  const double e = std::floor(epsilon_of_norm * cube / (x_scale * x_scale) + 0.5);
  const program::Norm norm{x.cols, program::padded_row(tape.arena(), tape.codes32(gamma_value)),
                           program::padded_row(tape.arena(), bias), fraction,
                           static_cast<std::int64_t>(std::clamp(e, 1.0, 0x1.0p60))};
  static_cast<void>(tape.codes(y.inputs[0]));  // backward reads them, and the sum behind the layer
  const IntegerNorm* const integer = tape.keep(IntegerNorm{norm, x_scale});
  if (trains_shift_only(tape) && y.needs_gradient) y.of_rows = inverse_of_codes(tape, y.inputs[0], *integer);
  y.attributes = tape.keep(LayerNormAttributes{integer});
  y.scale = scale;
  y.bound = (gamma.bound << fraction) + largest;
  return true;
}

void layer_norm_in_float(Tape& tape, Node& y, const float* in, const float* factor, const float* offset) {
  const std::size_t cols = y.cols;
  const bool shift_only = trains_shift_only(tape);
  const std::size_t kept = shift_only ? y.rows : 2 * y.rows;
  float* const of_rows = tape.arena().array<float>(kept);
  y.of_rows = {of_rows, kept};
  y.attributes = tape.keep(LayerNormAttributes{});
  y.real = tape.new_real(y);
  const float share = 1.0F / static_cast<float>(cols);
  for (std::size_t t = 0; t < y.rows; ++t) {
    const float* const row = in + t * cols;
    float* const out = y.real + t * cols;
    const float m = share * kernels::sum_of(cols, [&](std::size_t c) { return row[c]; });
    const float variance = share * kernels::sum_of(cols, [&](std::size_t c) { return (row[c] - m) * (row[c] - m); });
    const float s = 1.0F / std::sqrt(variance + static_cast<float>(epsilon_of_norm));
    if (!shift_only) of_rows[2 * t] = m;
    of_rows[shift_only ? t : 2 * t + 1] = s;
    for (std::size_t c = 0; c < cols; ++c) out[c] = (row[c] - m) * s * factor[c];
    if (offset != nullptr) {
      for (std::size_t c = 0; c < cols; ++c) out[c] += offset[c];
    }
  }
}

}  // namespace

Value layer_norm(Tape& tape, Value x, Value scale, Value bias) {
  const std::size_t cols = tape[x].cols;
  require(tape[scale].size() == cols && (!bias.exists() || tape[bias].size() == cols), "layer_norm",
          "x has {} columns, scale has {} elements and bias {}", cols, tape[scale].size(),
          bias.exists() ? tape[bias].size() : cols);
  const float* const offset = bias.exists() ? tape.value(bias) : nullptr;
  const Op& op = trains_shift_only(tape) ? layer_norm_shift_op : layer_norm_op;
  Node& y = tape.push_bare(op, {x, scale, bias}, tape[x].rows, cols);
  const auto has_one_scale = [](const Node& node) {
    return node.has_codes() && node.layout == kernels::ScaleLayout::per_tensor;
  };
  if (has_one_scale(tape[x]) && has_one_scale(tape[scale]) && layer_norm_on_codes(tape, y, tape[x], scale, offset)) {
    return tape.last();
  }
  layer_norm_in_float(tape, y, tape.value(x), tape.value(scale), offset);
  return tape.last();
}

}  // namespace bitstate::ops

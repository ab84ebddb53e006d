// y = x W^T + b.   dL/dx = g W,   dL/dW = g^T x,   dL/db = sum over rows of g. On codes: exact sums of integers
// (docs/numerics.md, section 4).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/gemm.h"
#include "autograd/ops/gradient_rounding.h"
#include "core/error.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

constexpr std::size_t gradient_rows = 128;  // of x, as real numbers: they stay in the L2 cache

struct LinearAttributes {
  const std::int32_t* bias = nullptr;  // codes [out]
  program::Products products = {};
  const KeptRounding* rounding = nullptr;  // of backward
};

/// dL/dW += g^T x, by blocks of rows of an x that has only codes.
void add_weight_gradient(Tape& tape, const Node& node, float* dw) {
  const Node& x = tape[node.inputs[0]];
  const std::size_t block = x.real != nullptr ? node.rows : std::min(gradient_rows, node.rows);
  float* const scratch = tape.scratch().array<float>(x.real != nullptr ? 0 : block * x.cols);
  for (std::size_t t = 0; t < node.rows; t += block) {
    const std::size_t rows = std::min(block, node.rows - t);
    kernels::multiply_tn_add(rows, node.cols, x.cols, node.gradient + t * node.cols,
                             tape.rows(node.inputs[0], {t, rows}, scratch), dw);
  }
}

/// The weights as backward rounds them: those of B have rows of real and of imaginary parts, those of C columns.
const float* rounded_weights(Tape& tape, const KeptRounding& rounding, Value weight) {
  const std::size_t rows = tape[weight].rows;
  const std::vector<std::size_t> groups(rounding.y_plane == 0 ? 1 : rows / rounding.y_plane,
                                        rounding.y_plane == 0 ? rows : rounding.y_plane);
  return rounded(tape, rounding, weight, {groups, rounding.x_plane});
}

void linear_backward(Tape& tape, const Node& node) {
  const auto [x, weight, bias] = std::tuple(node.inputs[0], node.inputs[1], node.inputs[2]);
  const std::size_t inputs = tape[x].cols;
  if (float* const db = tape.gradient(bias)) {
    for (std::size_t t = 0; t < node.rows; ++t) {
      const float* const g = node.gradient + t * node.cols;
      for (std::size_t o = 0; o < node.cols; ++o) db[o] += g[o];
    }
  }
  const auto* const a = static_cast<const LinearAttributes*>(node.attributes);
  const KeptRounding* const rounding = a == nullptr ? nullptr : a->rounding;
  if (rounding != nullptr) round_gradient(node, *rounding);
  const float* const w = rounding == nullptr ? tape.value(weight) : rounded_weights(tape, *rounding, weight);
  if (float* const dx = tape.first_gradient(x)) {
    kernels::multiply_nn(node.rows, node.cols, inputs, node.gradient, w, dx);
  } else if (float* const sum = tape.gradient(x)) {
    kernels::multiply_nn_add(node.rows, node.cols, inputs, node.gradient, w, sum);
  }
  float* const dw = tape.gradient(weight);
  if (dw == nullptr) return;
  if (rounding == nullptr) {
    add_weight_gradient(tape, node, dw);
  } else {
    kernels::multiply_tn_add(node.rows, node.cols, inputs, node.gradient,
                             rounded(tape, *rounding, x, rounding->x_groups()), dw);
  }
}

void linear_lower(Lowering& to, const Node& node) {
  const auto& a = *static_cast<const LinearAttributes*>(node.attributes);
  to.emit(program::Linear{to.value(node.inputs[0]), to.matrix(node.inputs[1]), {a.bias, a.bias + node.cols}});
}

/// Codes of the width that the weights are packed for.
program::Codes widened(Tape& tape, const program::Codes& x, std::size_t rows, program::Width width) {
  if (x.width == width) return x;
  const program::MutableCodes wide{
      tape.scratch().array<std::byte>((rows * x.stride + program::row_multiple) * program::bytes_of(width)), width,
      x.stride};
  program::with_type(x, [&](const auto* in) {
    program::with_type(wide, [&](auto* out) { program::copy_codes(in, rows * x.stride, out); });
  });
  return {wide.data, width, x.stride};
}

void linear_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                    const program::MutableCodes& y) {
  const program::Products& products = static_cast<const LinearAttributes*>(node.attributes)->products;
  const program::Codes x = tape.code_rows(node.inputs[0], rows);
  Tape::kernels().linear(products, then, rows.count, widened(tape, x, rows.count, products.width), y);
}

constexpr Op linear_op{"linear",
                       linear_backward,
                       linear_lower,
                       nullptr,
                       {.weighted = true, .accumulates = true, .reads_result = false},
                       linear_compute};

/// Of the codes of a constant, the sum of the magnitudes of each row.
std::vector<std::int64_t> row_magnitudes(const program::Codes& w, std::size_t rows, std::size_t cols) {
  std::vector<std::int64_t> sums(rows, 0);
  program::with_type(w, [&](const auto* codes) {
    for (std::size_t o = 0; o < rows; ++o) {
      const auto* const row = codes + o * w.stride;
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < cols; ++i) sum += std::abs(std::int32_t{row[i]});
      sums[o] = sum;
    }
  });
  return sums;
}

/// Prepares y for codes; returns false, with nothing of y set but the bound, when an accumulator could reach 2^31.
bool linear_on_codes(Tape& tape, Value x_value, Value weight_value, const float* bias, const KeptRounding* rounding) {
  tape.hold(x_value);
  const program::Codes weights = tape.codes(weight_value);
  Node& y = tape[tape.last()];
  const Node& x = tape[x_value];
  const Node& weight = tape[weight_value];
  const std::size_t outputs = weight.rows;
  const std::vector<std::int64_t> magnitudes = row_magnitudes(weights, outputs, weight.cols);
  float* const scale = tape.arena().array<float>(outputs);
  auto* const bias_codes = tape.arena().array<std::int32_t>(outputs);
  bool fits = true;
  double largest_sum = 1.0;
  for (std::size_t o = 0; o < outputs; ++o) {
    scale[o] = x.scale[0] * weight.scale[weight.layout == ScaleLayout::per_row ? o : 0];
    const double product = static_cast<double>(magnitudes[o]) * static_cast<double>(x.bound);
    const double code = bias == nullptr ? 0.0 : std::floor(double{bias[o]} / double{scale[o]} + 0.5);
    largest_sum = std::max(largest_sum, product + std::fabs(code));
    if (!(product + std::fabs(code) < 0x1.0p31)) {
      fits = false;  // also for a NaN
    } else {
      bias_codes[o] = static_cast<std::int32_t>(code);
    }
  }
  y.bound = static_cast<std::int64_t>(std::min(largest_sum, 0x1.0p62));
  if (!fits) return false;
  const program::Width width = std::max({Tape::kernels().operands, tape.width(x_value), weights.width});
  const program::WeightSpec matrix{weights, outputs, weight.cols, {bias_codes, outputs}};
  y.attributes = tape.keep(LinearAttributes{bias_codes, program::products_of(tape.arena(), matrix, width), rounding});
  y.scale = scale;
  y.layout = weight.layout == ScaleLayout::per_row ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  return true;
}

}  // namespace

Value linear(Tape& tape, Value x, Value weight, Value bias, const GradientRounding& rounding) {
  const std::size_t rows = tape[x].rows;
  const std::size_t outputs = tape[weight].rows;
  const std::size_t inputs = tape[x].cols;
  require(inputs == tape[weight].cols, "linear", "x has {} columns, w has {}", inputs, tape[weight].cols);
  require(!bias.exists() || tape[bias].size() == outputs, "linear", "b has {} elements, w has {} rows",
          bias.exists() ? tape[bias].size() : 0, outputs);
  const float* const b = bias.exists() ? tape.value(bias) : nullptr;
  Node& y = tape.push_bare(linear_op, {x, weight, bias}, rows, outputs);
  const KeptRounding* const kept = keep_rounding(tape, rounding);
  // one scale of x can be taken out of the sum, a scale per column cannot
  if (tape[x].has_codes() && tape[weight].has_codes() && tape[x].layout == ScaleLayout::per_tensor &&
      tape[weight].layout != ScaleLayout::per_column && linear_on_codes(tape, x, weight, b, kept)) {
    return tape.last();
  }
  if (kept != nullptr) y.attributes = tape.keep(LinearAttributes{.rounding = kept});
  y.real = tape.new_real(y);
  kernels::multiply_nt(rows, outputs, inputs, tape.value(x), tape.value(weight), y.real);
  if (b != nullptr) {
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t o = 0; o < outputs; ++o) y.real[t * outputs + o] += b[o];
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

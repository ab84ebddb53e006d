// y = x W^T + b.   dL/dx = g W,   dL/dW = g^T x,   dL/db = sum over rows of g.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/gemm.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

struct LinearAttributes {
  const std::int32_t* bias;  // codes [out]
};

void linear_backward(Tape& tape, const Node& node) {
  const Node& x = tape[node.inputs[0]];
  const Node& weight = tape[node.inputs[1]];
  if (float* const dx = tape.gradient(node.inputs[0])) {
    kernels::multiply_nn_add(node.rows, node.cols, x.cols, node.gradient, weight.value, dx);
  }
  if (float* const dw = tape.gradient(node.inputs[1])) {
    kernels::multiply_tn_add(node.rows, node.cols, x.cols, node.gradient, x.value, dw);
  }
  if (float* const db = tape.gradient(node.inputs[2])) {
    for (std::size_t t = 0; t < node.rows; ++t) {
      const float* const g = node.gradient + t * node.cols;
      for (std::size_t o = 0; o < node.cols; ++o) db[o] += g[o];
    }
  }
}

void linear_lower(Lowering& to, const Node& node) {
  const auto& a = *static_cast<const LinearAttributes*>(node.attributes);
  to.emit(program::Linear{to.value(node.inputs[0]), to.matrix(node.inputs[1]), {a.bias, a.bias + node.cols}});
}

constexpr Op linear_op{"linear", linear_backward, linear_lower, nullptr, {.weighted = true, .accumulates = true}};

template <class T>
const T* converted(Tape& tape, const Node& node) {
  T* const out = tape.arena().array<T>(node.size());
  for (std::size_t i = 0; i < node.size(); ++i) out[i] = static_cast<T>(node.codes[i]);
  return out;
}

/// Codes and shadow of y. The sums are exact integers: products of integers whose partial sums all fit the significand
/// of T.
template <class T>
void integer_product(Tape& tape, Node& y, const Node& x, const Node& weight, const std::int32_t* bias, T* product) {
  kernels::multiply_nt(x.rows, y.cols, x.cols, converted<T>(tape, x), converted<T>(tape, weight), product);
  for (std::size_t t = 0; t < y.rows; ++t) {
    const std::size_t row = t * y.cols;
    for (std::size_t o = 0; o < y.cols; ++o) {
      y.codes[row + o] = static_cast<std::int32_t>(product[row + o]) + bias[o];
      y.value[row + o] = static_cast<float>(y.codes[row + o]) * y.scale[o];
    }
  }
}

/// Computes on codes; returns false, with nothing of y set but the bound, when an accumulator could reach 2^31.
bool linear_on_codes(Tape& tape, Node& y, const Node& x, const Node& weight, const float* bias) {
  const std::size_t outputs = weight.rows;
  float* const scale = tape.arena().array<float>(outputs);
  auto* const bias_codes = tape.arena().array<std::int32_t>(outputs);
  bool fits = true;
  double largest_product = 0.0;
  double largest_sum = 1.0;
  for (std::size_t o = 0; o < outputs; ++o) {
    scale[o] = x.scale[0] * weight.scale[weight.layout == ScaleLayout::per_row ? o : 0];
    std::int64_t magnitude = 0;
    for (std::size_t i = 0; i < weight.cols; ++i) magnitude += std::abs(weight.codes[o * weight.cols + i]);
    const double product = static_cast<double>(magnitude) * static_cast<double>(x.bound);
    const double code = bias == nullptr ? 0.0 : std::floor(double{bias[o]} / double{scale[o]} + 0.5);
    largest_product = std::max(largest_product, product);
    largest_sum = std::max(largest_sum, product + std::fabs(code));
    if (!(product + std::fabs(code) < 0x1.0p31)) {
      fits = false;  // also for a NaN
    } else {
      bias_codes[o] = static_cast<std::int32_t>(code);
    }
  }
  y.bound = static_cast<std::int64_t>(std::min(largest_sum, 0x1.0p62));
  if (!fits) return false;
  y.attributes = tape.keep(LinearAttributes{bias_codes});
  y.codes = tape.arena().array<std::int32_t>(y.size());
  y.scale = scale;
  y.layout = weight.layout == ScaleLayout::per_row ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  if (largest_product < 0x1.0p24) {
    integer_product<float>(tape, y, x, weight, bias_codes, y.value);
  } else {
    integer_product<double>(tape, y, x, weight, bias_codes, tape.arena().array<double>(y.size()));
  }
  return true;
}

}  // namespace

Value linear(Tape& tape, Value x, Value weight, Value bias) {
  const std::size_t rows = tape[x].rows;
  const std::size_t outputs = tape[weight].rows;
  require(tape[x].cols == tape[weight].cols, "linear", "x has {} columns, w has {}", tape[x].cols, tape[weight].cols);
  require(!bias.exists() || tape[bias].size() == outputs, "linear", "b has {} elements, w has {} rows",
          bias.exists() ? tape[bias].size() : 0, outputs);
  Node& y = tape.push(linear_op, {x, weight, bias}, rows, outputs);
  const Node& in = tape[x];
  const Node& w = tape[weight];
  const float* const b = bias.exists() ? tape[bias].value : nullptr;
  // one scale of x can be taken out of the sum, a scale per column cannot
  const bool codes = in.has_codes() && w.has_codes() && in.layout == ScaleLayout::per_tensor &&
                     w.layout != ScaleLayout::per_column && linear_on_codes(tape, y, in, w, b);
  if (!codes) {
    kernels::multiply_nt(rows, outputs, in.cols, in.value, w.value, y.value);
    if (b != nullptr) {
      for (std::size_t t = 0; t < rows; ++t) {
        for (std::size_t o = 0; o < outputs; ++o) y.value[t * outputs + o] += b[o];
      }
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

// The frame of the elementwise ops of one operand: y = f(x), dL/dx = f'(x) g. An op is two functions of one number:
//   constexpr Elementwise functions = elementwise_of<f, derivative>;
//   constexpr Op f_op{"f", elementwise_backward, nullptr, &functions};
//   Value f(Tape& tape, Value x) { return elementwise(tape, f_op, x); }
// An activation that is no gate has a second op, whose derivative is 1 for x >= 0 and else 0 (ActBackward::sign):
//   constexpr Elementwise masked = masked_of<f>;
//   constexpr Op f_masked_op{"f", masked_backward, nullptr, &masked};
//   Value f(Tape& tape, Value x) { return activation(tape, {f_op, f_masked_op}, x); }
#pragma once

#include "autograd/kernels/mask.h"
#include "autograd/ops.h"

#include <algorithm>

namespace bitstate::ops {

/// What backward reads of an op whose derivative is a function of x, and of one that goes back by a mask.
inline constexpr OpTraits reads_operand{.reads_result = false};
inline constexpr OpTraits reads_nothing{.reads_operands = false, .reads_result = false};

/// y_i = f(x_i), inlined and vectorised.
template <float (*f)(float)>
void map_all(std::size_t n, const float* x, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <float (*f)(float), float (*derivative)(float)>
inline constexpr Elementwise elementwise_of{map_all<f>, map_all<derivative>};

inline float step_at_zero(float x) { return x >= 0.0F ? 1.0F : 0.0F; }

template <float (*f)(float)>
inline constexpr Elementwise masked_of{map_all<f>, map_all<step_at_zero>};

/// Gives the only input derivative(x) * g, computed in place of g.
inline void elementwise_backward(Tape& tape, const Node& node) {
  if (!tape[node.inputs[0]].needs_gradient) return;
  constexpr std::size_t block = 1024;
  const float* const x = tape.value(node.inputs[0]);
  float slope[block];
  for (std::size_t i = 0; i < node.size(); i += block) {
    const std::size_t count = std::min(block, node.size() - i);
    node.op->elementwise->slope(count, x + i, slope);
    for (std::size_t k = 0; k < count; ++k) node.gradient[i + k] *= slope[k];
  }
  tape.pass_on(node.inputs[0], node);
}

/// By the mask; of codes there is none, and their signs are read.
inline void masked_backward(Tape& tape, const Node& node) {
  if (node.mask.empty()) {
    elementwise_backward(tape, node);
    return;
  }
  kernels::keep_marked(node.size(), node.mask.data(), node.gradient);
  tape.pass_on(node.inputs[0], node);
}

/// Appends y = f(x). Of codes, y is a table, and is computed when its real numbers are asked for.
inline Value elementwise(Tape& tape, const Op& op, Value x) {
  const std::size_t rows = tape[x].rows;
  const std::size_t cols = tape[x].cols;
  if (tape[x].can_be_tabulated()) {
    tape.push_bare(op, {x}, rows, cols).table = true;
    return tape.last();
  }
  const float* const in = tape.value(x);
  Node& y = tape.push(op, {x}, rows, cols);
  op.elementwise->map(y.size(), in, y.real);
  return tape.last();
}

struct ActivationOps {
  const Op& exact;
  const Op& masked;
};

/// As elementwise(), by the op that Pass::act_backward asks for.
inline Value activation(Tape& tape, const ActivationOps& ops, Value x) {
  if (tape.pass().act_backward == ActBackward::exact) return elementwise(tape, ops.exact, x);
  const Value v = elementwise(tape, ops.masked, x);
  Node& y = tape[v];
  if (y.table) {
    tape[x].held = true;  // there is no mask
  } else if (y.needs_gradient) {
    const std::size_t bytes = kernels::bytes_of_bits(y.size());
    auto* const bits = tape.arena().array<std::uint8_t>(bytes);
    kernels::pack_signs(y.size(), tape.value(x), bits);
    y.mask = {bits, bytes};
  }
  return v;
}

}  // namespace bitstate::ops

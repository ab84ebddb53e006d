// The frame of the elementwise ops of one operand: y = f(x), dL/dx = f'(x) g.
#pragma once

#include "autograd/ops.h"

namespace bitstate::ops {

/// Adds derivative(x) * g to the gradient of the only input.
template <class Derivative>
void elementwise_backward(Tape& tape, const Node& node, Derivative derivative) {
  const float* const x = tape[node.inputs[0]].value;
  if (float* const dx = tape.gradient(node.inputs[0])) {
    for (std::size_t i = 0; i < node.size(); ++i) dx[i] += derivative(x[i]) * node.gradient[i];
  }
}

/// Appends y = f(x).
template <class Function>
Value elementwise(Tape& tape, const Op& op, Value x, Function f) {
  Node& y = tape.push(op, {x}, tape[x].rows, tape[x].cols);
  y.table = tape[x].can_be_tabulated();
  const float* const in = tape[x].value;
  for (std::size_t i = 0; i < y.size(); ++i) y.value[i] = f(in[i]);
  return tape.last();
}

}  // namespace bitstate::ops

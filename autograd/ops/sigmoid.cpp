// The logistic function; dL/dx = y (1 - y) g.
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

inline float sigmoid_derivative(float x) {
  const float y = kernels::sigmoid(x);
  return y * (1.0F - y);
}

/// From y, which is there: cheaper than from x.
void sigmoid_backward(Tape& tape, const Node& node) {
  const float* const y = tape.value(tape.handle(node));
  for (std::size_t i = 0; i < node.size(); ++i) node.gradient[i] *= y[i] * (1.0F - y[i]);
  tape.pass_on(node.inputs[0], node);
}

constexpr Op sigmoid_op{"sigmoid",
                        sigmoid_backward,
                        nullptr,
                        &elementwise_of<kernels::sigmoid, sigmoid_derivative>,
                        {.reads_operands = false}};

}  // namespace

Value sigmoid(Tape& tape, Value x) { return elementwise(tape, sigmoid_op, x); }

}  // namespace bitstate::ops

// The logistic function; dL/dx = y (1 - y) g.
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

void sigmoid_backward(Tape& tape, const Node& node) {
  if (float* const dx = tape.gradient(node.inputs[0])) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      dx[i] += node.value[i] * (1.0F - node.value[i]) * node.gradient[i];
    }
  }
}

constexpr Op sigmoid_op{"sigmoid", sigmoid_backward, nullptr, sigmoid};

}  // namespace

Value sigmoid(Tape& tape, Value x) {
  return elementwise(tape, sigmoid_op, x, [](float v) { return kernels::sigmoid(v); });
}

}  // namespace bitstate::ops

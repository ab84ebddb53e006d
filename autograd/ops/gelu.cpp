// GELU in its tanh form, S5's (and JAX's default).
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

void gelu_backward(Tape& tape, const Node& node) {
  elementwise_backward(tape, node, [](float x) { return kernels::gelu_derivative(x); });
}

constexpr Op gelu_op{"gelu", gelu_backward, nullptr, gelu};

}  // namespace

Value gelu(Tape& tape, Value x) {
  return elementwise(tape, gelu_op, x, [](float v) { return kernels::gelu(v); });
}

}  // namespace bitstate::ops

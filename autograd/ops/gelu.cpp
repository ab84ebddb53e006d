// GELU in its tanh form, S5's (and JAX's default).
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

constexpr Op gelu_op{"gelu", elementwise_backward, nullptr, &elementwise_of<kernels::gelu, kernels::gelu_derivative>};

}  // namespace

Value gelu(Tape& tape, Value x) { return elementwise(tape, gelu_op, x); }

}  // namespace bitstate::ops

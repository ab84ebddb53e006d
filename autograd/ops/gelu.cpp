// GELU in its tanh form, S5's (and JAX's default).
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

constexpr Op gelu_op{"gelu", elementwise_backward, nullptr, &elementwise_of<kernels::gelu, kernels::gelu_derivative>,
                     reads_operand};
constexpr Op gelu_masked_op{"gelu", masked_backward, nullptr, &masked_of<kernels::gelu>, reads_nothing};

}  // namespace

Value gelu(Tape& tape, Value x) { return activation(tape, {gelu_op, gelu_masked_op}, x); }

}  // namespace bitstate::ops

// x sigmoid(x), also called swish; the derivative is s (1 + x (1 - s)) with s = sigmoid(x).
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

inline float silu_of(float x) { return x * kernels::sigmoid(x); }

inline float silu_derivative(float x) {
  const float s = kernels::sigmoid(x);
  return s * (1.0F + x * (1.0F - s));
}

constexpr Elementwise silu_functions = elementwise_of<silu_of, silu_derivative>;
constexpr Op silu_op{"silu", elementwise_backward, nullptr, &silu_functions, reads_operand};
constexpr Op silu_masked_op{"silu", masked_backward, nullptr, &masked_of<silu_of>, reads_nothing};

}  // namespace

Value silu(Tape& tape, Value x) { return activation(tape, {silu_op, silu_masked_op}, x); }

Value silu_gate(Tape& tape, Value x) { return elementwise(tape, silu_op, x); }

}  // namespace bitstate::ops

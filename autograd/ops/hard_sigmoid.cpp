// clip(x + 3, 0, 6) / 6 (JAX's hard_sigmoid); derivative 1/6 between -3 and 3, else 0.
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

inline float hard_sigmoid_of(float x) {
  const float shifted = x + 3.0F;
  return (shifted < 0.0F ? 0.0F : (shifted > 6.0F ? 6.0F : shifted)) * (1.0F / 6.0F);
}

inline float hard_sigmoid_derivative(float x) { return x > -3.0F && x < 3.0F ? 1.0F / 6.0F : 0.0F; }

constexpr Op hard_sigmoid_op{"hard_sigmoid", elementwise_backward, nullptr,
                             &elementwise_of<hard_sigmoid_of, hard_sigmoid_derivative>, reads_operand};

}  // namespace

Value hard_sigmoid(Tape& tape, Value x) { return elementwise(tape, hard_sigmoid_op, x); }

}  // namespace bitstate::ops

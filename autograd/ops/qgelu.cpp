// Q-S5's GELU for integers: x clip(x + 2, 0, 4) / 4.   Derivative: 0 below -2, 1 above 2, (x + 1) / 2 between.
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

inline float qgelu_of(float x) {
  const float shifted = x + 2.0F;
  return x * (shifted < 0.0F ? 0.0F : (shifted > 4.0F ? 4.0F : shifted)) * 0.25F;
}

inline float qgelu_derivative(float x) {
  const float inside = 0.5F * (x + 1.0F);
  return x < -2.0F ? 0.0F : (x > 2.0F ? 1.0F : inside);
}

constexpr Op qgelu_op{"qgelu", elementwise_backward, nullptr, &elementwise_of<qgelu_of, qgelu_derivative>,
                      reads_operand};
constexpr Op qgelu_masked_op{"qgelu", masked_backward, nullptr, &masked_of<qgelu_of>, reads_nothing};

}  // namespace

Value qgelu(Tape& tape, Value x) { return activation(tape, {qgelu_op, qgelu_masked_op}, x); }

}  // namespace bitstate::ops

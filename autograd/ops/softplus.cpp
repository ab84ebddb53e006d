// ln(1 + exp(x)), and x above 20; the derivative is sigmoid(x), and 1 above 20.
#include "autograd/kernels/math.h"
#include "autograd/ops/elementwise.h"

namespace bitstate::ops {
namespace {

constexpr float linear_above = 20.0F;

/// ln(1 + exp(-|x|)) + max(x, 0), which neither overflows nor loses small values.
inline float softplus_of(float x) {
  const float small = kernels::log1p_of_unit(kernels::exp(-std::fabs(x)));
  return x > linear_above ? x : (x > 0.0F ? x : 0.0F) + small;
}

inline float softplus_derivative(float x) { return x > linear_above ? 1.0F : kernels::sigmoid(x); }

constexpr Elementwise softplus_functions = elementwise_of<softplus_of, softplus_derivative>;
constexpr Op softplus_op{"softplus", elementwise_backward, nullptr, &softplus_functions};

}  // namespace

Value softplus(Tape& tape, Value x) { return elementwise(tape, softplus_op, x); }

}  // namespace bitstate::ops

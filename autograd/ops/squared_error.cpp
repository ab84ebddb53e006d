// loss_n = mean of (y - t)^2;   dL/dy = g_n 2 (y - t) / count.
#include "autograd/ops/stepwise_loss.h"

namespace bitstate::ops {
namespace {

void squared_error_backward(Tape& tape, const Node& node) {
  stepwise_backward(tape, node, [](double y, double t) { return 2.0 * (y - t); });
}

constexpr Op squared_error_op{"squared_error", squared_error_backward};

}  // namespace

Value squared_error(Tape& tape, Value y, std::span<const float> target, const Sequences& sequences) {
  return stepwise_loss(tape, squared_error_op, y, target, sequences,
                       [](double v, double t) { return (v - t) * (v - t); });
}

}  // namespace bitstate::ops

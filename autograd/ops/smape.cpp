// loss_n = mean of 200 |y - t| / (|y| + |t|), 0 where both are 0 (Q-S5's Mackey-Glass metric).
// dL/dy = g_n 200 (sign(y - t) (|y| + |t|) - |y - t| sign(y)) / (|y| + |t|)^2 / count.
#include "autograd/ops/stepwise_loss.h"

#include <cmath>

namespace bitstate::ops {
namespace {

double sign(double v) { return v > 0.0 ? 1.0 : (v < 0.0 ? -1.0 : 0.0); }

double loss(double y, double t) {
  const double size = std::fabs(y) + std::fabs(t);
  return size == 0.0 ? 0.0 : 200.0 * std::fabs(y - t) / size;
}

double derivative(double y, double t) {
  const double size = std::fabs(y) + std::fabs(t);
  return size == 0.0 ? 0.0 : 200.0 * (sign(y - t) * size - std::fabs(y - t) * sign(y)) / (size * size);
}

void smape_backward(Tape& tape, const Node& node) { stepwise_backward(tape, node, derivative); }

constexpr Op smape_op{"smape", smape_backward};

}  // namespace

Value smape(Tape& tape, Value y, std::span<const float> target, const Sequences& sequences) {
  return stepwise_loss(tape, smape_op, y, target, sequences, loss);
}

}  // namespace bitstate::ops

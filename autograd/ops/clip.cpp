// y = min(max(x, low), high).   dL/dx = g where low < x < high, else 0.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

void clip_backward(Tape& tape, const Node& node) {
  const auto [low, high] = *static_cast<const ClipLimits*>(node.attributes);
  const float* const x = tape.value(node.inputs[0]);
  for (std::size_t i = 0; i < node.size(); ++i) node.gradient[i] = x[i] > low && x[i] < high ? node.gradient[i] : 0.0F;
  tape.pass_on(node.inputs[0], node);
}

constexpr Op clip_op{"clip", clip_backward};

}  // namespace

const ClipLimits* clip_limits(const Node& node) {
  return node.op == &clip_op ? static_cast<const ClipLimits*>(node.attributes) : nullptr;
}

Value clip(Tape& tape, Value x, float low, float high) {
  require(low <= high, "clip", "the lower limit {} is above the upper one {}", low, high);
  const float* const in = tape.value(x);
  Node& y = tape.push(clip_op, {x}, tape[x].rows, tape[x].cols);
  y.attributes = tape.keep(ClipLimits{low, high});
  y.table = tape[x].table;  // which a selective scan sees through
  for (std::size_t i = 0; i < y.size(); ++i) y.real[i] = std::min(std::max(in[i], low), high);
  return tape.last();
}

}  // namespace bitstate::ops

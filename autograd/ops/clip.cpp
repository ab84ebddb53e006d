// y = min(max(x, low), high).   dL/dx = g where low < x < high, else 0.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct ClipAttributes {
  float low, high;
};

void clip_backward(Tape& tape, const Node& node) {
  const auto [low, high] = *static_cast<const ClipAttributes*>(node.attributes);
  const float* const x = tape.value(node.inputs[0]);
  for (std::size_t i = 0; i < node.size(); ++i) node.gradient[i] = x[i] > low && x[i] < high ? node.gradient[i] : 0.0F;
  tape.pass_on(node.inputs[0], node);
}

constexpr Op clip_op{"clip", clip_backward};

}  // namespace

Value clip(Tape& tape, Value x, float low, float high) {
  require(low <= high, "clip", "the lower limit {} is above the upper one {}", low, high);
  const float* const in = tape.value(x);
  Node& y = tape.push(clip_op, {x}, tape[x].rows, tape[x].cols);
  y.attributes = tape.keep(ClipAttributes{low, high});
  for (std::size_t i = 0; i < y.size(); ++i) y.real[i] = std::min(std::max(in[i], low), high);
  return tape.last();
}

}  // namespace bitstate::ops

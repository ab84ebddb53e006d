// R = k [Re C | -Im C], so that k Re(C x) = R x for a planar state x = [re | im].   dL/dC = k [g_re | -g_im].
#include "autograd/ops.h"

#include "core/error.h"

namespace bitstate::ops {
namespace {

struct ReadoutAttributes {
  float k;
};

/// Calls each(i, factor) for each element i of [re | im].
template <class Each>
void for_each_factor(const Node& node, Each each) {
  const float k = static_cast<const ReadoutAttributes*>(node.attributes)->k;
  const std::size_t states = node.cols / 2;
  for (std::size_t first = 0; first < node.size(); first += node.cols) {
    for (std::size_t i = first; i < first + states; ++i) each(i, k);
    for (std::size_t i = first + states; i < first + node.cols; ++i) each(i, -k);
  }
}

void readout_backward(Tape& tape, const Node& node) {
  if (float* const dc = tape.gradient(node.inputs[0])) {
    const float* const g = node.gradient;
    for_each_factor(node, [=](std::size_t i, float factor) { dc[i] += factor * g[i]; });
  }
}

constexpr Op readout_op{"readout", readout_backward};

}  // namespace

Value readout(Tape& tape, Value c, bool conj_sym) {
  const std::size_t cols = tape[c].cols;
  require(cols % 2 == 0, "readout", "C has {} columns, but real and imaginary parts need an even number", cols);
  Node& node = tape.push(readout_op, {c}, tape[c].rows, cols);
  node.attributes = tape.keep(ReadoutAttributes{conj_sym ? 2.0F : 1.0F});
  const float* const in = tape.value(c);
  float* const out = node.real;
  for_each_factor(node, [=](std::size_t i, float factor) { out[i] = factor * in[i]; });
  return tape.last();
}

}  // namespace bitstate::ops

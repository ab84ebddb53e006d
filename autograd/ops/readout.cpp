// R = k [Re C | -Im C], so that k Re(C x) = R x for a planar state x = [re | im].   dL/dC = k [g_re | -g_im].
#include "autograd/ops.h"

#include "core/error.h"

namespace bitstate::ops {
namespace {

struct ReadoutAttributes {
  float k;
};

/// Sign and factor of column c of [re | im].
float factor(const Node& node, std::size_t c) {
  const float k = static_cast<const ReadoutAttributes*>(node.attributes)->k;
  return c < node.cols / 2 ? k : -k;
}

void readout_backward(Tape& tape, const Node& node) {
  if (float* const dc = tape.gradient(node.inputs[0])) {
    for (std::size_t i = 0; i < node.size(); ++i) dc[i] += factor(node, i % node.cols) * node.gradient[i];
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
  for (std::size_t i = 0; i < node.size(); ++i) node.real[i] = factor(node, i % cols) * in[i];
  return tape.last();
}

}  // namespace bitstate::ops

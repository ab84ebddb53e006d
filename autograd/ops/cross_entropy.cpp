// loss_n = -log softmax(z_n)[label_n];   dL/dz_n = g_n (softmax(z_n) - onehot(label_n)). Both are 0 of a row whose
// label is no_label.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::ops {
namespace {

struct CrossEntropyAttributes {
  const float* difference;  // [N, classes], softmax - onehot
};

void cross_entropy_backward(Tape& tape, const Node& node) {
  const float* const difference = static_cast<const CrossEntropyAttributes*>(node.attributes)->difference;
  const std::size_t classes = tape[node.inputs[0]].cols;
  if (float* const dz = tape.gradient(node.inputs[0])) {
    for (std::size_t n = 0; n < node.rows; ++n) {
      for (std::size_t k = 0; k < classes; ++k) dz[n * classes + k] += node.gradient[n] * difference[n * classes + k];
    }
  }
}

constexpr Op cross_entropy_op{"cross_entropy", cross_entropy_backward};

}  // namespace

Value cross_entropy(Tape& tape, Value logits, std::span<const std::int32_t> labels) {
  const std::size_t rows = tape[logits].rows;
  const std::size_t classes = tape[logits].cols;
  require(labels.size() == rows, "cross_entropy", "got {} labels for {} rows of logits", labels.size(), rows);
  float* const difference = tape.arena().array<float>(rows * classes);
  Node& node = tape.push(cross_entropy_op, {logits}, rows, 1);
  node.attributes = tape.keep(CrossEntropyAttributes{difference});
  std::vector<double> exponentials(classes);
  for (std::size_t n = 0; n < rows; ++n) {
    if (labels[n] == no_label) {
      std::fill_n(difference + n * classes, classes, 0.0F);
      node.real[n] = 0.0F;
      continue;
    }
    require(labels[n] >= 0 && static_cast<std::size_t>(labels[n]) < classes, "cross_entropy",
            "expected labels from 0 to {2}, got {0} for sequence {1}", labels[n], n, classes - 1);
    const float* const z = tape.value(logits) + n * classes;
    const double largest = *std::max_element(z, z + classes);
    double total = 0.0;
    for (std::size_t k = 0; k < classes; ++k) total += exponentials[k] = std::exp(double{z[k]} - largest);
    for (std::size_t k = 0; k < classes; ++k) {
      difference[n * classes + k] = static_cast<float>(exponentials[k] / total);
    }
    const auto label = static_cast<std::size_t>(labels[n]);
    difference[n * classes + label] -= 1.0F;
    node.real[n] = static_cast<float>(largest + std::log(total) - double{z[label]});
  }
  return tape.last();
}

}  // namespace bitstate::ops

// y = H x / sqrt(n), H the Hadamard matrix of n = cols rows.   dL/dx = H^T g / sqrt(n)
#include "autograd/ops.h"

#include "core/kernels/hadamard.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::ops {
namespace {

void hadamard_backward(Tape& tape, const Node& node) {
  const Hadamard hadamard(node.cols, "hadamard");
  const float scale = 1.0F / std::sqrt(static_cast<float>(node.cols));
  std::vector<float> scratch(node.cols);
  for (std::size_t r = 0; r < node.rows; ++r) {
    const std::span<float> row(node.gradient + r * node.cols, node.cols);
    hadamard.apply_transposed(row, scratch);
    for (float& g : row) g *= scale;
  }
  tape.pass_on(node.inputs[0], node);
}

constexpr Op hadamard_op{"hadamard", hadamard_backward};

}  // namespace

Value hadamard(Tape& tape, Value x) {
  const Hadamard hadamard(tape[x].cols, "hadamard");
  const float* const in = tape.value(x);
  Node& y = tape.push(hadamard_op, {x}, tape[x].rows, tape[x].cols);
  const float scale = 1.0F / std::sqrt(static_cast<float>(y.cols));
  std::vector<float> scratch(y.cols);
  for (std::size_t r = 0; r < y.rows; ++r) {
    const std::span<float> row(y.real + r * y.cols, y.cols);
    std::copy_n(in + r * y.cols, y.cols, row.begin());
    hadamard.apply(row, scratch);
    for (float& v : row) v *= scale;
  }
  return tape.last();
}

}  // namespace bitstate::ops

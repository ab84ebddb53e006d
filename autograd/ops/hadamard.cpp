// y = H x / sqrt(n), H the Hadamard matrix of n = cols rows.   dL/dx = H^T g / sqrt(n). On codes y is H x at the scale
// s / sqrt(n), exactly.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/kernels/hadamard.h"
#include "core/program/run/operands.h"

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

void hadamard_lower(Lowering& to, const Node& node) { to.emit(program::Rotate{to.value(node.inputs[0])}); }

void hadamard_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                      const program::MutableCodes& y) {
  const Hadamard hadamard(node.cols, "hadamard");
  tape.fill_rows(node, rows, then, y, [&](const program::MutableCodes& codes) {
    program::rotate(hadamard, rows.count, tape.code_rows(node.inputs[0], rows), codes);
  });
}

constexpr Op hadamard_op{"hadamard", hadamard_backward, hadamard_lower, nullptr, {}, hadamard_compute};

}  // namespace

Value hadamard(Tape& tape, Value x) {
  const Hadamard hadamard(tape[x].cols, "hadamard");
  Node& y = tape.push_bare(hadamard_op, {x}, tape[x].rows, tape[x].cols);
  const Node& in = tape[x];
  const auto n = static_cast<std::int64_t>(y.cols);
  if (in.has_codes() && in.layout == kernels::ScaleLayout::per_tensor && in.bound < (std::int64_t{1} << 31) / n) {
    float* const scale = tape.arena().array<float>(1);
    *scale = static_cast<float>(double{in.scale[0]} / std::sqrt(static_cast<double>(n)));
    y.scale = scale;
    y.bound = n * in.bound;
    return tape.last();
  }
  const float* const from = tape.value(x);
  y.real = tape.arena().array<float>(y.size());
  const float scale = 1.0F / std::sqrt(static_cast<float>(y.cols));
  std::vector<float> scratch(y.cols);
  for (std::size_t r = 0; r < y.rows; ++r) {
    const std::span<float> row(y.real + r * y.cols, y.cols);
    std::copy_n(from + r * y.cols, y.cols, row.begin());
    hadamard.apply(row, scratch);
    for (float& v : row) v *= scale;
  }
  return tape.last();
}

}  // namespace bitstate::ops

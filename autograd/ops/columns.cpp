// y = columns [first, first + count) of x.   The gradient goes to these columns.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct ColumnsAttributes {
  std::size_t first;
};

void columns_backward(Tape& tape, const Node& node) {
  const std::size_t first = static_cast<const ColumnsAttributes*>(node.attributes)->first;
  const std::size_t cols = tape[node.inputs[0]].cols;
  float* const dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  for (std::size_t r = 0; r < node.rows; ++r) {
    float* const to = dx + r * cols + first;
    const float* const g = node.gradient + r * node.cols;
    for (std::size_t c = 0; c < node.cols; ++c) to[c] += g[c];
  }
}

constexpr Op columns_op{"columns", columns_backward};

}  // namespace

Value columns(Tape& tape, Value x, std::size_t first, std::size_t count) {
  const std::size_t cols = tape[x].cols;
  require(count > 0 && count <= cols && first <= cols - count, "columns", "x has {} columns, {} from {} on are wanted",
          cols, count, first);
  const float* const in = tape.value(x);
  Node& y = tape.push(columns_op, {x}, tape[x].rows, count);
  y.attributes = tape.keep(ColumnsAttributes{first});
  for (std::size_t r = 0; r < y.rows; ++r) std::copy_n(in + r * cols + first, count, y.real + r * count);
  return tape.last();
}

}  // namespace bitstate::ops

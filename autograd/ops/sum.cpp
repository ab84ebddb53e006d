// y = a + b; b may be one row, added to every row of a.
#include "autograd/ops.h"

#include "core/error.h"

namespace bitstate::ops {
namespace {

void add(float* to, const float* from, std::size_t rows, std::size_t cols, bool one_row) {
  if (one_row) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) to[c] += from[r * cols + c];
    }
  } else {
    for (std::size_t i = 0; i < rows * cols; ++i) to[i] += from[i];
  }
}

void backward(Tape& tape, const Node& node) {
  if (float* const da = tape.gradient(node.inputs[0])) add(da, node.gradient, node.rows, node.cols, false);
  if (float* const db = tape.gradient(node.inputs[1])) {
    add(db, node.gradient, node.rows, node.cols, tape[node.inputs[1]].rows != node.rows);
  }
}

constexpr Op op{"sum", backward};

}  // namespace

Value sum(Tape& tape, Value a, Value b) {
  const std::size_t rows = tape[a].rows;
  const std::size_t cols = tape[a].cols;
  const std::size_t b_rows = tape[b].rows;
  require(tape[b].cols == cols && (b_rows == rows || b_rows == 1), "sum", "a is [{}, {}], b is [{}, {}]", rows, cols,
          b_rows, tape[b].cols);
  const Node& y = tape.push(op, {a, b}, rows, cols);
  const float* const left = tape[a].value;
  const float* const right = tape[b].value;
  const std::size_t step = b_rows == rows ? cols : 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) y.value[r * cols + c] = left[r * cols + c] + right[r * step + c];
  }
  return tape.last();
}

}  // namespace bitstate::ops

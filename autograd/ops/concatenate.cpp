// y = [a | b], columns side by side (the two directions of a bidirectional SSM).   The gradient is cut in two.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

void concatenate_backward(Tape& tape, const Node& node) {
  std::size_t from = 0;
  for (const Value v : {node.inputs[0], node.inputs[1]}) {
    const std::size_t cols = tape[v].cols;
    if (float* const d = tape.gradient(v)) {
      for (std::size_t r = 0; r < node.rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) d[r * cols + c] += node.gradient[r * node.cols + from + c];
      }
    }
    from += cols;
  }
}

void concatenate_lower(Lowering& to, const Node& node) {
  to.emit(program::Concatenate{to.value(node.inputs[0]), to.value(node.inputs[1])});
}

constexpr Op concatenate_op{"concatenate", concatenate_backward, concatenate_lower};

template <class T>
void join(std::size_t rows, const T* a, std::size_t a_cols, const T* b, std::size_t b_cols, T* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    out = std::copy_n(a + r * a_cols, a_cols, out);
    out = std::copy_n(b + r * b_cols, b_cols, out);
  }
}

}  // namespace

Value concatenate(Tape& tape, Value a, Value b) {
  const std::size_t rows = tape[a].rows;
  require(tape[b].rows == rows, "concatenate", "a has {} rows, b has {}", rows, tape[b].rows);
  Node& y = tape.push(concatenate_op, {a, b}, rows, tape[a].cols + tape[b].cols);
  const Node& left = tape[a];
  const Node& right = tape[b];
  join(rows, left.value, left.cols, right.value, right.cols, y.value);
  constexpr auto per_row = kernels::ScaleLayout::per_row;
  if (left.has_codes() && right.has_codes() && left.layout != per_row && right.layout != per_row) {
    y.codes = tape.arena().array<std::int32_t>(y.size());
    join(rows, left.codes, left.cols, right.codes, right.cols, y.codes);
    float* const scale = tape.arena().array<float>(y.cols);
    for (std::size_t c = 0; c < left.cols; ++c) scale[c] = static_cast<float>(left.column_scale(c));
    for (std::size_t c = 0; c < right.cols; ++c) scale[left.cols + c] = static_cast<float>(right.column_scale(c));
    y.scale = scale;
    y.layout = kernels::ScaleLayout::per_column;
    y.bound = std::max(left.bound, right.bound);
  }
  return tape.last();
}

}  // namespace bitstate::ops

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
    tape.flow(v, [&](auto put) {
      for (std::size_t r = 0; r < node.rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) put(r * cols + c, node.gradient[r * node.cols + from + c]);
      }
    });
    from += cols;
  }
}

void concatenate_lower(Lowering& to, const Node& node) {
  to.emit(program::Concatenate{to.value(node.inputs[0]), to.value(node.inputs[1])});
}

/// Columns [at, at + cols) of y, from x.
void copy_columns(std::size_t rows, std::size_t cols, const program::Codes& x, const program::MutableCodes& y,
                  std::size_t at) {
  program::with_type(x, [&](const auto* in) {
    program::with_type(y, [&](auto* out) {
      for (std::size_t r = 0; r < rows; ++r) program::copy_codes(in + r * x.stride, cols, out + r * y.stride + at);
    });
  });
}

void concatenate_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                         const program::MutableCodes& y) {
  tape.fill_rows(node, rows, then, y, [&](const program::MutableCodes& both) {
    std::size_t at = 0;
    for (const Value v : node.inputs) {
      copy_columns(rows.count, tape[v].cols, tape.code_rows(v, rows), both, at);
      at += tape[v].cols;
    }
  });
}

constexpr Op concatenate_op{"concatenate", concatenate_backward, concatenate_lower,
                            nullptr,       {.light = true},      concatenate_compute};

}  // namespace

Value concatenate(Tape& tape, Value a, Value b) {
  const std::size_t rows = tape[a].rows;
  require(tape[b].rows == rows, "concatenate", "a has {} rows, b has {}", rows, tape[b].rows);
  Node& y = tape.push_bare(concatenate_op, {a, b}, rows, tape[a].cols + tape[b].cols);
  const Node& left = tape[a];
  const Node& right = tape[b];
  constexpr auto per_row = kernels::ScaleLayout::per_row;
  if (left.has_codes() && right.has_codes() && left.layout != per_row && right.layout != per_row) {
    y.codes.width = std::max(tape.width(a), tape.width(b));
    float* const scale = tape.arena().array<float>(y.cols);
    for (std::size_t c = 0; c < left.cols; ++c) scale[c] = static_cast<float>(left.column_scale(c));
    for (std::size_t c = 0; c < right.cols; ++c) scale[left.cols + c] = static_cast<float>(right.column_scale(c));
    y.scale = scale;
    y.layout = kernels::ScaleLayout::per_column;
    y.bound = std::max(left.bound, right.bound);
    return tape.last();
  }
  const float* const of_a = tape.value(a);
  const float* const of_b = tape.value(b);
  y.real = tape.arena().array<float>(y.size());
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy_n(of_a + r * left.cols, left.cols, y.real + r * y.cols);
    std::copy_n(of_b + r * right.cols, right.cols, y.real + r * y.cols + left.cols);
  }
  return tape.last();
}

}  // namespace bitstate::ops

// y = a * b elementwise; b may be one row, multiplied with every row of a.   dL/da = b g,  dL/db = a g (summed over
// rows). On codes: y = a_code * b_code at scale s_a s_b (docs/numerics.md, section 4).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

void product_backward(Tape& tape, const Node& node) {
  const Node& a = tape[node.inputs[0]];
  const Node& b = tape[node.inputs[1]];
  const std::size_t cols = node.cols;
  const std::size_t step = b.rows == node.rows ? cols : 0;
  if (float* const da = tape.gradient(node.inputs[0])) {
    for (std::size_t r = 0; r < node.rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) da[r * cols + c] += b.value[r * step + c] * node.gradient[r * cols + c];
    }
  }
  if (float* const db = tape.gradient(node.inputs[1])) {
    for (std::size_t r = 0; r < node.rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) db[r * step + c] += a.value[r * cols + c] * node.gradient[r * cols + c];
    }
  }
}

void product_lower(Lowering& to, const Node& node) {
  const auto [a, b] = std::pair(node.inputs[0], node.inputs[1]);
  if (to.node(b).constant) {
    to.emit(program::Scale{to.value(a), to.codes(b)});
  } else {
    to.emit(program::Product{to.value(a), to.value(b)});
  }
}

constexpr Op product_op{"product", product_backward, product_lower, nullptr, {.weighted = true, .accumulates = true}};

void product_on_codes(Tape& tape, Node& y, const Node& a, const Node& b, std::size_t step) {
  const bool per_column = a.layout == ScaleLayout::per_column || b.layout == ScaleLayout::per_column;
  const std::size_t count = per_column ? y.cols : 1;
  float* const scale = tape.arena().array<float>(count);
  for (std::size_t c = 0; c < count; ++c) {
    scale[c] =
        a.scale[a.layout == ScaleLayout::per_column ? c : 0] * b.scale[b.layout == ScaleLayout::per_column ? c : 0];
  }
  y.codes = tape.arena().array<std::int32_t>(y.size());
  y.scale = scale;
  y.layout = per_column ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < y.cols; ++c) {
      y.codes[r * y.cols + c] = a.codes[r * y.cols + c] * b.codes[r * step + c];
    }
  }
  kernels::dequantize(y.rows, y.cols, y.layout, y.codes, y.scale, y.value);
}

}  // namespace

Value product(Tape& tape, Value a, Value b) {
  const std::size_t rows = tape[a].rows;
  const std::size_t cols = tape[a].cols;
  const std::size_t b_rows = tape[b].rows;
  require(tape[b].cols == cols && (b_rows == rows || b_rows == 1), "product", "a is [{}, {}], b is [{}, {}]", rows,
          cols, b_rows, tape[b].cols);
  Node& y = tape.push(product_op, {a, b}, rows, cols);
  const Node& left = tape[a];
  const Node& right = tape[b];
  const std::size_t step = b_rows == rows ? cols : 0;
  const bool codes = left.has_codes() && right.has_codes() && left.layout != ScaleLayout::per_row &&
                     right.layout != ScaleLayout::per_row;
  if (codes) y.bound = left.bound * right.bound;
  if (codes && y.bound < std::int64_t{1} << 31) {
    product_on_codes(tape, y, left, right, step);
    return tape.last();
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      y.value[r * cols + c] = left.value[r * cols + c] * right.value[r * step + c];
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

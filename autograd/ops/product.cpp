// y = a * b elementwise; b may be one row, multiplied with every row of a.   dL/da = b g,  dL/db = a g (summed over
// rows). On codes: y = a_code * b_code at scale s_a s_b (docs/numerics.md, section 4).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/ops/gradient_rounding.h"
#include "core/error.h"
#include "core/program/run/operands.h"

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

struct ProductAttributes {
  const std::int32_t* row = nullptr;       // codes of b where one row is multiplied with all
  const KeptRounding* rounding = nullptr;  // of backward
};

const KeptRounding* rounding_of(const Node& node) {
  const auto* const a = static_cast<const ProductAttributes*>(node.attributes);
  return a == nullptr ? nullptr : a->rounding;
}

/// The rows of an operand as backward multiplies by them.
class BackwardRows {
 public:
  BackwardRows(Tape& tape, const Node& node, Value v) : rows_(tape, v), cols_(node.cols) {
    const KeptRounding* const rounding = rounding_of(node);
    if (rounding == nullptr) return;
    const bool one = tape[v].rows == 1;  // of a constant, or a single step
    rounded_ = rounded(tape, *rounding, v, one ? kernels::RoundingGroups{} : rounding->x_groups());
  }
  const float* operator()(std::size_t row) { return rounded_ == nullptr ? rows_(row) : rounded_ + row * cols_; }

 private:
  RowReader rows_;
  std::size_t cols_;
  const float* rounded_ = nullptr;
};

void product_backward(Tape& tape, const Node& node) {
  const Value a = node.inputs[0];
  const Value b = node.inputs[1];
  const std::size_t cols = node.cols;
  const bool matrix = tape[b].rows == node.rows;
  if (const KeptRounding* const rounding = rounding_of(node)) round_gradient(node, *rounding);
  BackwardRows of_a(tape, node, a);
  BackwardRows of_b(tape, node, b);
  const auto add_row = [&](std::size_t r, auto put) {
    const float* const x = of_a(r);
    for (std::size_t c = 0; c < cols; ++c) put(c, x[c] * node.gradient[r * cols + c]);
  };
  if (matrix) {
    tape.flow(b, [&](auto put) {
      for (std::size_t r = 0; r < node.rows; ++r) add_row(r, [&](std::size_t c, float g) { put(r * cols + c, g); });
    });
  } else if (float* const db = tape.gradient(b)) {
    for (std::size_t r = 0; r < node.rows; ++r) add_row(r, [&](std::size_t c, float g) { db[c] += g; });
  }
  for (std::size_t r = 0; r < node.rows; ++r) {
    const float* const x = of_b(matrix ? r : 0);
    for (std::size_t c = 0; c < cols; ++c) node.gradient[r * cols + c] *= x[c];
  }
  tape.pass_on(a, node);
}

void product_lower(Lowering& to, const Node& node) {
  const auto [a, b] = std::pair(node.inputs[0], node.inputs[1]);
  if (to.node(b).constant) {
    to.emit(program::Scale{to.value(a), to.codes(b)});
  } else {
    to.emit(program::Product{to.value(a), to.value(b)});
  }
}

void product_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                     const program::MutableCodes& y) {
  const auto [a, b] = std::pair(node.inputs[0], node.inputs[1]);
  const program::Codes left = tape.code_rows(a, rows);
  const auto* const attributes = static_cast<const ProductAttributes*>(node.attributes);
  if (attributes != nullptr && attributes->row != nullptr) {
    Tape::kernels().scale(attributes->row, then, node.cols, rows.count, left, y);
  } else {
    Tape::kernels().product(then, node.cols, rows.count, left, tape.code_rows(b, rows), y);
  }
}

constexpr Op product_op{"product",
                        product_backward,
                        product_lower,
                        nullptr,
                        {.weighted = true, .accumulates = true, .reads_result = false},
                        product_compute};

/// Gives y codes.
void product_on_codes(Tape& tape, Node& y, const KeptRounding* rounding) {
  for (const Value v : y.inputs) tape.hold(v);
  const Node& a = tape[y.inputs[0]];
  const Node& b = tape[y.inputs[1]];
  const bool per_column = a.layout == ScaleLayout::per_column || b.layout == ScaleLayout::per_column;
  const std::size_t count = per_column ? y.cols : 1;
  float* const scale = tape.arena().array<float>(count);
  for (std::size_t c = 0; c < count; ++c) {
    scale[c] =
        a.scale[a.layout == ScaleLayout::per_column ? c : 0] * b.scale[b.layout == ScaleLayout::per_column ? c : 0];
  }
  y.scale = scale;
  y.layout = per_column ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  const bool row = b.rows != y.rows || (y.rows == 1 && b.constant);
  if (!row && rounding == nullptr) return;
  y.attributes = tape.keep(
      ProductAttributes{row ? program::padded_row(tape.arena(), tape.codes32(y.inputs[1])) : nullptr, rounding});
}

}  // namespace

Value product(Tape& tape, Value a, Value b, const GradientRounding& rounding) {
  const std::size_t rows = tape[a].rows;
  const std::size_t cols = tape[a].cols;
  const std::size_t b_rows = tape[b].rows;
  require(tape[b].cols == cols && (b_rows == rows || b_rows == 1), "product", "a is [{}, {}], b is [{}, {}]", rows,
          cols, b_rows, tape[b].cols);
  Node& y = tape.push_bare(product_op, {a, b}, rows, cols);
  const KeptRounding* const kept = keep_rounding(tape, rounding);
  const Node& left = tape[a];
  const Node& right = tape[b];
  const bool codes = left.has_codes() && right.has_codes() && left.layout != ScaleLayout::per_row &&
                     right.layout != ScaleLayout::per_row;
  if (codes) y.bound = left.bound * right.bound;
  if (codes && y.bound < std::int64_t{1} << 31) {
    product_on_codes(tape, y, kept);
    return tape.last();
  }
  if (kept != nullptr) y.attributes = tape.keep(ProductAttributes{nullptr, kept});
  const std::size_t step = b_rows == rows ? cols : 0;
  const float* const of_a = tape.value(a);
  const float* const of_b = tape.value(b);
  y.real = tape.new_real(y);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) y.real[r * cols + c] = of_a[r * cols + c] * of_b[r * step + c];
  }
  return tape.last();
}

}  // namespace bitstate::ops

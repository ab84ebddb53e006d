// y = a + b; b may be one row, added to every row of a. On codes both are brought to one fine scale (docs/numerics.md,
// section 4).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"
#include "core/program/run/operands.h"

#include <cmath>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

void sum_backward(Tape& tape, const Node& node) {
  const Value b = node.inputs[1];
  if (b.exists() && tape[b].rows != node.rows) {
    if (float* const db = tape.gradient(b)) {
      for (std::size_t r = 0; r < node.rows; ++r) {
        for (std::size_t c = 0; c < node.cols; ++c) db[c] += node.gradient[r * node.cols + c];
      }
    }
  } else {
    tape.flow(b, [&](auto put) {
      for (std::size_t i = 0; i < node.size(); ++i) put(i, node.gradient[i]);
    });
  }
  tape.pass_on(node.inputs[0], node);
}

/// On codes: the factors of the terms, or of a and the codes of a row of constants.
struct SumAttributes {
  program::Factors a, b;
  const std::int32_t* row;
};

/// Gives y codes: the scale of each column from `span(c)`, the largest value that column c can have.
template <class Span>
void take_fine_scales(Tape& tape, Node& y, bool per_column, Span span) {
  const std::size_t count = per_column ? y.cols : 1;
  float* const scale = tape.arena().array<float>(count);
  for (std::size_t c = 0; c < count; ++c) scale[c] = static_cast<float>(span(c) * 0x1.0p-28);
  y.scale = scale;
  y.layout = per_column ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  y.bound = kernels::fine_sum_bound;
}

std::span<const float> scales_of(const Node& node) {
  return {node.scale, kernels::scale_count(node.layout, node.rows, node.cols)};
}

std::vector<FixedPoint> factors_to_sum(const Node& from, std::span<const float> scale) {
  std::vector<FixedPoint> factors;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    factors.push_back(to_fixed_point(from.column_scale(c) / double{scale[c]}, "a sum"));
  }
  return factors;
}

/// Codes of a row of constants at the scales of the sum.
std::vector<std::int32_t> row_codes(const float* b, std::span<const float> scale) {
  std::vector<std::int32_t> row(scale.size());
  for (std::size_t c = 0; c < scale.size(); ++c) {
    row[c] = static_cast<std::int32_t>(std::floor(double{b[c]} / double{scale[c]} + 0.5));
  }
  return row;
}

/// A row of constants must be added to one step as it is to many.
bool adds_constants(const Node& b) { return b.constant && b.rows == 1; }

void sum_lower(Lowering& to, const Node& node) {
  const auto [a, b] = std::pair(node.inputs[0], node.inputs[1]);
  const std::span scale = scales_of(node);
  const auto factors = factors_to_sum(to.node(a), scale);
  if (adds_constants(to.node(b))) {
    to.emit(program::AddRow{to.value(a), factors, row_codes(to.tape().value(b), scale)});
  } else {
    to.emit(program::Sum{to.value(a), to.value(b), factors, factors_to_sum(to.node(b), scale)});
  }
}

program::Factors factors_to(Tape& tape, const Node& from, const Node& y) {
  return program::factors_of(tape.arena(), factors_to_sum(from, scales_of(y)), y.cols);
}

void sum_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                 const program::MutableCodes& y) {
  const auto& terms = *static_cast<const SumAttributes*>(node.attributes);
  const program::Term a{terms.a, tape.code_rows(node.inputs[0], rows)};
  if (terms.row != nullptr) {
    Tape::kernels().add_row(a, terms.row, then, node.cols, rows.count, y);
  } else {
    Tape::kernels().sum(a, {terms.b, tape.code_rows(node.inputs[1], rows)}, then, node.cols, rows.count, y);
  }
}

constexpr Op sum_op{
    "sum",      sum_backward, sum_lower, nullptr, {.any_scales = true, .reads_operands = false, .reads_result = false},
    sum_compute};

void add_in_float(Tape& tape, Node& y, const float* a, const float* b, bool one_row) {
  y.real = tape.new_real(y);
  const std::size_t step = one_row ? 0 : y.cols;
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < y.cols; ++c) y.real[r * y.cols + c] = a[r * y.cols + c] + b[r * step + c];
  }
}

}  // namespace

Value sum(Tape& tape, Value a, Value b) {
  const std::size_t rows = tape[a].rows;
  const std::size_t cols = tape[a].cols;
  const std::size_t b_rows = tape[b].rows;
  require(tape[b].cols == cols && (b_rows == rows || b_rows == 1), "sum", "a is [{}, {}], b is [{}, {}]", rows, cols,
          b_rows, tape[b].cols);
  Node& y = tape.push_bare(sum_op, {a, b}, rows, cols);
  const Node& left = tape[a];
  const Node& right = tape[b];
  const auto span_of = [](const Node& x, std::size_t c) { return static_cast<double>(x.bound) * x.column_scale(c); };
  const bool left_codes = left.has_codes() && left.layout != ScaleLayout::per_row;
  if (left_codes && adds_constants(right)) {
    const float* const constants = tape.value(b);
    take_fine_scales(tape, y, true, [&](std::size_t c) { return span_of(left, c) + std::fabs(double{constants[c]}); });
    y.attributes = tape.keep(SumAttributes{
        factors_to(tape, left, y), {}, program::padded_row(tape.arena(), row_codes(constants, scales_of(y)))});
    return tape.last();
  }
  if (left_codes && right.has_codes() && right.layout != ScaleLayout::per_row && b_rows == rows) {
    const bool per_column = left.layout == ScaleLayout::per_column || right.layout == ScaleLayout::per_column;
    take_fine_scales(tape, y, per_column, [&](std::size_t c) { return span_of(left, c) + span_of(right, c); });
    y.attributes = tape.keep(SumAttributes{factors_to(tape, left, y), factors_to(tape, right, y), nullptr});
    return tape.last();
  }
  y.by_token = left.by_token && adds_constants(right);
  add_in_float(tape, y, tape.value(a), tape.value(b), b_rows != rows);
  return tape.last();
}

}  // namespace bitstate::ops

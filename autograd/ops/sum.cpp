// y = a + b; b may be one row, added to every row of a. On codes both are brought to one fine scale (docs/numerics.md,
// section 4).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"

#include <cmath>
#include <vector>

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

void sum_backward(Tape& tape, const Node& node) {
  if (float* const da = tape.gradient(node.inputs[0])) add(da, node.gradient, node.rows, node.cols, false);
  if (float* const db = tape.gradient(node.inputs[1])) {
    add(db, node.gradient, node.rows, node.cols, tape[node.inputs[1]].rows != node.rows);
  }
}

using kernels::ScaleLayout;

/// Prepares y for codes: scale of each column from `span(c)`, the largest value that column c can have.
template <class Span>
std::span<const float> fine_scales(Tape& tape, Node& y, bool per_column, Span span) {
  const std::size_t count = per_column ? y.cols : 1;
  float* const scale = tape.arena().array<float>(count);
  for (std::size_t c = 0; c < count; ++c) scale[c] = static_cast<float>(span(c) * 0x1.0p-28);
  y.codes = tape.arena().array<std::int32_t>(y.size());
  y.scale = scale;
  y.layout = per_column ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  y.bound = kernels::fine_sum_bound;
  return {scale, count};
}

std::vector<FixedPoint> sum_factors_to(const Node& from, std::span<const float> scale) {
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

void sum_lower(Lowering& to, const Node& node) {
  const Node& a = to.node(node.inputs[0]);
  const Node& b = to.node(node.inputs[1]);
  const std::span scale(node.scale, kernels::scale_count(node.layout, node.rows, node.cols));
  if (b.constant) {
    to.emit(program::AddRow{to.value(node.inputs[0]), sum_factors_to(a, scale), row_codes(b.value, scale)});
  } else {
    to.emit(program::Sum{to.value(node.inputs[0]), to.value(node.inputs[1]), sum_factors_to(a, scale),
                         sum_factors_to(b, scale)});
  }
}

constexpr Op sum_op{"sum", sum_backward, sum_lower, nullptr, {.any_scales = true}};

void sum_of_codes(Tape& tape, Node& y, const Node& a, const Node& b) {
  const bool per_column = a.layout == ScaleLayout::per_column || b.layout == ScaleLayout::per_column;
  const auto scale = fine_scales(tape, y, per_column, [&](std::size_t c) {
    return static_cast<double>(a.bound) * a.column_scale(c) + static_cast<double>(b.bound) * b.column_scale(c);
  });
  const auto a_factors = sum_factors_to(a, scale), b_factors = sum_factors_to(b, scale);
  kernels::rescale_add(y.rows, y.cols, {a_factors, a.codes}, {b_factors, b.codes}, y.codes);
  kernels::dequantize(y.rows, y.cols, y.layout, y.codes, y.scale, y.value);
}

void sum_with_constants(Tape& tape, Node& y, const Node& a, const float* b) {
  const auto scale = fine_scales(tape, y, true, [&](std::size_t c) {
    return static_cast<double>(a.bound) * a.column_scale(c) + std::fabs(double{b[c]});
  });
  kernels::rescale_add_row(y.rows, y.cols, sum_factors_to(a, scale), a.codes, row_codes(b, scale), y.codes);
  kernels::dequantize(y.rows, y.cols, y.layout, y.codes, y.scale, y.value);
}

}  // namespace

Value sum(Tape& tape, Value a, Value b) {
  const std::size_t rows = tape[a].rows;
  const std::size_t cols = tape[a].cols;
  const std::size_t b_rows = tape[b].rows;
  require(tape[b].cols == cols && (b_rows == rows || b_rows == 1), "sum", "a is [{}, {}], b is [{}, {}]", rows, cols,
          b_rows, tape[b].cols);
  Node& y = tape.push(sum_op, {a, b}, rows, cols);
  const Node& left = tape[a];
  const Node& right = tape[b];
  const bool left_codes = left.has_codes() && left.layout != ScaleLayout::per_row;
  // first: a row of constants must be added to one step as it is to many
  if (left_codes && right.constant && b_rows == 1) {
    sum_with_constants(tape, y, left, right.value);
    return tape.last();
  }
  if (left_codes && right.has_codes() && right.layout != ScaleLayout::per_row && b_rows == rows) {
    sum_of_codes(tape, y, left, right);
    return tape.last();
  }
  y.by_token = left.by_token && right.constant && b_rows == 1;
  const std::size_t step = b_rows == rows ? cols : 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) y.value[r * cols + c] = left.value[r * cols + c] + right.value[r * step + c];
  }
  return tape.last();
}

}  // namespace bitstate::ops

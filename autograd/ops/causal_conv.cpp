// Depthwise convolution over the last K steps of each sequence: y_t = bias + sum_k weight[k] x_{t-K+1+k}, weight [E, K]
// and bias per channel (Mamba's conv1d). Before the first step x has the K - 1 rows of `state`, or zeros. dL/dx_s =
// sum_k weight[k] g_{s+K-1-k} over the steps there are, likewise of the state;  dL/dweight[k] = sum_t g_t x_{t-K+1+k};
// dL/dbias = sum_t g_t. Direction::backward takes the steps in the opposite order. On codes: docs/numerics.md,
// section 10.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <vector>

namespace bitstate::ops {
namespace {

struct CausalConvAttributes {
  const std::size_t* rows;  // of each sequence
  std::size_t count;        // of sequences
  std::size_t taps;
  const float* by_tap;  // the weight [K, E]
  Direction direction;
  program::Window window = {};  // on codes
};

/// Calls f(t, s, k) for each pair of an output row t and what tap k of it reads: row s of x, or if it is negative row
/// s + K - 1 of the state. Rows count from the first step of the sequence in the order of the convolution.
template <class F>
void for_each_tap(std::size_t rows, std::size_t taps, F f) {
  const auto before = static_cast<std::ptrdiff_t>(taps) - 1;
  for (std::ptrdiff_t t = 0; t < static_cast<std::ptrdiff_t>(rows); ++t) {
    for (std::ptrdiff_t k = 0; k <= before; ++k) f(t, t - before + k, k);
  }
}

/// Rows of one sequence in the order of the steps, and of what came before it.
template <class T>
struct Steps {
  T* first;               // of step 0
  std::ptrdiff_t stride;  // from a step to the next
  T* before;              // [K - 1, cols]; may be null
  std::ptrdiff_t taps_before;
  std::ptrdiff_t cols;

  T* row(std::ptrdiff_t s) const {
    if (s >= 0) return first + s * stride;
    return before == nullptr ? nullptr : before + (s + taps_before) * cols;
  }
};

template <class T>
Steps<T> steps_of(T* x, T* state, std::size_t rows, std::size_t cols, const CausalConvAttributes& a) {
  const auto width = static_cast<std::ptrdiff_t>(cols);
  const bool forward = a.direction == Direction::forward;
  return {forward ? x : x + (rows - 1) * cols, forward ? width : -width, state, static_cast<std::ptrdiff_t>(a.taps) - 1,
          width};
}

/// Calls f(rows, first element of x, first element of the state) for each sequence.
template <class F>
void for_each_sequence(const CausalConvAttributes& a, std::size_t cols, F f) {
  std::size_t first = 0;
  for (std::size_t n = 0; n < a.count; ++n) {
    f(a.rows[n], first * cols, n * (a.taps - 1) * cols);
    first += a.rows[n];
  }
}

void causal_conv_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const CausalConvAttributes*>(node.attributes);
  const auto [x, weight, bias, state] = std::tuple(node.inputs[0], node.inputs[1], node.inputs[2], node.inputs[3]);
  const std::size_t cols = node.cols;
  const float* const in = tape.value(x);
  const float* const in_state = state.exists() ? tape.value(state) : nullptr;
  float* const dx = tape.gradient(x);
  float* const dstate = tape.gradient(state);
  float* const dw = tape.gradient(weight);
  float* const dw_by_tap = tape.scratch().array<float>(a.taps * cols);
  std::fill_n(dw_by_tap, a.taps * cols, 0.0F);
  if (float* const db = tape.gradient(bias)) {
    for (std::size_t t = 0; t < node.rows; ++t) {
      for (std::size_t c = 0; c < cols; ++c) db[c] += node.gradient[t * cols + c];
    }
  }
  for_each_sequence(a, cols, [&](std::size_t rows, std::size_t at, std::size_t at_state) {
    const auto offset = [](auto* array, std::size_t by) { return array == nullptr ? nullptr : array + by; };
    const auto from = steps_of(in + at, offset(in_state, at_state), rows, cols, a);
    const auto to = steps_of(offset(dx, at), offset(dstate, at_state), rows, cols, a);
    const auto gradient = steps_of(node.gradient + at, static_cast<float*>(nullptr), rows, cols, a);
    for_each_tap(rows, a.taps, [&](std::ptrdiff_t t, std::ptrdiff_t s, std::ptrdiff_t k) {
      const float* const g = gradient.row(t);
      const float* const x_row = from.row(s);
      if (dw != nullptr && x_row != nullptr) {
        float* const dw_row = dw_by_tap + k * static_cast<std::ptrdiff_t>(cols);
        for (std::size_t c = 0; c < cols; ++c) dw_row[c] += g[c] * x_row[c];
      }
      float* const dx_row = dx == nullptr && s >= 0 ? nullptr : to.row(s);
      if (dx_row == nullptr) return;
      const float* const w_row = a.by_tap + k * static_cast<std::ptrdiff_t>(cols);
      for (std::size_t c = 0; c < cols; ++c) dx_row[c] += g[c] * w_row[c];
    });
  });
  for (std::size_t i = 0; dw != nullptr && i < a.taps * cols; ++i) dw[i] += dw_by_tap[i % a.taps * cols + i / a.taps];
}

void causal_conv_lower(Lowering& to, const Node& node) {
  const auto& a = *static_cast<const CausalConvAttributes*>(node.attributes);
  to.emit(program::Conv{to.value(node.inputs[0]),
                        a.direction == Direction::backward,
                        to.matrix(node.inputs[1]),
                        {a.window.bias, a.window.bias + node.cols}});
}

/// The K - 1 rows of x that come before rows [first, end) of a sequence, in the order of the steps; 0 where there is
/// none.
program::Codes rows_before(Tape& tape, const program::Codes& x, RowRange sequence, RowRange rows, std::size_t taps,
                           bool backward) {
  const program::MutableCodes before{
      tape.scratch().array<std::byte>((taps * x.stride + program::row_multiple) * program::bytes_of(x.width)), x.width,
      x.stride};
  const std::size_t bytes = x.stride * program::bytes_of(x.width);
  for (std::size_t k = 0; k + 1 < taps; ++k) {
    const std::size_t distance = taps - 1 - k;  // from the first step of the rows
    auto* const to = static_cast<std::byte*>(before.data) + k * bytes;
    const std::size_t last = rows.first + rows.count - 1;
    const bool exists =
        backward ? last + distance < sequence.first + sequence.count : rows.first >= sequence.first + distance;
    if (exists) {
      const std::size_t row = backward ? last + distance : rows.first - distance;
      std::copy_n(static_cast<const std::byte*>(program::rows_from(x, row).data), bytes, to);
    } else {
      std::fill_n(to, bytes, std::byte{0});
    }
  }
  return {before.data, before.width, before.stride};
}

void causal_conv_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                         const program::MutableCodes& y) {
  const auto& a = *static_cast<const CausalConvAttributes*>(node.attributes);
  const program::Codes x = tape.codes(node.inputs[0]);
  std::size_t first = 0;
  for (std::size_t n = 0; n < a.count; first += a.rows[n], ++n) {
    const std::size_t begin = std::max(rows.first, first);
    const std::size_t end = std::min(rows.first + rows.count, first + a.rows[n]);
    if (begin >= end) continue;
    const RowRange part{begin, end - begin};
    const program::Codes before =
        rows_before(tape, x, {first, a.rows[n]}, part, a.taps, a.direction == Direction::backward);
    const std::size_t at = begin - rows.first;
    std::optional<program::Rescaling> own;
    if (then != nullptr) own = program::rows_from(*then, at, y.stride);
    Tape::kernels().window(a.window, own ? &*own : nullptr, node.cols, part.count, before, program::rows_from(x, begin),
                           program::rows_from(y, at));
  }
}

constexpr OpTraits causal_conv_traits{.weighted = true, .accumulates = true};
constexpr Op causal_conv_op{"causal_conv", causal_conv_backward, causal_conv_lower,
                            nullptr,       causal_conv_traits,   causal_conv_compute};

bool has_column_scales(const Node& node) { return node.has_codes() && node.layout != kernels::ScaleLayout::per_row; }

/// The window of the codes, and y's scales; nothing, with only the bound of y set, where a sum could reach 2^31.
std::optional<program::Window> causal_conv_on_codes(Tape& tape, Node& y, std::size_t taps, const float* bias,
                                                    Direction direction) {
  const Node& x = tape[y.inputs[0]];
  const Node& weight = tape[y.inputs[1]];
  const std::vector<std::int32_t> codes = tape.codes32(y.inputs[1]);
  const bool per_row = weight.layout == kernels::ScaleLayout::per_row;
  const bool per_column = per_row || x.layout == kernels::ScaleLayout::per_column;
  float* const scale = tape.arena().array<float>(y.cols);
  std::vector<std::int32_t> bias_codes(y.cols);
  double largest_sum = 1.0;
  for (std::size_t c = 0; c < y.cols; ++c) {
    scale[c] = static_cast<float>(x.column_scale(c)) * weight.scale[per_row ? c : 0];
    double magnitude = 0.0;
    for (std::size_t k = 0; k < taps; ++k) magnitude += std::abs(codes[c * taps + k]);
    const double code = std::floor(double{bias[c]} / double{scale[c]} + 0.5);
    const double sum = magnitude * static_cast<double>(x.bound) + std::fabs(code);
    largest_sum = std::max(largest_sum, sum);
    if (sum < 0x1.0p31) bias_codes[c] = static_cast<std::int32_t>(code);
    if (!(sum < 0x1.0p31)) largest_sum = 0x1.0p62;  // also for a NaN
  }
  y.bound = static_cast<std::int64_t>(std::min(largest_sum, 0x1.0p62));
  if (!(largest_sum < 0x1.0p31)) return std::nullopt;
  y.scale = scale;
  y.layout = per_column ? kernels::ScaleLayout::per_column : kernels::ScaleLayout::per_tensor;
  return program::window_of(tape.arena(), {codes.data(), program::Width::four, taps}, y.cols, taps, bias_codes,
                            direction == Direction::backward);
}

}  // namespace

Value causal_conv(Tape& tape, Value x, Value weight, Value bias, const Sequences& sequences, Direction direction,
                  Value state) {
  const std::size_t cols = tape[x].cols;
  const std::size_t taps = tape[weight].cols;
  sequences.check("causal_conv", tape[x].rows);
  require(taps > 0 && tape[weight].rows == cols && tape[bias].size() == cols, "causal_conv",
          "x has {} columns, weight {} rows of {}, bias {} elements", cols, tape[weight].rows, taps, tape[bias].size());
  const std::size_t kept = sequences.count() * (taps - 1);
  require(!state.exists() || (tape[state].rows == kept && tape[state].cols == cols), "causal_conv",
          "expected a state of {} rows and {} columns, got {} and {}", kept, cols,
          state.exists() ? tape[state].rows : kept, state.exists() ? tape[state].cols : cols);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  const float* const w = tape.value(weight);
  float* const by_tap = tape.arena().array<float>(taps * cols);
  for (std::size_t i = 0; i < taps * cols; ++i) by_tap[i % taps * cols + i / taps] = w[i];
  const float* const b = tape.value(bias);
  Node& y = tape.push_bare(causal_conv_op, {x, weight, bias, state}, tape[x].rows, cols);
  CausalConvAttributes attributes{rows, sequences.count(), taps, by_tap, direction};
  if (!state.exists() && has_column_scales(tape[x]) && tape[weight].has_codes() &&
      tape[weight].layout != kernels::ScaleLayout::per_column) {
    if (const auto window = causal_conv_on_codes(tape, y, taps, b, direction)) {
      static_cast<void>(tape.codes(x));  // rows before those at hand are read, too
      attributes.window = *window;
      y.attributes = tape.keep(attributes);
      return tape.last();
    }
  }
  const float* const in = tape.value(x);
  const float* const in_state = state.exists() ? tape.value(state) : nullptr;
  y.real = tape.arena().array<float>(y.size());
  const CausalConvAttributes* const a = tape.keep(attributes);
  y.attributes = a;
  for (std::size_t t = 0; t < y.rows; ++t) std::copy_n(b, cols, y.real + t * cols);
  for_each_sequence(*a, cols, [&](std::size_t count, std::size_t at, std::size_t at_state) {
    const auto from = steps_of(in + at, in_state == nullptr ? nullptr : in_state + at_state, count, cols, *a);
    const auto to = steps_of(y.real + at, static_cast<float*>(nullptr), count, cols, *a);
    for_each_tap(count, taps, [&](std::ptrdiff_t t, std::ptrdiff_t s, std::ptrdiff_t k) {
      const float* const x_row = from.row(s);
      if (x_row == nullptr) return;
      const float* const w_row = by_tap + k * static_cast<std::ptrdiff_t>(cols);
      float* const out = to.row(t);
      for (std::size_t c = 0; c < cols; ++c) out[c] += w_row[c] * x_row[c];
    });
  });
  return tape.last();
}

}  // namespace bitstate::ops

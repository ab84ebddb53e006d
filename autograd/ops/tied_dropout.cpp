// y_t = mask_n * x_t for the steps t of sequence n: S5's dropout, one mask per sequence, tied over its length.
// The mask holds 0 or 1 / (1 - p).   dL/dx_t = mask_n * g_t. On codes, 1 / (1 - p) is a factor of the scale; of a
// table, y is one, with a column of zeros for what is dropped.
#include "autograd/ops/dropout.h"

#include "core/error.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace bitstate::ops {
namespace {

void tied_dropout_backward(Tape& tape, const Node& node) {
  for_each_step(*dropout_of(node), node.cols, [&](std::size_t t, const float* mask) {
    float* const g = node.gradient + t * node.cols;
    for (std::size_t c = 0; c < node.cols; ++c) g[c] *= mask[c];
  });
  tape.pass_on(node.inputs[0], node);
}

void tied_dropout_evaluate(Tape& tape, const Node& node, float* real) {
  const float* const x = tape.value(node.inputs[0]);
  for_each_step(*dropout_of(node), node.cols, [&](std::size_t t, const float* mask) {
    const std::size_t first = t * node.cols;
    for (std::size_t c = 0; c < node.cols; ++c) real[first + c] = mask[c] * x[first + c];
  });
}

/// The codes of x where its feature is kept, else 0.
void tied_dropout_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                          const program::MutableCodes& y) {
  const program::Codes x = tape.code_rows(node.inputs[0], rows);
  tape.fill_rows(node, rows, then, y, [&](const program::MutableCodes& kept) {
    program::with_type(x, [&](const auto* in) {
      using Code = std::remove_cvref_t<decltype(*in)>;
      drop_codes(*dropout_of(node), node.cols, rows, in, x.stride, static_cast<Code*>(kept.data), kept.stride);
    });
  });
}

constexpr Op tied_dropout_op{
    "tied_dropout",       tied_dropout_backward, nullptr, nullptr, {.reads_operands = false, .reads_result = false},
    tied_dropout_compute, tied_dropout_evaluate};

/// Gives y codes: those of x, or 0. The factor is one of the scale.
void take_codes(Tape& tape, Node& y, Value x, const Dropout& dropout) {
  const Node& node = tape[x];
  const std::size_t count = kernels::scale_count(node.layout, node.rows, node.cols);
  float* const scale = tape.arena().array<float>(count);
  for (std::size_t c = 0; c < count; ++c) scale[c] = node.scale[c] * dropout.kept;
  y.scale = scale;
  y.layout = node.layout;
  y.bound = node.bound;
  y.codes.width = tape.width(x);
}

/// The one factor of what is kept; 0 if there are several.
float kept_factor(std::span<const float> mask) {
  float kept = 0.0F;
  for (const float m : mask) {
    if (m == 0.0F) continue;
    if (kept != 0.0F && m != kept) return 0.0F;
    kept = m;
  }
  return kept == 0.0F ? 1.0F : kept;
}

}  // namespace

const Dropout* dropout_of(const Node& node) {
  return node.op == &tied_dropout_op ? static_cast<const Dropout*>(node.attributes) : nullptr;
}

Value tied_dropout(Tape& tape, Value x, std::span<const float> mask, const Sequences& sequences) {
  const std::size_t cols = tape[x].cols;
  sequences.check("tied_dropout", tape[x].rows);
  require(mask.size() == sequences.count() * cols, "tied_dropout", "the mask has {} elements, but {} sequences need {}",
          mask.size(), sequences.count(), sequences.count() * cols);
  auto* const kept = tape.arena().array<float>(mask.size());
  std::copy(mask.begin(), mask.end(), kept);
  auto* const bits = tape.arena().array<std::int8_t>(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) bits[i] = mask[i] == 0.0F ? 0 : -1;
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  const Dropout dropout{kept, rows, sequences.count(), bits, kept_factor(mask)};
  Node& y = tape.push_bare(tied_dropout_op, {x}, tape[x].rows, cols);
  y.attributes = tape.keep(dropout);
  const Node& in = tape[x];
  const bool one_factor = dropout.kept > 0.0F;
  if (one_factor && in.has_codes() && in.layout != kernels::ScaleLayout::per_row) {
    take_codes(tape, y, x, dropout);
  } else if (one_factor && in.table && dropout_of(in) == nullptr) {
    y.table = true;
  } else {
    y.real = tape.new_real(y);
    tied_dropout_evaluate(tape, y, y.real);
  }
  return tape.last();
}

}  // namespace bitstate::ops

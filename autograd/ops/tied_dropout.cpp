// y_t = mask_n * x_t for the steps t of sequence n: S5's dropout, one mask a sequence, tied over its length.
// The mask holds 0 or 1 / (1 - p).   dL/dx_t = mask_n * g_t.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct TiedDropoutAttributes {
  const float* mask;
  const std::size_t* rows;
  std::size_t count;
};

/// to (+)= mask * from
template <class Assign>
void apply(const TiedDropoutAttributes& a, std::size_t cols, const float* from, float* to, Assign assign) {
  std::size_t i = 0;
  for (std::size_t n = 0; n < a.count; ++n) {
    const float* const mask = a.mask + n * cols;
    for (std::size_t t = 0; t < a.rows[n]; ++t, i += cols) {
      for (std::size_t c = 0; c < cols; ++c) assign(to[i + c], mask[c] * from[i + c]);
    }
  }
}

void tied_dropout_backward(Tape& tape, const Node& node) {
  if (float* const dx = tape.gradient(node.inputs[0])) {
    apply(*static_cast<const TiedDropoutAttributes*>(node.attributes), node.cols, node.gradient, dx,
          [](float& to, float v) { to += v; });
  }
}

constexpr Op tied_dropout_op{"tied_dropout", tied_dropout_backward};

}  // namespace

Value tied_dropout(Tape& tape, Value x, std::span<const float> mask, const Sequences& sequences) {
  const std::size_t cols = tape[x].cols;
  sequences.check("tied_dropout", tape[x].rows);
  require(mask.size() == sequences.count() * cols, "tied_dropout", "the mask has {} elements, but {} sequences need {}",
          mask.size(), sequences.count(), sequences.count() * cols);
  auto* const kept = tape.arena().array<float>(mask.size());
  std::copy(mask.begin(), mask.end(), kept);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  const TiedDropoutAttributes attributes{kept, rows, sequences.count()};
  Node& y = tape.push(tied_dropout_op, {x}, tape[x].rows, cols);
  y.attributes = tape.keep(attributes);
  apply(attributes, cols, tape[x].value, y.value, [](float& to, float v) { to = v; });
  return tape.last();
}

}  // namespace bitstate::ops

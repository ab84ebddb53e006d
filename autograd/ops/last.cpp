// y_n = the last true row of sequence n (S5's mode "last").   dL/dx of that row = g_n.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct LastAttributes {
  const std::size_t* row;  // in x, for each sequence
};

void last_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const LastAttributes*>(node.attributes);
  if (float* const dx = tape.gradient(node.inputs[0])) {
    for (std::size_t n = 0; n < node.rows; ++n) {
      for (std::size_t c = 0; c < node.cols; ++c) dx[a.row[n] * node.cols + c] += node.gradient[n * node.cols + c];
    }
  }
}

void last_lower(Lowering& to, const Node& node) { to.emit(program::Last{to.value(node.inputs[0])}); }

constexpr Op last_op{"last", last_backward, last_lower};

}  // namespace

Value last(Tape& tape, Value x, const Sequences& sequences) {
  sequences.check("last", tape[x].rows);
  auto* const row = tape.arena().array<std::size_t>(sequences.count());
  std::size_t first = 0;
  for (std::size_t n = 0; n < sequences.count(); ++n) {
    row[n] = first + sequences.lengths[n] - 1;
    first += sequences.rows[n];
  }
  Node& y = tape.push_bare(last_op, {x}, sequences.count(), tape[x].cols);
  y.attributes = tape.keep(LastAttributes{row});
  const Node& in = tape[x];
  if (in.has_codes() && in.layout != kernels::ScaleLayout::per_row) {
    y.scale = in.scale;
    y.layout = in.layout;
    y.bound = in.bound;
    const program::Codes from = tape.codes(x);
    std::int32_t* const codes = tape.new_codes32(y);
    program::with_type(from, [&](const auto* all) {
      for (std::size_t n = 0; n < y.rows; ++n) {
        program::copy_codes(all + row[n] * from.stride, y.cols, codes + n * y.cols);
      }
    });
  } else {
    y.real = tape.arena().array<float>(y.size());
    const float* const all = tape.value(x);
    for (std::size_t n = 0; n < y.rows; ++n) std::copy_n(all + row[n] * y.cols, y.cols, y.real + n * y.cols);
  }
  return tape.last();
}

}  // namespace bitstate::ops

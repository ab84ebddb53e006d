// y = rows [first, first + count) of a matrix x, or as many elements of a row x: the part of a projection with several
// results that gives one of them. The gradient goes there.
#include "autograd/ops.h"

#include "core/error.h"
#include "core/program/run/codes.h"

namespace bitstate::ops {
namespace {

struct PartAttributes {
  std::size_t first;  // element
};

void part_backward(Tape& tape, const Node& node) {
  float* const dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  const std::size_t first = static_cast<const PartAttributes*>(node.attributes)->first;
  for (std::size_t i = 0; i < node.size(); ++i) dx[first + i] += node.gradient[i];
}

constexpr Op part_op{"part", part_backward};

}  // namespace

Value part(Tape& tape, Value x, std::size_t first, std::size_t count) {
  const bool row = tape[x].rows == 1;
  const std::size_t all = row ? tape[x].cols : tape[x].rows;
  require(count > 0 && count <= all && first <= all - count, "part", "x has {} parts, {} from {} on are wanted", all,
          count, first);
  if (count == all) return x;
  if (tape[x].has_codes()) {
    static_cast<void>(tape.codes(x));
  } else {
    static_cast<void>(tape.value(x));
  }
  Node& y = tape.push_bare(part_op, {x}, row ? 1 : count, row ? count : tape[x].cols);
  const Node& from = tape[x];
  const std::size_t skipped = row ? first : first * from.cols;
  y.attributes = tape.keep(PartAttributes{skipped});
  y.site = from.site;
  if (from.real != nullptr) y.real = from.real + skipped;
  if (!from.has_codes()) return tape.last();
  const std::size_t codes = row ? first : first * from.codes.stride;
  y.codes = {static_cast<const char*>(from.codes.data) + codes * program::bytes_of(from.codes.width), from.codes.width,
             from.codes.stride};
  const bool scaled =
      row ? from.layout == kernels::ScaleLayout::per_column : from.layout == kernels::ScaleLayout::per_row;
  y.scale = from.scale + (scaled ? first : 0);
  y.layout = from.layout;
  y.bound = from.bound;
  return tape.last();
}

}  // namespace bitstate::ops

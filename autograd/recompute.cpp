#include "autograd/recompute.h"

#include "core/error.h"
#include "core/kernels/quantize.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace bitstate::ops {
namespace {

/// Forgets at its end the real numbers of x that were asked for while it lived: they are in the memory of a part.
class BorrowedReals {
 public:
  BorrowedReals(Tape& tape, Value x) : tape_(tape), x_(x), real_(tape[x].real) {}
  ~BorrowedReals() { tape_[x_].real = real_; }
  BorrowedReals(const BorrowedReals&) = delete;
  BorrowedReals& operator=(const BorrowedReals&) = delete;

 private:
  Tape& tape_;
  Value x_;
  float* real_;
};

void recompute_backward(Tape& tape, const Node& node) {
  const auto& part = *static_cast<const Recomputation*>(node.attributes);
  const Value self = tape.handle(node);  // nodes move when others are appended
  const Value x = node.inputs[0];
  float* const gradient = node.gradient;
  const float* const before = tape[x].gradient;
  {
    const BorrowedReals reals(tape, x);
    TapePart again(tape, true);
    again.backward(part.forward(part.captured, tape, x), gradient);
  }
  Node& input = tape[x];
  if (input.gradient == gradient) {
    tape[self].gradient = nullptr;  // it was passed on
  } else if (input.gradient != before) {
    const float* const of_part = std::exchange(input.gradient, nullptr);
    std::copy_n(of_part, input.size(), tape.first_gradient(x));
  }
}

constexpr Op recompute_op{"recompute", recompute_backward};

/// Throws Error where a node behind `before` reads one up to it that is not x: its gradient would be lost.
void check_inputs(const Tape& tape, Value x, Value before) {
  for (const Node& node : tape.nodes().subspan(before.id + 1)) {
    for (const Value input : node.inputs) {
      require(!input.exists() || input.id == x.id || input.id > before.id, "recompute",
              "{} reads a value that the part was not given", node.op->name);
    }
  }
}

template <class T>
T* copied(Tape& tape, const T* from, std::size_t count) {
  if (from == nullptr) return nullptr;
  T* const to = tape.arena().array<T>(count);
  std::copy_n(from, count, to);
  return to;
}

/// A node with the numbers of y, which is not on the tape any more.
void push_result(Tape& tape, Value x, const Node& y, const Recomputation& part) {
  Node& node = tape.push_bare(recompute_op, {x}, y.rows, y.cols);
  if (y.has_codes()) {
    const std::size_t codes = y.rows * y.codes.stride + program::row_multiple;
    const std::size_t bytes = codes * program::bytes_of(y.codes.width);
    node.codes = {copied(tape, static_cast<const std::byte*>(y.codes.data), bytes), y.codes.width, y.codes.stride};
  } else {
    node.real = copied(tape, y.real, y.size());
  }
  node.scale = copied(tape, y.scale, kernels::scale_count(y.layout, y.rows, y.cols));
  node.layout = y.layout;
  node.bound = y.bound;
  node.constant = y.constant;
  node.rounded_float = y.rounded_float;
  node.needs_gradient = y.needs_gradient;
  node.attributes = tape.keep(part);
}

}  // namespace

Value recompute(Tape& tape, Value x, const Recomputation& part) {
  if (tape[x].table) return part.forward(part.captured, tape, x);  // what x is a function of gets its gradient
  tape.compute(x);
  Node result;
  {
    const BorrowedReals reals(tape, x);
    const Value before = tape.last();
    const TapePart once(tape, false);
    const Value y = part.forward(part.captured, tape, x);
    check_inputs(tape, x, before);
    require(y.id > before.id, "recompute", "the part gives back a value that it was given");
    require(!tape[y].table, "recompute", "the part ends with {}, and nobody has rounded it", tape[y].op->name);
    tape.compute(y);
    result = tape[y];
  }
  push_result(tape, x, result, part);
  return tape.last();
}

}  // namespace bitstate::ops

// The complex conjugate of some states: their imaginary parts negated in Lambda_bar and the readout (columns) or in
// B_bar (rows). With conj_sym the output depends on x and conj(x) alike, so a state whose Lambda_bar, B_bar and C are
// all conjugated gives the same output (docs/numerics.md, section 6).   dL/dx = g with the same signs.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct ConjugateAttributes {
  std::span<const float> signs;  // of the imaginary part of each state
  bool rows;
};

/// Multiplies the imaginary parts of a [2P, H] (rows) or [H, 2P] (columns) by the signs of their states.
void apply_signs(const ConjugateAttributes& a, std::size_t rows, std::size_t cols, float* x) {
  const std::size_t states = a.signs.size();
  for (std::size_t r = a.rows ? states : 0; r < rows; ++r) {
    float* const row = x + r * cols;
    if (a.rows) {
      for (std::size_t c = 0; c < cols; ++c) row[c] *= a.signs[r - states];
    } else {
      for (std::size_t p = 0; p < states; ++p) row[states + p] *= a.signs[p];
    }
  }
}

void conjugate_backward(Tape& tape, const Node& node) {
  apply_signs(*static_cast<const ConjugateAttributes*>(node.attributes), node.rows, node.cols, node.gradient);
  tape.pass_on(node.inputs[0], node);
}

constexpr Op conjugate_op{"conjugate", conjugate_backward};

Value conjugate(Tape& tape, Value x, std::span<const float> signs, bool rows) {
  if (signs.empty()) return x;
  const std::size_t size = rows ? tape[x].rows : tape[x].cols;
  require(size == 2 * signs.size(), "conjugate", "{} states have {} real and imaginary parts", signs.size(), size);
  Node& y = tape.push(conjugate_op, {x}, tape[x].rows, tape[x].cols);
  const auto* const a = tape.keep(ConjugateAttributes{signs, rows});
  y.attributes = a;
  std::copy_n(tape.value(x), y.size(), y.real);
  apply_signs(*a, y.rows, y.cols, y.real);
  return tape.last();
}

}  // namespace

std::span<const float> signs_below(Tape& tape, Value lambda_bar) {
  const std::size_t states = tape[lambda_bar].size() / 2;
  const float* const imaginary = tape.value(lambda_bar) + states;
  const auto above = [](float v) { return v > 0.0F; };
  if (std::none_of(imaginary, imaginary + states, above)) return {};
  float* const signs = tape.arena().array<float>(states);
  for (std::size_t p = 0; p < states; ++p) signs[p] = above(imaginary[p]) ? -1.0F : 1.0F;
  return {signs, states};
}

Value conjugate_rows(Tape& tape, Value x, std::span<const float> signs) { return conjugate(tape, x, signs, true); }
Value conjugate_columns(Tape& tape, Value x, std::span<const float> signs) { return conjugate(tape, x, signs, false); }

}  // namespace bitstate::ops

// What a causal convolution of `taps` taps must know to go on after each sequence: its last taps - 1 rows, the oldest
// first; of a sequence that is shorter, the last rows of `state`, or zeros, come before.
// The gradient goes to these rows.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

constexpr std::size_t no_row = ~std::size_t{0};

struct ConvStateAttributes {
  const std::size_t* from_x;      // row of x that each row is; no_row: it is one of the state, or zeros
  const std::size_t* from_state;  // likewise
};

void conv_state_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const ConvStateAttributes*>(node.attributes);
  const auto give = [&](Value v, const std::size_t* from) {
    float* const to = tape.gradient(v);
    for (std::size_t r = 0; to != nullptr && r < node.rows; ++r) {
      if (from[r] == no_row) continue;
      for (std::size_t c = 0; c < node.cols; ++c) to[from[r] * node.cols + c] += node.gradient[r * node.cols + c];
    }
  };
  give(node.inputs[0], a.from_x);
  give(node.inputs[1], a.from_state);
}

constexpr Op conv_state_op{"conv_state", conv_state_backward};

}  // namespace

Value conv_state(Tape& tape, Value x, std::size_t taps, const Sequences& sequences, Direction direction, Value state) {
  sequences.check("conv_state", tape[x].rows);
  require(taps > 1, "conv_state", "a convolution of {} taps has no state", taps);
  const std::size_t cols = tape[x].cols;
  const std::size_t kept = taps - 1;
  const std::size_t rows = sequences.count() * kept;
  require(!state.exists() || (tape[state].rows == rows && tape[state].cols == cols), "conv_state",
          "expected a state of {} rows and {} columns, got {} and {}", rows, cols,
          state.exists() ? tape[state].rows : rows, state.exists() ? tape[state].cols : cols);
  auto* const from_x = tape.arena().array<std::size_t>(rows);
  auto* const from_state = tape.arena().array<std::size_t>(rows);
  std::size_t first = 0;
  for (std::size_t n = 0; n < sequences.count(); ++n) {
    const std::size_t length = sequences.rows[n];
    for (std::size_t k = 0; k < kept; ++k) {
      const std::size_t back = kept - k;  // steps before the end
      const std::size_t step = direction == Direction::forward ? length - back : back - 1;
      from_x[n * kept + k] = back <= length ? first + step : no_row;
      from_state[n * kept + k] = back <= length || !state.exists() ? no_row : n * kept + k + length;
    }
    first += length;
  }
  const float* const in = tape.value(x);
  const float* const in_state = state.exists() ? tape.value(state) : nullptr;
  Node& y = tape.push(conv_state_op, {x, state}, rows, cols);
  y.attributes = tape.keep(ConvStateAttributes{from_x, from_state});
  for (std::size_t r = 0; r < rows; ++r) {
    float* const out = y.real + r * cols;
    if (from_x[r] != no_row) {
      std::copy_n(in + from_x[r] * cols, cols, out);
    } else if (from_state[r] != no_row) {
      std::copy_n(in_state + from_state[r] * cols, cols, out);
    } else {
      std::fill_n(out, cols, 0.0F);
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops

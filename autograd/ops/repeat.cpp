// y = x_0, x_0, ..., x_1, x_1, ...: a number per head of Mamba-2 for each channel. The gradient is summed over a head.
#include "autograd/ops.h"

#include "core/error.h"

namespace bitstate::ops {
namespace {

struct RepeatAttributes {
  std::size_t times;
};

void repeat_backward(Tape& tape, const Node& node) {
  const std::size_t times = static_cast<const RepeatAttributes*>(node.attributes)->times;
  float* const dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  for (std::size_t c = 0; c < node.cols; ++c) dx[c / times] += node.gradient[c];
}

constexpr Op repeat_op{"repeat", repeat_backward};

}  // namespace

Value repeat(Tape& tape, Value x, std::size_t times) {
  require(tape[x].rows == 1 && times > 0, "repeat", "expected one row, got {}", tape[x].rows);
  const std::size_t cols = tape[x].cols * times;
  const bool codes = tape[x].has_codes() && tape[x].layout != kernels::ScaleLayout::per_column;
  const std::vector<std::int32_t> from = codes ? tape.codes32(x) : std::vector<std::int32_t>();
  const float* const real = tape.value(x);
  Node& y = tape.push(repeat_op, {x}, 1, cols);
  y.attributes = tape.keep(RepeatAttributes{times});
  y.site = tape[x].site;
  for (std::size_t c = 0; c < cols; ++c) y.real[c] = real[c / times];
  if (!codes) return tape.last();
  y.scale = tape[x].scale;
  y.bound = tape[x].bound;
  std::int32_t* const to = tape.new_codes32(y);
  for (std::size_t c = 0; c < cols; ++c) to[c] = from[c / times];
  return tape.last();
}

}  // namespace bitstate::ops

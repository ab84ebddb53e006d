// y_n = sum of the first lengths[n] rows of sequence n, over lengths[n]: padding is masked.   dL/dx_t = g_n /
// lengths[n], 0 for padding.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct Attributes {
  const std::size_t* rows;
  const std::size_t* lengths;
};

void backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const Attributes*>(node.attributes);
  float* dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  for (std::size_t n = 0; n < node.rows; ++n) {
    const float share = 1.0F / static_cast<float>(a.lengths[n]);
    const float* const g = node.gradient + n * node.cols;
    for (std::size_t t = 0; t < a.lengths[n]; ++t) {
      for (std::size_t c = 0; c < node.cols; ++c) dx[t * node.cols + c] += share * g[c];
    }
    dx += a.rows[n] * node.cols;
  }
}

constexpr Op op{"mean_pool", backward};

}  // namespace

Value mean_pool(Tape& tape, Value x, const Sequences& sequences) {
  const std::size_t count = sequences.count();
  auto* const rows = tape.arena().array<std::size_t>(count);
  auto* const lengths = tape.arena().array<std::size_t>(count);
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  std::copy(sequences.lengths.begin(), sequences.lengths.end(), lengths);
  Node& y = tape.push(op, {x}, count, tape[x].cols);
  y.attributes = tape.keep(Attributes{rows, lengths});
  const float* in = tape[x].value;
  for (std::size_t n = 0; n < count; ++n) {
    require(lengths[n] >= 1 && lengths[n] <= rows[n], "mean_pool", "sequence {} has length {} of {} rows", n,
            lengths[n], rows[n]);
    float* const out = y.value + n * y.cols;
    std::fill(out, out + y.cols, 0.0F);
    for (std::size_t t = 0; t < lengths[n]; ++t) {
      for (std::size_t c = 0; c < y.cols; ++c) out[c] += in[t * y.cols + c];
    }
    const float share = 1.0F / static_cast<float>(lengths[n]);
    for (std::size_t c = 0; c < y.cols; ++c) out[c] *= share;
    in += rows[n] * y.cols;
  }
  return tape.last();
}

}  // namespace bitstate::ops

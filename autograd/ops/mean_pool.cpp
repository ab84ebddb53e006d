// y_n = sum of the first lengths[n] rows of sequence n, over lengths[n]: padding is masked.   dL/dx_t = g_n /
// lengths[n], 0 for padding. On codes: the mean with F more binary digits (docs/numerics.md, section 4).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace bitstate::ops {
namespace {

struct MeanPoolAttributes {
  const std::size_t* rows;
  const std::size_t* lengths;
};

void mean_pool_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const MeanPoolAttributes*>(node.attributes);
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

/// F of docs/numerics.md, section 4.
int fraction_of(const Node& x) {
  return std::max(0, 29 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(x.bound))));
}

void mean_pool_lower(Lowering& to, const Node& node) {
  to.emit(program::MeanPool{to.value(node.inputs[0]), fraction_of(to.node(node.inputs[0]))});
}

constexpr Op mean_pool_op{"mean_pool", mean_pool_backward, mean_pool_lower};

/// Sums of the true steps of each sequence, [N, cols].
std::vector<std::int64_t> sums_of_codes(Tape& tape, Value x, std::size_t count, const MeanPoolAttributes& a) {
  const std::size_t cols = tape[x].cols;
  std::vector<std::int64_t> sums(count * cols, 0);
  std::size_t begin = 0;  // of sequence n
  for (std::size_t n = 0; n < count; ++n) {
    tape.by_blocks(a.lengths[n], [&](RowRange block) {
      const program::Codes codes = tape.code_rows(x, {begin + block.first, block.count});
      program::with_type(codes, [&](const auto* in) {
        for (std::size_t t = 0; t < block.count; ++t) {
          for (std::size_t c = 0; c < cols; ++c) sums[n * cols + c] += in[t * codes.stride + c];
        }
      });
    });
    begin += a.rows[n];
  }
  return sums;
}

void mean_pool_on_codes(Tape& tape, Node& y, Value x_value, const MeanPoolAttributes& a) {
  const Node& x = tape[x_value];
  const int fraction = fraction_of(x);
  const std::size_t count = kernels::scale_count(x.layout, x.rows, x.cols);
  float* const scale = tape.arena().array<float>(count);
  for (std::size_t c = 0; c < count; ++c) scale[c] = std::ldexp(x.scale[c], -fraction);
  y.scale = scale;
  y.layout = x.layout;
  y.bound = x.bound << fraction;
  const std::vector<std::int64_t> sums = sums_of_codes(tape, x_value, y.rows, a);
  std::int32_t* const codes = tape.new_codes32(y);
  for (std::size_t n = 0; n < y.rows; ++n) {
    const auto length = static_cast<std::int64_t>(a.lengths[n]);
    for (std::size_t c = 0; c < y.cols; ++c) {
      const std::int64_t numerator = (sums[n * y.cols + c] << (fraction + 1)) + length;
      const std::int64_t quotient = numerator / (2 * length);
      const bool truncated_up = numerator < 0 && numerator % (2 * length) != 0;
      codes[n * y.cols + c] = static_cast<std::int32_t>(truncated_up ? quotient - 1 : quotient);
    }
  }
}

}  // namespace

Value mean_pool(Tape& tape, Value x, const Sequences& sequences) {
  sequences.check("mean_pool", tape[x].rows);
  const std::size_t count = sequences.count();
  auto* const rows = tape.arena().array<std::size_t>(count);
  auto* const lengths = tape.arena().array<std::size_t>(count);
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  std::copy(sequences.lengths.begin(), sequences.lengths.end(), lengths);
  Node& y = tape.push_bare(mean_pool_op, {x}, count, tape[x].cols);
  y.attributes = tape.keep(MeanPoolAttributes{rows, lengths});
  if (tape[x].has_codes() && tape[x].layout != kernels::ScaleLayout::per_row) {
    mean_pool_on_codes(tape, y, x, {rows, lengths});
    return tape.last();
  }
  const float* in = tape.value(x);
  y.real = tape.arena().array<float>(y.size());
  for (std::size_t n = 0; n < count; ++n) {
    float* const out = y.real + n * y.cols;
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

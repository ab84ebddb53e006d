// y_t = table[id_t].   dL/dtable[v] = sum of g_t over the steps with id v.
#include "autograd/ops/embedding.h"

#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace bitstate::ops {
namespace {

void embedding_backward(Tape& tape, const Node& node) {
  const auto* const ids = static_cast<const EmbeddingAttributes*>(node.attributes)->ids;
  if (float* const dtable = tape.gradient(node.inputs[0])) {
    for (std::size_t t = 0; t < node.rows; ++t) {
      float* const row = dtable + static_cast<std::size_t>(ids[t]) * node.cols;
      for (std::size_t h = 0; h < node.cols; ++h) row[h] += node.gradient[t * node.cols + h];
    }
  }
}

void embedding_lower(Lowering& to, const Node& node) {
  const auto vocabulary = static_cast<std::int32_t>(to.node(node.inputs[0]).rows);
  to.emit(program::Embedding{to.token_input(vocabulary), to.matrix(node.inputs[0])});
}

constexpr Op embedding_op{"embedding", embedding_backward, embedding_lower};

}  // namespace

const Node* table_of_codes(const Tape& tape, const Node& x) {
  if (x.op != &embedding_op) return nullptr;
  const Node& table = tape[x.inputs[0]];
  const bool by_row = table.has_codes() && table.layout == kernels::ScaleLayout::per_row && table.bound <= 127;
  return by_row && table.site->spec.symmetry == QuantSpec::Symmetry::symmetric ? &table : nullptr;
}

program::Levels levels_to(const Node& table, const Grid& grid) {
  const int bits = table.site->has_two_levels() ? 8 : std::max(table.site->spec.bits, 2);
  program::Levels levels{static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(table.cols), 16, grid.hi, {}};
  for (std::size_t v = 0; v < table.rows; ++v) {
    const double step = std::floor(0x1.0p16 * double{table.scale[v]} / double{grid.scale} + 0.5);
    levels.steps.push_back(static_cast<std::int32_t>(std::min(step, 0x1.0p31 - 1.0)));
  }
  return levels;
}

void round_by_token(Tape& tape, const Node& x, const program::Levels& levels, const kernels::QuantizedOutput& out) {
  const auto* const ids = static_cast<const EmbeddingAttributes*>(x.attributes)->ids;
  const program::Codes from = tape.codes(x.inputs[0]);
  const std::size_t stride = out.codes.stride;
  if (out.unclamped != nullptr) std::fill_n(out.unclamped, x.rows * stride / 8, std::uint8_t{0});
  program::with_type(from, [&](const auto* table) {
    program::with_type(out.codes, [&](auto* to) {
      for (std::size_t k = 0; k < x.size(); ++k) {
        const auto id = static_cast<std::size_t>(ids[k / x.cols]);
        const std::int32_t c = table[id * from.stride + k % x.cols];
        const std::size_t at = k / x.cols * stride + k % x.cols;
        const std::int32_t code = levels.code_of(c, levels.steps[id]);
        to[at] = static_cast<std::remove_pointer_t<decltype(to)>>(code);
        if (out.unclamped != nullptr && rescale(c, {levels.steps[id], levels.shift}) == code) {
          out.unclamped[at / 8] = static_cast<std::uint8_t>(out.unclamped[at / 8] | 1U << at % 8);
        }
      }
    });
  });
}

Value embedding(Tape& tape, std::span<const std::int32_t> ids, Value table) {
  const std::size_t vocabulary = tape[table].rows;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    require(ids[t] >= 0 && static_cast<std::size_t>(ids[t]) < vocabulary, "embedding",
            "expected tokens from 0 to {2}, got {0} at step {1}", ids[t], t, vocabulary - 1);
  }
  auto* const kept = tape.arena().array<std::int32_t>(ids.size());
  std::copy(ids.begin(), ids.end(), kept);
  Node& y = tape.push_bare(embedding_op, {table}, ids.size(), tape[table].cols);
  y.attributes = tape.keep(EmbeddingAttributes{kept});
  y.constant = false;  // it depends on the ids
  const Node& source = tape[table];
  const auto copy_rows = [&](const auto* from, std::size_t stride, auto* to, std::size_t to_stride) {
    for (std::size_t t = 0; t < ids.size(); ++t) {
      program::copy_codes(from + static_cast<std::size_t>(ids[t]) * stride, y.cols, to + t * to_stride);
    }
  };
  if (source.has_codes() && source.layout != kernels::ScaleLayout::per_row) {
    y.scale = source.scale;
    y.layout = source.layout;
    y.bound = source.bound;
    const program::Codes from = tape.codes(table);
    const program::MutableCodes to = tape.new_codes(y, from.width);
    program::with_type(from, [&](const auto* in) {
      program::with_type(to, [&](auto* out) { copy_rows(in, from.stride, out, to.stride); });
    });
  } else {
    y.real = tape.arena().array<float>(y.size());
    copy_rows(tape.value(table), source.cols, y.real, y.cols);
    y.by_token = true;
  }
  return tape.last();
}

}  // namespace bitstate::ops

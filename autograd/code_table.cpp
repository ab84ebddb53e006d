#include "autograd/code_table.h"

#include "core/kernels/quantize.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

namespace bitstate::ops {
namespace {

bool is_marked(const std::uint8_t* bits, std::size_t i) { return (bits[i / 8] >> (i % 8) & 1U) != 0; }

/// y = entries[x - lo] for all codes of x, by a kernel where both are bytes.
template <class Out>
void look_up(const CodeTable& table, const program::Codes& x, const Node& first, const std::vector<Out>& entries,
             const program::MutableCodes& y) {
  if (x.width == program::Width::one && y.width == program::Width::one && x.stride == y.stride) {
    std::array<std::int8_t, 256> bytes{};
    const std::int32_t last = std::min(table.hi, std::int32_t{127});
    for (std::int32_t code = std::max(table.lo, std::int32_t{-128}); code <= last; ++code) {
      bytes[static_cast<std::uint8_t>(code)] =
          static_cast<std::int8_t>(entries[static_cast<std::size_t>(code - table.lo)]);
    }
    // rows lie side by side: as one row, they end before the memory of codes does
    Tape::kernels().lookup({.bytes = bytes.data()}, first.rows * x.stride, 1, x, y);
    return;
  }
  program::with_type(x, [&](const auto* in) {
    using In = std::remove_cvref_t<decltype(*in)>;
    for (std::size_t t = 0; t < first.rows; ++t) {
      const In* const __restrict from = in + t * x.stride;
      Out* const __restrict to = static_cast<Out*>(y.data) + t * y.stride;
      for (std::size_t c = 0; c < first.cols; ++c) to[c] = entries[static_cast<std::size_t>(from[c] - table.lo)];
    }
  });
}

/// 0 in place of the codes of what is dropped.
template <class Out>
void drop(const Dropout& dropout, std::size_t cols, Out* codes, std::size_t stride) {
  std::vector<Out> kept(cols);  // all bits or none
  for_each_sequence(dropout, cols, [&](RowRange rows, const float* mask) {
    for (std::size_t c = 0; c < cols; ++c) kept[c] = static_cast<Out>(mask[c] == 0.0F ? 0 : -1);
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
      Out* const __restrict row = codes + t * stride;
      const Out* const __restrict bits = kept.data();
      for (std::size_t c = 0; c < cols; ++c) row[c] = static_cast<Out>(row[c] & bits[c]);
    }
  });
}

/// Marks the codes of x, from `lo` on, that occur where they are kept.
std::vector<std::uint8_t> occurring(const CodeTable& table, const program::Codes& x, const Node& first) {
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(table.hi - table.lo) + 1, 0);
  std::vector<std::uint32_t> columns;  // that are kept
  program::with_type(x, [&](const auto* in) {
    const auto mark = [&](RowRange rows, const float* mask) {
      columns.clear();
      for (std::uint32_t c = 0; c < first.cols; ++c) {
        if (mask == nullptr || mask[c] != 0.0F) columns.push_back(c);
      }
      const std::size_t count = columns.size();
      const std::uint32_t* const __restrict kept = columns.data();
      std::uint8_t* const __restrict of_code = marks.data();
      const std::ptrdiff_t lo = table.lo;
      for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
        const auto* const __restrict row = in + t * x.stride;
        for (std::size_t k = 0; k < count; ++k) of_code[std::ptrdiff_t{row[kept[k]]} - lo] = 1;
      }
    };
    if (table.dropout != nullptr) {
      for_each_sequence(*table.dropout, first.cols, mark);
    } else {
      mark({0, first.rows}, nullptr);
    }
  });
  return marks;
}

void note_occurring(const std::vector<std::uint8_t>& occurs, std::span<const float> values, TableExtremes& extremes) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (occurs[i] == 0) continue;
    extremes.high = std::max(extremes.high, values[i]);
    extremes.low = std::min(extremes.low, values[i]);
  }
}

}  // namespace

std::optional<Chain> chain_of(const Tape& tape, Value x) {
  Chain chain{x};
  if (const Dropout* const dropout = dropout_of(tape[x])) {
    chain.dropout = dropout;
    chain.first = tape[x].inputs[0];
  }
  for (; !tape[chain.first].has_codes(); chain.first = tape[chain.first].inputs[0]) {
    if (tape[chain.first].op->elementwise == nullptr) return std::nullopt;
    chain.functions.push_back(tape[chain.first].op->elementwise);
  }
  std::reverse(chain.functions.begin(), chain.functions.end());
  return chain;
}

ChainValues values_of(const Chain& chain, const Node& first, const CodeLimits& limits) {
  const auto [lo, hi] = limits;
  const std::size_t count = static_cast<std::size_t>(hi - lo) + 1;
  ChainValues all{std::vector<float>(count), std::vector<float>(count, 1.0F)};
  for (std::size_t i = 0; i < count; ++i) {
    all.values[i] = static_cast<float>(lo + static_cast<std::int32_t>(i)) * first.scale[0];
  }
  std::vector<float> next(count);
  for (const Elementwise* const f : chain.functions) {
    f->slope(count, all.values.data(), next.data());
    for (std::size_t i = 0; i < count; ++i) all.slopes[i] *= next[i];
    f->map(count, all.values.data(), next.data());
    std::swap(all.values, next);
  }
  if (chain.dropout != nullptr) {
    for (float& v : all.values) v = chain.dropout->kept * v;
    for (float& s : all.slopes) s *= chain.dropout->kept;
  }
  return all;
}

const CodeTable* tabulate(Tape& tape, const Chain& chain, const CodeLimits& limits, const Grid& grid,
                          const program::MutableCodes& codes, TableExtremes* extremes) {
  const program::Codes x = tape.codes(chain.first);
  const Node& first = tape[chain.first];
  const ChainValues all = values_of(chain, first, limits);
  const std::size_t count = all.values.size();
  float* const slopes = tape.arena().array<float>(count);
  auto* const bits = tape.arena().array<std::uint8_t>(program::rounded_up(count, 8));
  const auto* const table = tape.keep(CodeTable{chain.first, limits.lo, limits.hi, slopes, bits, chain.dropout});
  program::with_type(codes, [&](auto* out) {
    std::vector<std::remove_pointer_t<decltype(out)>> entries(program::rounded_up(count, 8));
    kernels::quantize(1, count, all.values.data(), {kernels::ScaleLayout::per_tensor, {&grid, 1}},
                      {{entries.data(), codes.width, entries.size()}, bits});
    look_up(*table, x, first, entries, codes);
    if (chain.dropout != nullptr) drop(*chain.dropout, first.cols, out, codes.stride);
  });
  for (std::size_t i = 0; i < count; ++i) slopes[i] = is_marked(bits, i) ? all.slopes[i] : 0.0F;
  if (extremes != nullptr) note_occurring(occurring(*table, x, first), all.values, *extremes);
  return table;
}

void follow_table(Tape& tape, const Node& node, const CodeTable& table) {
  const program::Codes x = tape.codes(table.first);
  program::with_type(x, [&](const auto* codes) {
    const auto row = [&](std::size_t t, const float* mask) {
      const auto* const __restrict in = codes + t * x.stride;
      const float* const __restrict slopes = table.slopes;
      const std::ptrdiff_t lo = table.lo;
      float* const __restrict g = node.gradient + t * node.cols;
      for (std::size_t c = 0; c < node.cols; ++c) g[c] *= slopes[std::ptrdiff_t{in[c]} - lo];
      for (std::size_t c = 0; mask != nullptr && c < node.cols; ++c) g[c] = mask[c] == 0.0F ? 0.0F : g[c];
    };
    if (table.dropout != nullptr) {
      for_each_step(*table.dropout, node.cols, row);
    } else {
      for (std::size_t t = 0; t < node.rows; ++t) row(t, nullptr);
    }
  });
}

std::uint64_t count_clamped(Tape& tape, const Node& node, const CodeTable& table) {
  const std::vector<std::int32_t> codes = tape.codes32(table.first);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < node.size(); ++i) {
    count += is_marked(table.unclamped, static_cast<std::size_t>(codes[i] - table.lo)) ? 0 : 1;
  }
  return count;
}

}  // namespace bitstate::ops

#include "autograd/code_table.h"

#include "core/kernels/quantize.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

namespace bitstate::ops {
namespace {

bool is_marked(const std::uint8_t* bits, std::size_t i) { return (bits[i / 8] >> (i % 8) & 1U) != 0; }

/// Calls part(rows, bits) for rows of x that drop the same columns: those without bits. All are kept where it is null.
template <class Part>
void for_each_part(const CodeTable& table, const Node& first, Part part) {
  if (table.dropout == nullptr) {
    part(RowRange{0, first.rows}, static_cast<const std::int8_t*>(nullptr));
    return;
  }
  for_each_sequence(*table.dropout, {0, first.rows},
                    [&](std::size_t n, RowRange rows) { part(rows, table.dropout->bits + n * first.cols); });
}

bool is_kept(const std::int8_t* bits, std::size_t c) { return bits == nullptr || bits[c] != 0; }

/// A function of its own: inlined, GCC forgets that the rows do not overlap, and takes code after code.
template <class Code>
[[gnu::noinline]] void widen(std::size_t cols, const Code* __restrict row, Code* __restrict lo, Code* __restrict hi) {
  for (std::size_t c = 0; c < cols; ++c) lo[c] = std::min(lo[c], row[c]);
  for (std::size_t c = 0; c < cols; ++c) hi[c] = std::max(hi[c], row[c]);
}

/// The smallest and the largest code of x that is kept; lo > hi if none is.
CodeLimits limits_of_kept(const CodeTable& table, const program::Codes& x, const Node& first) {
  CodeLimits all{table.hi, table.lo - 1};
  program::with_type(x, [&](const auto* in) {
    std::vector<std::remove_cvref_t<decltype(*in)>> least(first.cols), greatest(first.cols);
    for_each_part(table, first, [&](RowRange rows, const std::int8_t* bits) {
      std::copy_n(in + rows.first * x.stride, first.cols, least.begin());
      greatest = least;
      for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
        widen(first.cols, in + t * x.stride, least.data(), greatest.data());
      }
      for (std::size_t c = 0; c < first.cols; ++c) {
        if (!is_kept(bits, c)) continue;
        all.lo = std::min(all.lo, std::int32_t{least[c]});
        all.hi = std::max(all.hi, std::int32_t{greatest[c]});
      }
    });
  });
  return all;
}

/// Marks the codes of x, from `lo` on, that occur where they are kept.
std::vector<std::uint8_t> occurring(const CodeTable& table, const program::Codes& x, const Node& first) {
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(table.hi - table.lo) + 1, 0);
  program::with_type(x, [&](const auto* in) {
    for_each_part(table, first, [&](RowRange rows, const std::int8_t* bits) {
      for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
        for (std::size_t c = 0; c < first.cols; ++c) {
          if (is_kept(bits, c)) marks[static_cast<std::size_t>(in[t * x.stride + c] - table.lo)] = 1;
        }
      }
    });
  });
  return marks;
}

/// Of the values of codes that occur. They are known without a look at each code if a smallest or largest code has what
/// no code between the two exceeds.
TableExtremes extremes_of(const CodeTable& table, const program::Codes& x, const Node& first,
                          std::span<const float> values, bool magnitude) {
  const CodeLimits kept = limits_of_kept(table, x, first);
  if (kept.lo > kept.hi) return {};
  const auto begin = static_cast<std::size_t>(kept.lo - table.lo);
  const std::span between = values.subspan(begin, static_cast<std::size_t>(kept.hi - kept.lo) + 1);
  const auto [least, greatest] = std::minmax({between.front(), between.back()});
  const auto [low, high] = std::minmax_element(between.begin(), between.end());
  const bool told = *low == least && *high == greatest;
  const bool magnitude_told = magnitude && std::max(*high, -*low) == std::max(greatest, -least);
  TableExtremes extremes;
  const auto note = [&](float v) {
    extremes.high = std::max(extremes.high, v);
    extremes.low = std::min(extremes.low, v);
  };
  if (told || magnitude_told) {
    note(least);
    note(greatest);
    return extremes;
  }
  const std::vector<std::uint8_t> marks = occurring(table, x, first);
  for (std::size_t i = 0; i < between.size(); ++i) {
    if (marks[begin + i] != 0) note(between[i]);
  }
  return extremes;
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

ChainValues values_of(const Chain& chain, float scale, const CodeLimits& limits) {
  const auto [lo, hi] = limits;
  const std::size_t count = static_cast<std::size_t>(hi - lo) + 1;
  ChainValues all{std::vector<float>(count), std::vector<float>(count, 1.0F)};
  for (std::size_t i = 0; i < count; ++i) {
    all.values[i] = static_cast<float>(lo + static_cast<std::int32_t>(i)) * scale;
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
                          const Wanted& wanted) {
  const program::Codes x = tape.codes(chain.first);
  tape[chain.first].held = true;  // follow_table() reads them
  const Node& first = tape[chain.first];
  const ChainValues all = values_of(chain, first.scale[0], limits);
  const std::size_t count = all.values.size();
  float* const slopes = tape.arena().array<float>(count);
  auto* const bits = tape.arena().array<std::uint8_t>(program::rounded_up(count, 8));
  auto* const entries = tape.arena().array<std::int32_t>(program::rounded_up(count, 8));
  auto* const bytes = tape.arena().array<std::int8_t>(256);
  kernels::quantize(1, count, all.values.data(), {kernels::ScaleLayout::per_tensor, {&grid, 1}},
                    {{entries, program::Width::four, program::rounded_up(count, 8)}, bits});
  std::fill_n(bytes, 256, std::int8_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    bytes[static_cast<std::uint8_t>(limits.lo + static_cast<std::int32_t>(i))] = static_cast<std::int8_t>(entries[i]);
    slopes[i] = is_marked(bits, i) ? all.slopes[i] : 0.0F;
  }
  const auto* const table =
      tape.keep(CodeTable{chain.first, limits.lo, limits.hi, slopes, bits, chain.dropout, entries, bytes});
  if (wanted.extremes != nullptr) *wanted.extremes = extremes_of(*table, x, first, all.values, wanted.magnitude);
  return table;
}

void look_up(Tape& tape, const CodeTable& table, std::size_t cols, RowRange rows, const program::MutableCodes& y) {
  const program::Codes x = tape.code_rows(table.first, rows);
  if (x.width == program::Width::one && y.width == program::Width::one && x.stride == y.stride) {
    // rows lie side by side: as one row, they end before the memory of codes does
    Tape::kernels().lookup({.bytes = table.bytes}, rows.count * x.stride, 1, x, y);
  } else {
    program::with_type(x, [&](const auto* in) {
      program::with_type(y, [&](auto* out) {
        for (std::size_t t = 0; t < rows.count; ++t) {
          const auto* const __restrict from = in + t * x.stride;
          auto* const __restrict to = out + t * y.stride;
          for (std::size_t c = 0; c < cols; ++c) {
            to[c] = static_cast<std::remove_cvref_t<decltype(*out)>>(table.entries[from[c] - table.lo]);
          }
        }
      });
    });
  }
  if (table.dropout == nullptr) return;
  program::with_type(y, [&](auto* out) { drop_codes(*table.dropout, cols, rows, out, y.stride, out, y.stride); });
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

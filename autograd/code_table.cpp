#include "autograd/code_table.h"

#include "core/kernels/quantize.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace bitstate::ops {
namespace {

bool is_marked(const std::uint8_t* bits, std::size_t i) { return (bits[i / 8] >> (i % 8) & 1U) != 0; }

/// Codes that a table gives for those of x, 0 for what is dropped; marks the codes of x that occur: [count] where
/// something is kept, then [count] where it is dropped.
template <class In, class Out>
void look_up(const CodeTable& table, const Node& first, const Out* entries, const program::MutableCodes& to,
             std::uint8_t* occurs) {
  const auto* const in = static_cast<const In*>(first.codes.data);
  auto* const out = static_cast<Out*>(to.data);
  const std::int32_t lo = table.lo;
  const std::int32_t count = table.hi - lo + 1;
  std::vector<std::int32_t> place(first.cols, -lo);
  const auto row = [&](std::size_t t, const float* mask) {
    const In* const __restrict from = in + t * first.codes.stride;
    Out* const __restrict codes = out + t * to.stride;
    for (std::size_t c = 0; c < first.cols; ++c) {
      codes[c] = entries[from[c] - lo];
      occurs[from[c] + place[c]] = 1;
    }
    for (std::size_t c = 0; mask != nullptr && c < first.cols; ++c) codes[c] = mask[c] == 0.0F ? Out{0} : codes[c];
  };
  if (table.dropout == nullptr) {
    for (std::size_t t = 0; t < first.rows; ++t) row(t, nullptr);
    return;
  }
  const float* of = nullptr;  // the mask of the sequence at hand
  for_each_step(*table.dropout, first.cols, [&](std::size_t t, const float* mask) {
    for (std::size_t c = 0; mask != of && c < first.cols; ++c) place[c] = (mask[c] == 0.0F ? count : 0) - lo;
    of = mask;
    row(t, mask);
  });
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
                          const program::MutableCodes& codes, TableExtremes& extremes) {
  const program::Codes x = tape.codes(chain.first);
  const Node& first = tape[chain.first];
  const ChainValues all = values_of(chain, first, limits);
  const std::size_t count = all.values.size();
  float* const slopes = tape.arena().array<float>(count);
  auto* const bits = tape.arena().array<std::uint8_t>(program::rounded_up(count, 8));
  const auto* const table = tape.keep(CodeTable{chain.first, limits.lo, limits.hi, slopes, bits, chain.dropout});
  std::vector<std::uint8_t> occurs(2 * count, 0);
  program::with_type(codes, [&](auto* out) {
    std::vector<std::remove_pointer_t<decltype(out)>> entries(program::rounded_up(count, 8));
    kernels::quantize(1, count, all.values.data(), {kernels::ScaleLayout::per_tensor, {&grid, 1}},
                      {{entries.data(), codes.width, entries.size()}, bits});
    program::with_type(x, [&](const auto* in) {
      look_up<std::remove_cvref_t<decltype(*in)>>(*table, first, entries.data(), codes, occurs.data());
    });
  });
  for (std::size_t i = 0; i < count; ++i) {
    slopes[i] = is_marked(bits, i) ? all.slopes[i] : 0.0F;
    if (occurs[i] == 0) continue;
    extremes.high = std::max(extremes.high, all.values[i]);
    extremes.low = std::min(extremes.low, all.values[i]);
  }
  return table;
}

void follow_table(Tape& tape, const Node& node, const CodeTable& table) {
  const program::Codes x = tape.codes(table.first);
  program::with_type(x, [&](const auto* codes) {
    const auto row = [&](std::size_t t, const float* mask) {
      const auto* const in = codes + t * x.stride;
      float* const g = node.gradient + t * node.cols;
      for (std::size_t c = 0; c < node.cols; ++c) g[c] *= table.slopes[in[c] - table.lo];
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

// y = s clamp(round(x / s), lo, hi), straight-through: dL/dx = g where the clamp did nothing, else 0; always g where
// the range is the largest magnitude. Learned ranges r = exp(rho): dL/drho by LSQ. Constants and static activations
// yield codes; an input that carries codes is rescaled in integers (docs/numerics.md, sections 2, 3, 7).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/mask.h"
#include "autograd/ops/dropout.h"
#include "core/error.h"
#include "core/grid.h"
#include "core/program/run/operands.h"
#include "core/ranges.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;
using Granularity = QuantSpec::Granularity;

/// A table in place of a chain of functions of one code: y = table[code of `first`].
struct CodeTable {
  Value first;                    ///< what the chain begins with
  std::int32_t lo;                ///< its smallest code
  std::int32_t hi;                ///< its largest code
  const float* slopes;            ///< dy/dfirst by code, from lo on; 0 where the clamp did something
  const std::uint8_t* unclamped;  ///< bit k: the clamp did nothing to code lo + k
  const Dropout* dropout;         ///< at the end of the chain; null: none
};

struct QuantizeAttributes {
  const Grid* grids;  // of a static range: one, or one per channel
  bool learned;
  const CodeTable* table = nullptr;
};

/// dL/drho: LSQ's gradient of the scale (Esser et al. 2020, equation 3), times its gradient scale, times the scale.
void learn_range(Tape& tape, const Node& node, const QuantizeAttributes& a) {
  float* const out = tape.gradient(node.inputs[1]);
  if (out == nullptr) return;
  const float* const x = tape.value(node.inputs[0]);
  const std::vector<std::int32_t> codes = tape.codes32(tape.handle(node));
  const std::size_t ranges = tape[node.inputs[1]].size();
  std::vector<double> sums(ranges, 0.0);
  const bool one_bit = node.site->spec.bits == 1;
  for (std::size_t i = 0; i < node.size(); ++i) {
    const std::size_t c = node.layout == ScaleLayout::per_row
                              ? i / node.cols
                              : (node.layout == ScaleLayout::per_column ? i % node.cols : 0);
    const Grid& grid = a.grids[c];
    const double v = double{x[i]} / double{grid.scale};
    const double code = codes[i];
    // the clamp begins at v = hi, not where the code would leave it: between the two y does not follow v any more
    const bool inside = one_bit || (v > grid.lo && v < grid.hi);
    const double slope = inside ? code - v : (v < 0.0 ? grid.lo : grid.hi);
    sums[c] += double{node.gradient[i]} * slope;
  }
  const double each = static_cast<double>(node.size()) / static_cast<double>(ranges);
  for (std::size_t c = 0; c < ranges; ++c) {
    const double damping = 1.0 / std::sqrt(each * static_cast<double>(a.grids[c].hi));
    out[c] += static_cast<float>(sums[c] * damping * double{a.grids[c].scale});
  }
}

/// Multiplies the gradient of a table's result with the slopes.
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

void quantize_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const QuantizeAttributes*>(node.attributes);
  if (a.learned) learn_range(tape, node, a);
  if (a.table != nullptr) {
    follow_table(tape, node, *a.table);
    tape.pass_on(a.table->first, node);
    return;
  }
  if (node.unclamped != nullptr) {
    for (std::size_t t = 0; t < node.rows; ++t) {
      kernels::keep_marked(node.cols, node.unclamped + t * node.codes.stride / 8, node.gradient + t * node.cols);
    }
  }
  tape.pass_on(node.inputs[0], node);
}

void quantize_lower(Lowering& to, const Node& node);

constexpr OpTraits quantize_traits{.why_float = "range=absmax takes its scale from the input"};
constexpr Op quantize_op{"quantize", quantize_backward, quantize_lower, nullptr, quantize_traits};

void check_finite(bool finite, const Quantizer& site) {
  require<DivergedError>(finite, "quantize", "{} holds a NaN or an infinity", site.site);
}

/// Layout of a kept range, or of a constant's: a vector is one channel.
ScaleLayout layout_of(const Quantizer& site, const Node& x) {
  if (site.spec.granularity != Granularity::channel) return ScaleLayout::per_tensor;
  if (!site.is_constant()) return ScaleLayout::per_column;
  return x.rows > 1 ? ScaleLayout::per_row : ScaleLayout::per_tensor;
}

std::span<Grid> kept_grids(Tape& tape, const Quantizer& site, std::size_t count) {
  Grid* const grids = tape.arena().array<Grid>(count);
  for (std::size_t c = 0; c < count; ++c) grids[c] = site.grid(c);
  return {grids, count};
}

/// Grids of a weight or bias by its own values.
std::span<Grid> own_grids(Tape& tape, const Quantizer& site, Value value, ScaleLayout layout) {
  const Node& x = tape[value];
  const float* const numbers = tape.value(value);
  const std::size_t count = kernels::scale_count(layout, x.rows, x.cols);
  const std::size_t each = x.size() / count;
  Grid* const grids = tape.arena().array<Grid>(count);
  std::vector<float> high(count);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, layout, numbers, high), site);
  if (site.spec.symmetry == QuantSpec::Symmetry::asymmetric && site.spec.is_dynamic()) {
    std::vector<float> low(count);
    kernels::extremes(x.rows, x.cols, layout, numbers, high, low);
    for (std::size_t c = 0; c < count; ++c) grids[c] = make_grid(site.spec, high[c], low[c]);
  } else {
    for (std::size_t c = 0; c < count; ++c) {
      const float range = site.spec.is_dynamic() ? high[c] : range_of_values(site.spec, {numbers + c * each, each});
      grids[c] = make_grid(site.spec, range);
    }
  }
  return {grids, count};
}

bool is_one_bit(const Quantizer& site) {
  return site.spec.bits == 1 && site.spec.symmetry == QuantSpec::Symmetry::symmetric;
}

/// From the scales of x to those of y.
std::vector<FixedPoint> quantize_factors_to(const Node& x, const Node& y) {
  const bool columns = x.layout == ScaleLayout::per_column || y.layout == ScaleLayout::per_column;
  std::vector<FixedPoint> factors(columns ? x.cols : 1);
  for (std::size_t c = 0; c < factors.size(); ++c) {
    factors[c] = to_fixed_point(x.column_scale(c) / y.column_scale(c), y.site->site);
  }
  return factors;
}

std::span<const Grid> grids_of(const Node& node) {
  const std::size_t count = kernels::scale_count(node.layout, node.rows, node.cols);
  return {static_cast<const QuantizeAttributes*>(node.attributes)->grids, count};
}

/// Functions of one code, the first one applied first, and what of the results is dropped.
struct Chain {
  Value first;  ///< has the codes
  std::vector<const Elementwise*> functions = {};
  const Dropout* dropout = nullptr;
};

/// The chain that ends with x, where x is a table; nothing where a function in it is none of one number.
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

/// The codes that a node with one scale can have.
std::pair<std::int32_t, std::int32_t> limits_of(const Node& x) {
  if (x.op == &quantize_op && x.layout == ScaleLayout::per_tensor) return {grids_of(x)[0].lo, grids_of(x)[0].hi};
  const auto bound = static_cast<std::int32_t>(x.bound);
  return {-bound, bound};
}

/// f and f' of every code of the chain's beginning, the factor of dropout included.
struct ChainValues {
  std::vector<float> values, slopes;
};

ChainValues values_of(const Chain& chain, const Node& first, std::int32_t lo, std::int32_t hi) {
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

/// The table from the codes of a chain's first operand to those of `node`.
program::Table table_of(Lowering& to, const Node& node) {
  const Chain chain = *chain_of(to.tape(), node.inputs[0]);
  const Node& x = to.node(chain.first);
  const auto [lo, hi] = limits_of(x);
  const std::vector<float> values = values_of(chain, x, lo, hi).values;
  const std::size_t count = values.size();
  const std::size_t columns = node.layout == ScaleLayout::per_column ? node.cols : 1;
  program::Table table{to.value(chain.first), lo, {}};
  std::vector<std::int32_t> codes(count * columns);
  for (std::size_t c = 0; c < columns; ++c) {
    kernels::quantize(1, count, values.data(),
                      {ScaleLayout::per_tensor, grids_of(node).subspan(c, 1), is_one_bit(*node.site)},
                      {{codes.data() + c * count, program::Width::four, count}});
  }
  table.entries = {static_cast<std::uint32_t>(columns), static_cast<std::uint32_t>(count),
                   to.bits_of(codes.data(), codes.size()), codes};
  return table;
}

/// `x`, an embedding or its sum with rows of constants, for every token.
Value of_all_tokens(Lowering& to, Value x, Tape& tape) {
  const Node& node = to.node(x);
  const Node& first = to.node(node.inputs[0]);  // the table, or what a row is added to
  if (!first.by_token) return tape.input(first.rows, first.cols, to.tape().value(node.inputs[0]));
  const Node& row = to.node(node.inputs[1]);
  const Value rows = of_all_tokens(to, node.inputs[0], tape);
  return sum(tape, rows, tape.input(row.rows, row.cols, to.tape().value(node.inputs[1])));
}

program::Embedding embedding_of(Lowering& to, const Node& node) {
  Tape tape;
  tape.begin({});
  const Value v = quantize(tape, of_all_tokens(to, node.inputs[0], tape), *node.site);
  const Node& y = tape[v];
  const std::vector<std::int32_t> codes = tape.codes32(v);
  return {to.token_input(static_cast<std::int32_t>(y.rows)),
          {static_cast<std::uint32_t>(y.rows), static_cast<std::uint32_t>(y.cols),
           to.bits_of(codes.data(), codes.size()), codes}};
}

void quantize_lower(Lowering& to, const Node& node) {
  const Node& x = to.node(node.inputs[0]);
  const std::span grids = grids_of(node);
  if (x.op == nullptr) {
    to.real_input(node.inputs[0], grids[0], is_one_bit(*node.site));
  } else if (x.table) {
    to.emit(table_of(to, node));
  } else if (x.by_token) {
    to.emit(embedding_of(to, node));
  } else if (is_one_bit(*node.site)) {
    to.emit(program::Sign{to.value(node.inputs[0])});
  } else {
    program::Rescale rescale{to.value(node.inputs[0]), quantize_factors_to(x, node), {}, {}};
    for (const Grid& grid : grids) {
      rescale.lo.push_back(grid.lo);
      rescale.hi.push_back(grid.hi);
    }
    to.emit(std::move(rescale));
  }
}

/// Gives y the scales and the bound of its grids.
void take_grids(Tape& tape, Node& y, ScaleLayout layout, std::span<const Grid> grids) {
  float* const scale = tape.arena().array<float>(grids.size());
  y.bound = 1;
  for (std::size_t c = 0; c < grids.size(); ++c) {
    scale[c] = grids[c].scale;
    y.bound = std::max<std::int64_t>(y.bound, grids[c].bound());
  }
  y.scale = scale;
  y.layout = layout;
}

/// Memory for the codes of y, and for the bits that say which were not clamped, if they are wanted.
program::MutableCodes new_rounded_codes(Tape& tape, Node& y, std::span<const Grid> grids, bool clamps) {
  std::int32_t lo = -1;
  std::int32_t hi = 1;
  for (const Grid& grid : grids) {
    lo = std::min(lo, grid.lo);
    hi = std::max(hi, grid.hi);
  }
  const program::MutableCodes codes = tape.new_codes(y, program::width_of(lo, hi));
  if (clamps) y.unclamped = tape.arena().array<std::uint8_t>(y.rows * codes.stride / 8);
  return codes;
}

/// What a site that keeps its range sees, into the lane's maxima: the largest and smallest value of each channel.
void note_extremes(Tape& tape, const Quantizer& site, std::span<const float> high, std::span<const float> low) {
  const std::size_t channels = site.range_channels();
  const bool asymmetric = site.spec.symmetry == QuantSpec::Symmetry::asymmetric;
  const std::span seen = tape.observed(site);
  for (std::size_t c = 0; c < high.size(); ++c) {
    const std::size_t k = channels == 1 ? 0 : c;
    const float largest = asymmetric ? high[c] : std::max(high[c], -low[c]);
    seen[k] = std::max(seen[k], largest);
    if (asymmetric) seen[channels + k] = std::max(seen[channels + k], -low[c]);
  }
}

void check_channels(const Quantizer& site, ScaleLayout layout, const Node& x) {
  const std::size_t count = kernels::scale_count(layout, x.rows, x.cols);
  require(site.range_channels() == count, "quantize", "{} has {} channels, but its input has {}", site.site,
          site.range_channels(), count);
}

/// Codes of y from those of x, computed together where x's are not there yet; `observed`: their extremes are noted.
void round_codes(Tape& tape, Node& y, Value x_value, std::span<const Grid> grids, bool clamps, bool observed) {
  const Node& x = tape[x_value];
  const program::MutableCodes codes = new_rounded_codes(tape, y, grids, clamps);
  std::vector<std::int32_t> lo, hi;
  for (const Grid& grid : grids) {
    lo.push_back(grid.lo);
    hi.push_back(grid.hi);
  }
  const std::vector<FixedPoint> factors = quantize_factors_to(x, y);
  program::Rescaling then = program::rescaling_of(tape.arena(), {factors, lo, hi, -x.bound, x.bound}, x.cols);
  then.watch.unclamped = const_cast<std::uint8_t*>(y.unclamped);
  const std::size_t columns = program::rounded_up(x.cols, program::vector_columns);
  std::vector<std::int32_t> lowest(observed ? columns : 0, 0), highest(lowest);
  if (observed) then.watch = {then.watch.unclamped, lowest.data(), highest.data()};
  if (x.codes.data == nullptr) {
    x.op->compute(tape, x, &then, codes);
  } else {
    Tape::kernels().rescale(then, x.cols, x.rows, x.codes, codes);
  }
  if (!observed) return;
  std::vector<float> high(x.cols), low(x.cols);
  for (std::size_t c = 0; c < x.cols; ++c) {
    const float scale = x.scale[x.layout == ScaleLayout::per_column ? c : 0];
    high[c] = static_cast<float>(highest[c]) * scale;
    low[c] = static_cast<float>(lowest[c]) * scale;
  }
  note_extremes(tape, *y.site, high, low);
}

constexpr std::int32_t largest_table = 1024;  // of codes: more of them than a pass has elements would cost time

/// Codes that a table gives for those of x, 0 for what is dropped; marks the codes of x that occur: [count] where
/// something is kept, then [count] where it is dropped.
template <class In, class Out>
void look_up(const CodeTable& table, const Node& y, const program::Codes& x, const Out* entries,
             const program::MutableCodes& to, std::uint8_t* occurs) {
  const auto* const in = static_cast<const In*>(x.data);
  auto* const out = static_cast<Out*>(to.data);
  const std::int32_t lo = table.lo;
  const std::int32_t count = table.hi - lo + 1;
  std::vector<std::int32_t> place(y.cols, -lo);
  const auto row = [&](std::size_t t, const float* mask) {
    const In* const __restrict from = in + t * x.stride;
    Out* const __restrict codes = out + t * to.stride;
    for (std::size_t c = 0; c < y.cols; ++c) {
      codes[c] = entries[from[c] - lo];
      occurs[from[c] + place[c]] = 1;
    }
    for (std::size_t c = 0; mask != nullptr && c < y.cols; ++c) codes[c] = mask[c] == 0.0F ? Out{0} : codes[c];
  };
  if (table.dropout == nullptr) {
    for (std::size_t t = 0; t < y.rows; ++t) row(t, nullptr);
    return;
  }
  const float* of = nullptr;  // the mask of the sequence at hand
  for_each_step(*table.dropout, y.cols, [&](std::size_t t, const float* mask) {
    for (std::size_t c = 0; mask != of && c < y.cols; ++c) place[c] = (mask[c] == 0.0F ? count : 0) - lo;
    of = mask;
    row(t, mask);
  });
}

/// Codes of y, the rounded end of a chain, by a table; `observed`: its extremes are noted.
const CodeTable* round_table(Tape& tape, Node& y, const Chain& chain, std::span<const Grid> grids, bool observed) {
  const Node& first = tape[chain.first];
  const auto [lo, hi] = limits_of(first);
  const ChainValues all = values_of(chain, first, lo, hi);
  const std::size_t count = all.values.size();
  const program::MutableCodes to = new_rounded_codes(tape, y, grids, false);
  float* const slopes = tape.arena().array<float>(count);
  auto* const bits = tape.arena().array<std::uint8_t>(program::rounded_up(count, 8));
  const auto* const table = tape.keep(CodeTable{chain.first, lo, hi, slopes, bits, chain.dropout});
  std::vector<std::uint8_t> occurs(2 * count, 0);
  const program::Codes x = tape.codes(chain.first);
  program::with_type(to, [&](auto* out) {
    using Out = std::remove_pointer_t<decltype(out)>;
    std::vector<Out> entries(program::rounded_up(count, 8));
    kernels::quantize(1, count, all.values.data(), {ScaleLayout::per_tensor, grids},
                      {{entries.data(), to.width, entries.size()}, bits});
    program::with_type(x, [&](const auto* in) {
      using In = std::remove_cvref_t<decltype(*in)>;
      look_up<In>(*table, y, x, entries.data(), to, occurs.data());
    });
  });
  float high = 0.0F;
  float low = 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    slopes[i] = (bits[i / 8] >> (i % 8) & 1U) != 0 ? all.slopes[i] : 0.0F;
    if (occurs[i] == 0) continue;
    high = std::max(high, all.values[i]);
    low = std::min(low, all.values[i]);
  }
  if (observed) note_extremes(tape, *y.site, {&high, 1}, {&low, 1});
  return table;
}

/// An activation with a range of each sequence, step or channel of a sequence: rounded, but without codes.
void dynamic_activation(Tape& tape, Node& y, const Quantizer& site, const Sequences* sequences) {
  const Node& x = tape[y.inputs[0]];
  const float* const numbers = tape.value(y.inputs[0]);
  y.real = tape.arena().array<float>(y.size());
  const bool by_step = site.spec.granularity == Granularity::step || sequences == nullptr;
  if (!by_step) sequences->check("quantize", x.rows);
  const ScaleLayout layout =
      site.spec.granularity == Granularity::channel ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  const std::size_t count = kernels::scale_count(layout, x.rows, x.cols);
  std::vector<float> high(count), low(count);
  std::vector<Grid> grids(count);
  std::vector<std::int32_t> codes(x.size());
  std::vector<float> scale(count);
  const bool one_bit = is_one_bit(site);
  const std::size_t parts = by_step ? x.rows : sequences->count();
  std::size_t i = 0;
  for (std::size_t s = 0; s < parts; ++s) {
    const std::size_t rows = by_step ? 1 : sequences->rows[s];
    check_finite(kernels::absolute_maximum(rows, x.cols, layout, numbers + i, high), site);
    low = high;
    if (site.spec.symmetry == QuantSpec::Symmetry::asymmetric)
      kernels::extremes(rows, x.cols, layout, numbers + i, high, low);
    for (std::size_t c = 0; c < count; ++c) grids[c] = make_grid(site.spec, high[c], low[c]);
    const program::MutableCodes part{codes.data(), program::Width::four, x.cols};
    kernels::quantize(rows, x.cols, numbers + i, {layout, grids, one_bit}, {part});
    for (std::size_t c = 0; c < count; ++c) scale[c] = grids[c].scale;
    kernels::dequantize(0, rows, x.cols, {layout, scale.data()}, {part.data, part.width, part.stride}, y.real + i);
    i += rows * x.cols;
  }
}

/// What a site that keeps its range sees of x, into the lane's maxima and histograms.
void observe(Tape& tape, Value value, const Quantizer& site) {
  const Node& x = tape[value];
  const float* const numbers = tape.value(value);
  const ScaleLayout layout = layout_of(site, x);
  const std::size_t channels = site.range_channels();
  check_channels(site, layout, x);
  std::vector<float> high(channels);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, layout, numbers, high), site);
  const bool asymmetric = site.spec.symmetry == QuantSpec::Symmetry::asymmetric;
  std::vector<float> low(asymmetric ? channels : 0);
  if (asymmetric) kernels::extremes(x.rows, x.cols, layout, numbers, high, low);
  if (site.is_constant() && site.range.empty()) {  // the beginning of a learned range
    const std::size_t each = x.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) high[c] = range_of_values(site.spec, {numbers + c * each, each});
  }
  const std::span seen = tape.observed(site);
  for (std::size_t c = 0; c < channels; ++c) {
    seen[c] = std::max(seen[c], high[c]);
    if (asymmetric) seen[channels + c] = std::max(seen[channels + c], low[c]);
    if (!site.has_counts()) continue;
    const std::size_t stride = channels == 1 ? 1 : x.cols;
    count_magnitudes(numbers + c, x.size() / channels, stride, tape.counts(site, c));
  }
}

/// From the real numbers of x.
void round_numbers(Tape& tape, Node& y, std::span<const Grid> grids, bool clamps) {
  const program::MutableCodes codes = new_rounded_codes(tape, y, grids, clamps);
  kernels::quantize(y.rows, y.cols, tape.value(y.inputs[0]), {y.layout, grids, is_one_bit(*y.site)},
                    {codes, const_cast<std::uint8_t*>(y.unclamped)});
}

/// How the codes of a site are computed.
enum class Source : std::uint8_t { codes, table, numbers };

Source source_of(const Tape& tape, Value x_value, const Quantizer& site, ScaleLayout layout) {
  const Node& x = tape[x_value];
  if (is_one_bit(site) || layout == ScaleLayout::per_row) return Source::numbers;
  if (x.has_codes()) return x.layout == ScaleLayout::per_row ? Source::numbers : Source::codes;
  if (!x.table || layout != ScaleLayout::per_tensor) return Source::numbers;
  const auto chain = chain_of(tape, x_value);
  return chain && tape[chain->first].bound < largest_table / 2 ? Source::table : Source::numbers;
}

Value with_quantizer(Tape& tape, Value x, const Quantizer& site, const Sequences* sequences) {
  if (!site.spec.active()) return x;
  const ScaleLayout layout = layout_of(site, tape[x]);
  const bool dynamic = !site.is_constant() && site.spec.is_dynamic();
  const bool own = site.is_constant() && !site.needs_range();
  const Source source = dynamic || own ? Source::numbers : source_of(tape, x, site, layout);
  bool observed = site.needs_range() && tape.pass().training;
  const bool ready = !site.needs_range() || !site.range.empty();
  if (observed && (source == Source::numbers || site.has_counts() || !ready)) {
    observe(tape, x, site);
    observed = false;
  }
  if (!ready) {
    require(tape.pass().calibrating, "quantize", "{} has no range yet; calibrate it first", site.site);
    return x;
  }
  const bool learned = site.is_learned();
  const Value log_range = learned ? tape.parameter(site.log_range) : Value{};
  Node& y = tape.push_bare(quantize_op, {x, log_range}, tape[x].rows, tape[x].cols);
  y.site = &site;
  if (dynamic) {
    y.attributes = tape.keep(QuantizeAttributes{nullptr, false});
    dynamic_activation(tape, y, site, sequences);
    return tape.last();
  }
  const std::size_t count = kernels::scale_count(layout, y.rows, y.cols);
  const auto grids = own ? own_grids(tape, site, x, layout) : kept_grids(tape, site, count);
  const bool clamps = !(own && site.spec.is_dynamic()) && tape.pass().gradients;
  take_grids(tape, y, layout, grids);
  const CodeTable* table = nullptr;
  if (source == Source::codes) {
    if (observed) check_channels(site, layout, y);
    round_codes(tape, y, x, grids, clamps, observed);
  } else if (source == Source::table) {
    table = round_table(tape, y, *chain_of(tape, x), grids, observed);
  } else {
    if (!own && !tape.pass().training && !tape[x].has_codes()) {  // observe() has looked in training
      float largest = 0.0F;
      check_finite(kernels::absolute_maximum(y.rows, y.cols, ScaleLayout::per_tensor, tape.value(x), {&largest, 1}),
                   site);
    }
    round_numbers(tape, y, grids, clamps);
  }
  y.attributes = tape.keep(QuantizeAttributes{grids.data(), learned, table});
  return tape.last();
}

/// Bits of 0 among the first n.
std::uint64_t zeros(std::size_t n, const std::uint8_t* bits) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += (bits[i / 8] >> (i % 8) & 1U) == 0 ? 1 : 0;
  return count;
}

std::uint64_t clamped_by_table(Tape& tape, const Node& node, const CodeTable& table) {
  std::uint64_t count = 0;
  const auto codes = tape.codes32(table.first);
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto k = static_cast<std::size_t>(codes[i] - table.lo);
    count += (table.unclamped[k / 8] >> (k % 8) & 1U) == 0 ? 1 : 0;
  }
  return count;
}

}  // namespace

std::uint64_t count_clamped(Tape& tape, Value v) {
  const Node& node = tape[v];
  if (node.op == &quantize_op) {
    const CodeTable* const table = static_cast<const QuantizeAttributes*>(node.attributes)->table;
    if (table != nullptr) return clamped_by_table(tape, node, *table);
  }
  if (node.unclamped == nullptr) return 0;
  // of a scan the bits of real and of imaginary parts are apart
  const bool rows = node.op == &quantize_op;
  const std::size_t part = rows ? node.cols : node.cols / 2;
  const std::size_t bytes = rows ? node.codes.stride / 8 : (part + 7) / 8;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < node.size() / part; ++i) count += zeros(part, node.unclamped + i * bytes);
  return count;
}

Value quantize(Tape& tape, Value x, const Quantizer& site, const Sequences* sequences) {
  const Value y = with_quantizer(tape, x, site, sequences);
  tape.visit(site, x, y);
  return y;
}

}  // namespace bitstate::ops

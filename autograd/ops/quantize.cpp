// y = s clamp(round(x / s), lo, hi), straight-through: dL/dx = g where the clamp did nothing, else 0; always g where
// the range is the largest magnitude. Learned ranges r = exp(rho): dL/drho by LSQ. Constants and static activations
// yield codes; an input that carries codes is rescaled in integers (docs/numerics.md, sections 2, 3, 7).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/code_table.h"
#include "autograd/kernels/mask.h"
#include "autograd/kernels/round.h"
#include "autograd/observe.h"
#include "autograd/ops/embedding.h"
#include "autograd/two_levels.h"
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

struct QuantizeAttributes {
  const Grid* grids;  // of a static range: one, or one per channel
  bool learned;
  const CodeTable* table = nullptr;
  const program::Rescaling* rescaling = nullptr;  // from the codes of the input
  Extremes extremes = {};                         // of the input, where the rescaling watches them
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

void quantize_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const QuantizeAttributes*>(node.attributes);
  if (a.learned) learn_range(tape, node, a);
  if (a.table != nullptr) {
    follow_table(tape, node, *a.table);
    tape.pass_on(a.table->first, node);
    return;
  }
  if (!node.unclamped.empty()) {
    const std::size_t stride = program::rounded_up(node.cols, program::vector_columns);
    const bool whole = stride == node.cols;  // then all bits are side by side
    const std::size_t rows = whole ? 1 : node.rows;
    const std::size_t cols = whole ? node.size() : node.cols;
    for (std::size_t t = 0; t < rows; ++t) {
      kernels::keep_marked(cols, node.unclamped.data() + t * stride / 8, node.gradient + t * cols);
    }
  }
  tape.pass_on(node.inputs[0], node);
}

void quantize_lower(Lowering& to, const Node& node);

constexpr OpTraits quantize_traits{.light = true,
                                   .reads_operands = false,
                                   .reads_result = false,
                                   .why_float = "range=absmax takes its scale from the input"};
void quantize_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                      const program::MutableCodes& y);
constexpr Op quantize_op{"quantize", quantize_backward, quantize_lower, nullptr, quantize_traits, quantize_compute};

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
  if (site.spec.parts == QuantSpec::Parts::separate) join_parts(site.planes, high);
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

/// The codes that a node with one scale can have.
CodeLimits limits_of(const Node& x) {
  if (x.op == &quantize_op && x.layout == ScaleLayout::per_tensor) return {grids_of(x)[0].lo, grids_of(x)[0].hi};
  const auto bound = static_cast<std::int32_t>(x.bound);
  return {-bound, x.codes.width == program::Width::one ? std::min(bound, 127) : bound};
}

/// The tables from the codes of a chain's first operand to those of `node`: one for each pair of their scales.
program::Table table_of(Lowering& to, const Node& node) {
  const auto found = chain_of(to.tape(), node.inputs[0]);
  require(found.has_value(), "export", "{} reads a function with dropout in it, which a program has not",
          node.site->site);
  const Chain& chain = *found;
  const Node& x = to.node(chain.first);
  const CodeLimits limits = limits_of(x);
  const std::size_t count = static_cast<std::size_t>(limits.hi - limits.lo) + 1;
  const bool one = node.layout == ScaleLayout::per_tensor && x.layout == ScaleLayout::per_tensor;
  program::Table table{to.value(chain.first), limits.lo, {}, {}};
  std::vector<std::int32_t> codes;
  std::vector<std::pair<double, Grid>> known;
  for (std::size_t c = 0; c < (one ? 1 : node.cols); ++c) {
    const std::span grid = grids_of(node).subspan(node.layout == ScaleLayout::per_tensor ? 0 : c, 1);
    const std::pair scales(x.column_scale(c), grid[0]);
    const auto row = std::find(known.begin(), known.end(), scales);
    if (!one) table.of_column.push_back(static_cast<std::int32_t>(row - known.begin()));
    if (row != known.end()) continue;
    known.push_back(scales);
    const std::vector<float> values = values_of(chain, static_cast<float>(scales.first), limits).values;
    codes.resize(codes.size() + count);
    kernels::quantize(1, count, values.data(), {ScaleLayout::per_tensor, grid, is_one_bit(*node.site)},
                      {{codes.data() + codes.size() - count, program::Width::four, count}});
  }
  table.entries = {static_cast<std::uint32_t>(known.size()), static_cast<std::uint32_t>(count),
                   to.bits_of(codes.data(), codes.size()), codes};
  if (known.size() == 1 || known.size() == node.cols) table.of_column.clear();  // the only one, or its own
  return table;
}

/// The table of a quantizer that rounds codes of few bits by token; null for any other.
const Node* codes_by_token(const Tape& tape, const Node& x, const Node& y) {
  const QuantSpec& spec = y.site->spec;
  const bool plain = spec.symmetry == QuantSpec::Symmetry::symmetric && spec.bits > 1;
  return plain && y.layout == ScaleLayout::per_tensor ? table_of_codes(tape, x) : nullptr;
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

/// A table of few bits whose rows are made codes of the site's grid.
program::Embedding embedding_of(Lowering& to, const Node& node, const Node& x, const Node& table) {
  program::Matrix m = to.matrix(x.inputs[0]);
  m.levels = levels_to(table, grids_of(node)[0]);
  for (std::size_t k = 0; k < m.codes.size(); ++k) {
    m.codes[k] = m.levels.code_of(m.codes[k], m.levels.steps[k / m.cols]);
  }
  m.bits = std::max(static_cast<std::uint32_t>(node.site->spec.bits), 2U);
  return {to.token_input(static_cast<std::int32_t>(m.rows)), std::move(m)};
}

program::Embedding embedding_of(Lowering& to, const Node& node) {
  const Node& x = to.node(node.inputs[0]);
  if (const Node* const table = codes_by_token(to.tape(), x, node)) return embedding_of(to, node, x, *table);
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
  if (x.op == nullptr && !x.has_codes()) {
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

program::Width width_of(std::span<const Grid> grids) {
  std::int32_t lo = -1;
  std::int32_t hi = 1;
  for (const Grid& grid : grids) {
    lo = std::min(lo, grid.lo);
    hi = std::max(hi, grid.hi);
  }
  return program::width_of(lo, hi);
}

/// Memory for the bits that say which codes of y were not clamped.
std::uint8_t* new_clamp_bits(Tape& tape, Node& y, std::size_t stride) {
  const std::size_t bytes = y.rows * stride / 8;
  auto* const bits = tape.arena().array<std::uint8_t>(bytes);
  y.unclamped = {bits, bytes};
  return bits;
}

/// Memory for the codes of y, and for the bits that say which were not clamped, if they are wanted.
kernels::QuantizedOutput new_rounded_codes(Tape& tape, Node& y, std::span<const Grid> grids, bool clamps) {
  const program::MutableCodes codes = tape.new_codes(y, width_of(grids));
  return {codes, clamps ? new_clamp_bits(tape, y, codes.stride) : nullptr};
}

/// What the input's codes went up and down to, per column, into the lane's maxima.
void note_watched(const Node& x, const program::Watch& watch, const Extremes& to) {
  std::vector<float> high(x.cols), low(x.cols);
  for (std::size_t c = 0; c < x.cols; ++c) {
    const float scale = x.scale[x.layout == ScaleLayout::per_column ? c : 0];
    high[c] = static_cast<float>(watch.highest[c]) * scale;
    low[c] = static_cast<float>(watch.lowest[c]) * scale;
  }
  note_extremes(to, high, low);
}

/// By a table, or from the codes of the input, computed together where those are not there.
void quantize_compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                      const program::MutableCodes& y) {
  const auto& a = *static_cast<const QuantizeAttributes*>(node.attributes);
  if (a.table != nullptr) {
    tape.fill_rows(node, rows, then, y,
                   [&](const program::MutableCodes& codes) { look_up(tape, *a.table, node.cols, rows, codes); });
    return;
  }
  require(a.rescaling != nullptr, "quantize", "the codes of {} were given back", node.site->site);
  const program::Rescaling& whole = *a.rescaling;
  const Node& x = tape[node.inputs[0]];
  tape.fill_rows(node, rows, then, y, [&](const program::MutableCodes& codes) {
    const program::Rescaling own = program::rows_from(whole, rows.first, codes.stride);
    if (x.codes.data == nullptr && x.readers == 1) {
      x.op->compute(tape, x, rows, &own, codes);
    } else {
      Tape::kernels().rescale(own, x.cols, rows.count, tape.code_rows(node.inputs[0], rows), codes);
    }
  });
  const bool ends = rows.first == 0 || rows.first + rows.count == node.rows;  // in either direction
  if (ends && whole.watch.lowest != nullptr) note_watched(x, whole.watch, a.extremes);
}

/// From the codes of x to those of y, which are computed when they are asked for; `observed`: extremes are noted then.
const program::Rescaling* rescaling_to(Tape& tape, Node& y, const Node& x, std::span<const Grid> grids, bool clamps,
                                       bool observed) {
  std::vector<std::int32_t> lo, hi;
  for (const Grid& grid : grids) {
    lo.push_back(grid.lo);
    hi.push_back(grid.hi);
  }
  const std::vector<FixedPoint> factors = quantize_factors_to(x, y);
  program::Rescaling then = program::rescaling_of(tape.arena(), {factors, lo, hi, -x.bound, x.bound}, x.cols);
  const std::size_t stride = program::rounded_up(x.cols, program::vector_columns);
  if (clamps) then.watch.unclamped = new_clamp_bits(tape, y, stride);
  if (observed) {
    auto* const extremes = tape.arena().array<std::int32_t>(2 * stride);
    std::fill_n(extremes, 2 * stride, 0);
    then.watch.lowest = extremes;
    then.watch.highest = extremes + stride;
  }
  y.codes.width = width_of(grids);
  return tape.keep(then);
}

// of codes, in training; a program takes larger ones, which are made only once
constexpr std::int32_t largest_table = 1024;

/// An activation with a range of each sequence, step or channel of a sequence: rounded, but without codes.
void dynamic_activation(Tape& tape, Node& y, const Quantizer& site, const Sequences* sequences) {
  const Node& x = tape[y.inputs[0]];
  const float* const numbers = tape.value(y.inputs[0]);
  y.real = tape.arena().array<float>(y.size());
  const bool by_step = site.spec.granularity == Granularity::step || sequences == nullptr;
  if (!by_step) sequences->check("quantize", x.rows);
  if (site.spec.parts == QuantSpec::Parts::separate) {
    const kernels::RoundingGroups groups{by_step ? std::span<const std::size_t>{} : sequences->rows, site.planes.cols};
    check_finite(kernels::round_to_own_ranges(site.spec, groups, x.rows, x.cols, numbers, y.real), site);
    return;
  }
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

/// From the real numbers of x.
void round_numbers(Tape& tape, Node& y, std::span<const Grid> grids, bool clamps) {
  kernels::quantize(y.rows, y.cols, tape.value(y.inputs[0]), {y.layout, grids, is_one_bit(*y.site)},
                    new_rounded_codes(tape, y, grids, clamps));
}

/// A weight that has a range for each row and group of columns: 8-bit codes with a scale per row.
void round_in_two_levels(Tape& tape, Node& y, bool clamps) {
  const std::span weight(tape.value(y.inputs[0]), y.size());
  float largest = 0.0F;
  check_finite(kernels::absolute_maximum(y.rows, y.cols, ScaleLayout::per_tensor, weight.data(), {&largest, 1}),
               *y.site);
  const TwoLevels scales = two_levels_of(*y.site, weight);
  Grid* const grids = tape.arena().array<Grid>(y.rows);
  for (std::size_t r = 0; r < y.rows; ++r) grids[r] = {scales.row_scales[r], -127, 127};
  take_grids(tape, y, ScaleLayout::per_row, {grids, y.rows});
  quantize(scales, y.cols, weight, new_rounded_codes(tape, y, {grids, y.rows}, clamps));
  y.attributes = tape.keep(QuantizeAttributes{grids, false});
}

/// How the codes of a site are computed.
enum class Source : std::uint8_t { codes, table, numbers };

Source source_of(const Tape& tape, Value x_value, const Quantizer& site, ScaleLayout layout) {
  const Node& x = tape[x_value];
  if (is_one_bit(site) || layout == ScaleLayout::per_row) return Source::numbers;
  if (x.has_codes()) return x.layout == ScaleLayout::per_row ? Source::numbers : Source::codes;
  if (!x.table || layout != ScaleLayout::per_tensor) return Source::numbers;
  const auto chain = chain_of(tape, x_value);
  if (!chain || tape[chain->first].layout != ScaleLayout::per_tensor) return Source::numbers;
  return tape[chain->first].bound < largest_table / 2 ? Source::table : Source::numbers;
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
  y.held = learned;  // learn_range() reads both
  tape[x].held = tape[x].held || learned;
  if (dynamic) {
    y.attributes = tape.keep(QuantizeAttributes{nullptr, false});
    dynamic_activation(tape, y, site, sequences);
    return tape.last();
  }
  if (site.has_two_levels()) {
    round_in_two_levels(tape, y, !own && tape.pass().gradients);
    return tape.last();
  }
  const std::size_t count = kernels::scale_count(layout, y.rows, y.cols);
  const auto grids = own ? own_grids(tape, site, x, layout) : kept_grids(tape, site, count);
  const bool clamps = !(own && site.spec.is_dynamic()) && tape.pass().gradients;
  take_grids(tape, y, layout, grids);
  const CodeTable* table = nullptr;
  const program::Rescaling* rescaling = nullptr;
  if (source == Source::codes) {
    if (observed) check_channels(site, layout, y);
    rescaling = rescaling_to(tape, y, tape[x], grids, clamps, observed);
  } else if (source == Source::table) {
    const Chain chain = *chain_of(tape, x);
    TableExtremes extremes;
    table = tabulate(tape, chain, limits_of(tape[chain.first]), grids[0],
                     {observed ? &extremes : nullptr, site.spec.symmetry == QuantSpec::Symmetry::symmetric});
    y.codes.width = width_of(grids);
    if (observed) note_extremes(extremes_of(tape, site), {&extremes.high, 1}, {&extremes.low, 1});
  } else {
    const bool seen = tape.pass().training && site.needs_range();  // by observe()
    if (!own && !seen && !tape[x].has_codes()) {
      float largest = 0.0F;
      check_finite(kernels::absolute_maximum(y.rows, y.cols, ScaleLayout::per_tensor, tape.value(x), {&largest, 1}),
                   site);
    }
    if (const Node* const few_bits = codes_by_token(tape, tape[x], y)) {
      round_by_token(tape, tape[x], levels_to(*few_bits, grids[0]), new_rounded_codes(tape, y, grids, clamps));
    } else {
      round_numbers(tape, y, grids, clamps);
    }
  }
  y.attributes = tape.keep(
      QuantizeAttributes{grids.data(), learned, table, rescaling, observed ? extremes_of(tape, site) : Extremes{}});
  return tape.last();
}

}  // namespace

std::uint64_t count_clamped(Tape& tape, Value v) {
  const Node& node = tape[v];
  if (node.has_codes()) static_cast<void>(tape.codes(v));  // which says what is clamped
  if (node.op == &quantize_op) {
    const CodeTable* const table = static_cast<const QuantizeAttributes*>(node.attributes)->table;
    if (table != nullptr) return count_clamped(tape, node, *table);
  }
  if (node.unclamped.empty()) return 0;
  // of a scan the bits of real and of imaginary parts are apart
  const bool rows = node.op == &quantize_op;
  const std::size_t part = rows ? node.cols : node.cols / 2;
  const std::size_t bytes = rows ? node.codes.stride / 8 : (part + 7) / 8;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < node.size() / part; ++i) {
    count += kernels::count_unmarked(part, node.unclamped.data() + i * bytes);
  }
  return count;
}

Value quantize(Tape& tape, Value x, const Quantizer& site, const Sequences* sequences) {
  const Value y = with_quantizer(tape, x, site, sequences);
  tape.visit(site, x, y);
  return y;
}

}  // namespace bitstate::ops

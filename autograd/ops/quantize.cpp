// y = s clamp(round(x / s), lo, hi), straight-through: dL/dx = g where the clamp did nothing, else 0; always g where
// the range is the largest magnitude. Learned ranges r = exp(rho): dL/drho by LSQ. Constants and static activations
// yield codes; an input that carries codes is rescaled in integers (docs/numerics.md, sections 2, 3, 7).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"
#include "core/grid.h"
#include "core/ranges.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;
using Granularity = QuantSpec::Granularity;

struct QuantizeAttributes {
  const Grid* grids;  // of a static range: one or one a channel
  bool learned;
};

/// dL/drho: LSQ's gradient of the scale (Esser et al. 2020, equation 3), times its gradient scale, times the scale.
void learn_range(Tape& tape, const Node& node, const QuantizeAttributes& a) {
  float* const out = tape.gradient(node.inputs[1]);
  if (out == nullptr) return;
  const Node& x = tape[node.inputs[0]];
  const std::size_t ranges = tape[node.inputs[1]].size();
  std::vector<double> sums(ranges, 0.0);
  const bool one_bit = node.site->spec.bits == 1;
  for (std::size_t i = 0; i < node.size(); ++i) {
    const std::size_t c = node.layout == ScaleLayout::per_row
                              ? i / node.cols
                              : (node.layout == ScaleLayout::per_column ? i % node.cols : 0);
    const Grid& grid = a.grids[c];
    const double v = double{x.value[i]} / double{grid.scale};
    const double code = node.codes[i];
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
  float* const dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  if (node.unclamped == nullptr) {
    for (std::size_t i = 0; i < node.size(); ++i) dx[i] += node.gradient[i];
  } else {
    for (std::size_t i = 0; i < node.size(); ++i) dx[i] += static_cast<float>(node.unclamped[i]) * node.gradient[i];
  }
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
std::span<Grid> own_grids(Tape& tape, const Quantizer& site, const Node& x, ScaleLayout layout) {
  const std::size_t count = kernels::scale_count(layout, x.rows, x.cols);
  const std::size_t each = x.size() / count;
  Grid* const grids = tape.arena().array<Grid>(count);
  std::vector<float> high(count);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, layout, x.value, high), site);
  if (site.spec.symmetry == QuantSpec::Symmetry::asymmetric && site.spec.is_dynamic()) {
    std::vector<float> low(count);
    kernels::extremes(x.rows, x.cols, layout, x.value, high, low);
    for (std::size_t c = 0; c < count; ++c) grids[c] = make_grid(site.spec, high[c], low[c]);
  } else {
    for (std::size_t c = 0; c < count; ++c) {
      const float range = site.spec.is_dynamic() ? high[c] : range_of_values(site.spec, {x.value + c * each, each});
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

/// The table of a chain of elementwise ops from the codes of its first operand to those of `node`.
program::Table table_of(Lowering& to, const Node& node) {
  std::vector<const Op*> chain;
  Value first = node.inputs[0];
  for (; !to.node(first).has_codes(); first = to.node(first).inputs[0]) chain.push_back(to.node(first).op);
  const Node& x = to.node(first);
  const bool known = x.op == &quantize_op;
  const auto bound = static_cast<std::int32_t>(x.bound);
  const std::int32_t lo = known ? grids_of(x)[0].lo : -bound;
  const std::int32_t hi = known ? grids_of(x)[0].hi : bound;
  const std::size_t count = static_cast<std::size_t>(hi - lo) + 1;
  const std::size_t columns = node.layout == ScaleLayout::per_column ? node.cols : 1;
  std::vector<float> shadow(count * columns);
  for (std::size_t i = 0; i < shadow.size(); ++i) {
    shadow[i] = static_cast<float>(lo + static_cast<std::int32_t>(i / columns)) * x.scale[0];
  }
  Tape tape;
  tape.begin({});
  Value v = tape.input(count, columns, shadow.data());
  for (auto f = chain.rbegin(); f != chain.rend(); ++f) v = (*f)->elementwise(tape, v);
  const Node& y = tape[quantize(tape, v, *node.site)];
  program::Table table{to.value(first), lo, {}};
  table.entries = {static_cast<std::uint32_t>(columns), static_cast<std::uint32_t>(count),
                   to.bits_of(y.codes, y.size()), std::vector<std::int32_t>(y.size())};
  for (std::size_t i = 0; i < y.size(); ++i) {
    table.entries.codes[(i % columns) * count + i / columns] = y.codes[i];
  }
  return table;
}

/// `x`, an embedding or its sum with rows of constants, for every token.
Value of_all_tokens(Lowering& to, Value x, Tape& tape) {
  const Node& node = to.node(x);
  const Node& first = to.node(node.inputs[0]);  // the table, or what a row is added to
  if (!first.by_token) return tape.input(first.rows, first.cols, first.value);
  const Node& row = to.node(node.inputs[1]);
  const Value rows = of_all_tokens(to, node.inputs[0], tape);
  return sum(tape, rows, tape.input(row.rows, row.cols, row.value));
}

program::Embedding embedding_of(Lowering& to, const Node& node) {
  Tape tape;
  tape.begin({});
  const Node& y = tape[quantize(tape, of_all_tokens(to, node.inputs[0], tape), *node.site)];
  return {to.token_input(static_cast<std::int32_t>(y.rows)),
          {static_cast<std::uint32_t>(y.rows),
           static_cast<std::uint32_t>(y.cols),
           to.bits_of(y.codes, y.size()),
           {y.codes, y.codes + y.size()}}};
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

/// Codes, value, scale and bound of y from grids that are known.
void fill(Tape& tape, Node& y, const Node& x, ScaleLayout layout, std::span<const Grid> grids,
          std::uint8_t* unclamped) {
  float* const scale = tape.arena().array<float>(grids.size());
  y.bound = 1;
  for (std::size_t c = 0; c < grids.size(); ++c) {
    scale[c] = grids[c].scale;
    y.bound = std::max<std::int64_t>(y.bound, grids[c].bound());
  }
  y.scale = scale;
  y.layout = layout;
  y.codes = tape.arena().array<std::int32_t>(x.size());
  const bool one_bit = is_one_bit(*y.site);
  const kernels::QuantizedOutput out{y.codes, y.value, unclamped};
  if (x.has_codes() && x.layout != ScaleLayout::per_row && layout != ScaleLayout::per_row && !one_bit) {
    kernels::requantize(x.rows, x.cols, quantize_factors_to(x, y), x.codes, grids, out);
  } else {
    kernels::quantize(x.rows, x.cols, x.value, {layout, grids, one_bit}, out);
  }
}

/// An activation with a range of each sequence, step or channel of a sequence: rounded, but without codes.
void dynamic_activation(Tape& tape, Node& y, const Node& x, const Quantizer& site, const Sequences* sequences) {
  const bool by_step = site.spec.granularity == Granularity::step || sequences == nullptr;
  if (!by_step) sequences->check("quantize", x.rows);
  const ScaleLayout layout =
      site.spec.granularity == Granularity::channel ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  const std::size_t count = kernels::scale_count(layout, x.rows, x.cols);
  std::vector<float> high(count), low(count);
  std::vector<Grid> grids(count);
  auto* const codes = tape.arena().array<std::int32_t>(x.size());
  const bool one_bit = is_one_bit(site);
  const std::size_t parts = by_step ? x.rows : sequences->count();
  std::size_t i = 0;
  for (std::size_t s = 0; s < parts; ++s) {
    const std::size_t rows = by_step ? 1 : sequences->rows[s];
    check_finite(kernels::absolute_maximum(rows, x.cols, layout, x.value + i, high), site);
    low = high;
    if (site.spec.symmetry == QuantSpec::Symmetry::asymmetric)
      kernels::extremes(rows, x.cols, layout, x.value + i, high, low);
    for (std::size_t c = 0; c < count; ++c) grids[c] = make_grid(site.spec, high[c], low[c]);
    kernels::quantize(rows, x.cols, x.value + i, {layout, grids, one_bit}, {codes + i, y.value + i, nullptr});
    i += rows * x.cols;
  }
}

/// What a site that keeps its range sees of x, into the lane's maxima and histograms.
void observe(Tape& tape, const Node& x, const Quantizer& site) {
  const ScaleLayout layout = layout_of(site, x);
  const std::size_t channels = site.range_channels();
  require(channels == kernels::scale_count(layout, x.rows, x.cols), "quantize",
          "{} has {} channels, but its input has {}", site.site, channels,
          kernels::scale_count(layout, x.rows, x.cols));
  std::vector<float> high(channels);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, layout, x.value, high), site);
  const bool asymmetric = site.spec.symmetry == QuantSpec::Symmetry::asymmetric;
  std::vector<float> low(asymmetric ? channels : 0);
  if (asymmetric) kernels::extremes(x.rows, x.cols, layout, x.value, high, low);
  if (site.is_constant() && site.range.empty()) {  // the beginning of a learned range
    const std::size_t each = x.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) high[c] = range_of_values(site.spec, {x.value + c * each, each});
  }
  const std::span seen = tape.observed(site);
  for (std::size_t c = 0; c < channels; ++c) {
    seen[c] = std::max(seen[c], high[c]);
    if (asymmetric) seen[channels + c] = std::max(seen[channels + c], low[c]);
    if (!site.has_counts()) continue;
    const std::size_t stride = channels == 1 ? 1 : x.cols;
    count_magnitudes(x.value + c, x.size() / channels, stride, tape.counts(site, c));
  }
}

Value with_quantizer(Tape& tape, Value x, const Quantizer& site, const Sequences* sequences) {
  if (!site.spec.active()) return x;
  if (site.needs_range() && tape.pass().training) observe(tape, tape[x], site);
  if (site.needs_range() && site.range.empty()) {
    require(tape.pass().calibrating, "quantize", "{} has no range yet; calibrate it first", site.site);
    return x;
  }
  const bool learned = site.is_learned();
  const Value log_range = learned ? tape.parameter(site.log_range) : Value{};
  Node& y = tape.push(quantize_op, {x, log_range}, tape[x].rows, tape[x].cols);
  const Node& in = tape[x];
  y.site = &site;
  if (!site.is_constant() && site.spec.is_dynamic()) {
    y.attributes = tape.keep(QuantizeAttributes{nullptr, false});
    dynamic_activation(tape, y, in, site, sequences);
    return tape.last();
  }
  const ScaleLayout layout = layout_of(site, in);
  const bool own = site.is_constant() && !site.needs_range();
  const auto grids =
      own ? own_grids(tape, site, in, layout) : kept_grids(tape, site, kernels::scale_count(layout, in.rows, in.cols));
  const bool clamps = !(own && site.spec.is_dynamic()) && tape.pass().gradients;
  std::uint8_t* const unclamped = clamps ? tape.arena().array<std::uint8_t>(in.size()) : nullptr;
  y.unclamped = unclamped;
  y.attributes = tape.keep(QuantizeAttributes{grids.data(), learned});
  if (!own && !tape.pass().training && !in.has_codes()) {  // observe() has looked in training
    float largest = 0.0F;
    check_finite(kernels::absolute_maximum(in.rows, in.cols, ScaleLayout::per_tensor, in.value, {&largest, 1}), site);
  }
  fill(tape, y, in, layout, grids, unclamped);
  return tape.last();
}

}  // namespace

Value quantize(Tape& tape, Value x, const Quantizer& site, const Sequences* sequences) {
  const Value y = with_quantizer(tape, x, site, sequences);
  tape.visit(site, x, y);
  return y;
}

}  // namespace bitstate::ops

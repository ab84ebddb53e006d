// y = s clamp(round(x / s), -Q, Q), straight-through: dL/dx = g where the clamp did nothing, else 0; always g for range
// = absmax. Weights and static activations yield codes; an input that carries codes is rescaled in integers
// (docs/numerics.md, sections 2, 3, 6).
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;
using Granularity = QuantSpec::Granularity;

struct Attributes {
  const std::uint8_t* unclamped;  // null: nothing is ever clamped
};

void backward(Tape& tape, const Node& node) {
  const std::uint8_t* const unclamped = static_cast<const Attributes*>(node.attributes)->unclamped;
  float* const dx = tape.gradient(node.inputs[0]);
  if (dx == nullptr) return;
  if (unclamped == nullptr) {
    for (std::size_t i = 0; i < node.size(); ++i) dx[i] += node.gradient[i];
  } else {
    for (std::size_t i = 0; i < node.size(); ++i) dx[i] += static_cast<float>(unclamped[i]) * node.gradient[i];
  }
}

constexpr Op op{"quantize", backward};

void check_finite(bool finite, const Quantizer& site) {
  require<DivergedError>(finite, "quantize", "{} holds a NaN or an infinity", site.site);
}

/// A weight: one scale, or one an output row; a vector is one channel.
void weight(Tape& tape, Node& y, const Node& x, const Quantizer& site) {
  y.layout =
      site.spec.granularity == Granularity::channel && x.rows > 1 ? ScaleLayout::per_row : ScaleLayout::per_tensor;
  const std::size_t count = kernels::scale_count(y.layout, x.rows, x.cols);
  float* const scale = tape.arena().array<float>(count);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, y.layout, x.value, {scale, count}), site);
  for (std::size_t i = 0; i < count; ++i) scale[i] = site.spec.scale(scale[i]);
  y.scale = scale;
  y.bound = site.spec.bound();
  y.codes = tape.arena().array<std::int32_t>(x.size());
  kernels::quantize(x.rows, x.cols, y.layout, x.value, scale, site.spec.bound(), site.spec.bits == 1, y.codes, y.value,
                    nullptr);
}

/// An activation with a range of each sequence (and channel) of its own: the value is rounded, but carries no codes.
void dynamic_activation(Tape& tape, Node& y, const Node& x, const Quantizer& site, const Sequences* sequences) {
  const ScaleLayout layout =
      site.spec.granularity == Granularity::channel ? ScaleLayout::per_column : ScaleLayout::per_tensor;
  std::vector<float> scale(kernels::scale_count(layout, x.rows, x.cols));
  auto* const codes = tape.arena().array<std::int32_t>(x.size());
  const std::size_t parts = sequences == nullptr ? x.rows : sequences->count();
  std::size_t i = 0;
  for (std::size_t s = 0; s < parts; ++s) {
    const std::size_t rows = sequences == nullptr ? 1 : sequences->rows[s];
    check_finite(kernels::absolute_maximum(rows, x.cols, layout, x.value + i, scale), site);
    for (float& v : scale) v = site.spec.scale(v);
    kernels::quantize(rows, x.cols, layout, x.value + i, scale.data(), site.spec.bound(), site.spec.bits == 1,
                      codes + i, y.value + i, nullptr);
    i += rows * x.cols;
  }
}

/// max |x| into the site's maxima of this lane.
void observe(Tape& tape, const Node& x, const Quantizer& site) {
  const std::size_t count = site.range_count();
  require(count == 1 || count == x.cols, "quantize", "{} has {} channels, its input {} columns", site.site, count,
          x.cols);
  std::vector<float> seen(count);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, count == 1 ? ScaleLayout::per_tensor : ScaleLayout::per_column,
                                         x.value, seen),
               site);
  for (std::size_t c = 0; c < count; ++c) {
    float& largest = tape.pass().observed[site.offset + c];
    largest = std::max(largest, seen[c]);
  }
}

std::vector<FixedPoint> factors(const Node& x, const Node& y, const Quantizer& site) {
  const bool x_columns = x.layout == ScaleLayout::per_column;
  const bool y_columns = y.layout == ScaleLayout::per_column;
  std::vector<FixedPoint> out(x_columns || y_columns ? x.cols : 1);
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = to_fixed_point(double{x.scale[x_columns ? c : 0]} / double{y.scale[y_columns ? c : 0]}, site.site);
  }
  return out;
}

void static_activation(Tape& tape, Node& y, const Node& x, const Quantizer& site) {
  y.layout = site.range.size() == 1 ? ScaleLayout::per_tensor : ScaleLayout::per_column;
  float* const scale = tape.arena().array<float>(site.range.size());
  for (std::size_t c = 0; c < site.range.size(); ++c) scale[c] = site.spec.scale(site.range[c]);
  y.scale = scale;
  y.bound = site.spec.bound();
  y.codes = tape.arena().array<std::int32_t>(x.size());
  std::uint8_t* const unclamped = tape.pass().gradients ? tape.arena().array<std::uint8_t>(x.size()) : nullptr;
  y.attributes = tape.keep(Attributes{unclamped});
  if (x.has_codes() && x.layout != ScaleLayout::per_row && site.spec.bits > 1) {
    const auto factor = factors(x, y, site);
    kernels::requantize(x.rows, x.cols, factor, x.codes, nullptr, site.spec.bound(), y.codes, nullptr, unclamped);
    kernels::dequantize(x.rows, x.cols, y.layout, y.codes, scale, y.value);
  } else {
    float largest = 0.0F;
    if (!tape.pass().training) {  // observe() has looked in training
      check_finite(kernels::absolute_maximum(x.rows, x.cols, ScaleLayout::per_tensor, x.value, {&largest, 1}), site);
    }
    kernels::quantize(x.rows, x.cols, y.layout, x.value, scale, site.spec.bound(), site.spec.bits == 1, y.codes,
                      y.value, unclamped);
  }
}

}  // namespace

Value quantize(Tape& tape, Value x, const Quantizer& site, const Sequences* sequences) {
  if (!site.spec.active()) return x;
  const bool static_range = site.is_static();
  if (static_range && tape.pass().training) observe(tape, tape[x], site);
  if (static_range && site.range.empty()) {
    require(tape.pass().calibrating, "quantize", "{} has no range yet; calibrate it first", site.site);
    return x;
  }
  Node& y = tape.push(op, {x}, tape[x].rows, tape[x].cols);
  y.attributes = tape.keep(Attributes{nullptr});
  const Node& in = tape[x];
  if (static_range) {
    static_activation(tape, y, in, site);
  } else if (site.site.starts_with("weight:")) {
    weight(tape, y, in, site);
  } else {
    dynamic_activation(tape, y, in, site, sequences);
  }
  return tape.last();
}

}  // namespace bitstate::ops

// x_l = lambda_bar x_{l-1} + bu_l within each sequence, x_{-1} = 0; with a state quantizer x_l is rounded at every step
// (docs/numerics.md, section 5). Adjoint: s_l = mask_l (g_l + conj(lambda_bar) s_{l+1}), dL/dbu_l = s_l, G_lambda_bar =
// sum_l s_l conj(x_{l-1}).
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

struct Attributes {
  const std::size_t* rows;
  std::size_t count;
  Direction direction;
  const std::uint8_t* unclamped;  // null for a float state
};

void backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const Attributes*>(node.attributes);
  const std::size_t width = node.cols;
  float* dlambda = tape.gradient(node.inputs[0]);
  float* dbu = tape.gradient(node.inputs[1]);
  const auto discarded = [&](std::size_t n) {
    float* const memory = tape.arena().array<float>(n);
    std::fill(memory, memory + n, 0.0F);
    return memory;
  };
  if (dlambda == nullptr) dlambda = discarded(width);
  if (dbu == nullptr) dbu = discarded(node.size());
  float* const scratch = tape.arena().array<float>(width);
  std::size_t i = 0;
  for (std::size_t s = 0; s < a.count; ++s) {
    kernels::scan_adjoint(a.rows[s], width / 2, a.direction, tape[node.inputs[0]].value, node.value + i,
                          a.unclamped == nullptr ? nullptr : a.unclamped + i, node.gradient + i, dbu + i, dlambda,
                          scratch);
    i += a.rows[s] * width;
  }
}

constexpr Op op{"scan", backward};

/// One scale per real component of the state, from the ranges of the site (one, or one a state).
const float* state_scale(Tape& tape, const Quantizer& site, std::size_t width) {
  require(site.range.size() == 1 || site.range.size() == width / 2, "scan", "{} has {} ranges for {} states", site.site,
          site.range.size(), width / 2);
  float* const scale = tape.arena().array<float>(width);
  for (std::size_t c = 0; c < width; ++c) {
    scale[c] = site.spec.scale(site.range[site.range.size() == 1 ? 0 : c % (width / 2)]);
  }
  return scale;
}

/// Merges what was seen of each real component into the site's maxima.
void observe(Tape& tape, const Quantizer& site, const float* seen, std::size_t width) {
  const std::size_t channels = site.range_count();
  for (std::size_t c = 0; c < width; ++c) {
    float& largest = tape.pass().observed[site.offset + (channels == 1 ? 0 : c % (width / 2))];
    largest = std::max(largest, seen[c]);
  }
}

/// bu at the scale of lambda_bar times the state.
const std::int32_t* inner_codes(Tape& tape, const Node& lambda, const Node& bu, const float* inner,
                                const Quantizer& site) {
  std::vector<FixedPoint> factors(bu.cols);
  for (std::size_t c = 0; c < bu.cols; ++c) {
    const float from = bu.scale[bu.layout == ScaleLayout::per_column ? c : 0];
    factors[c] = to_fixed_point(double{from} / double{inner[c]}, site.site);
  }
  require(lambda.layout == ScaleLayout::per_tensor && bu.layout != ScaleLayout::per_row, "scan",
          "{}: lambda_bar needs one scale, and Bu one scale or one a column", site.site);
  auto* const codes = tape.arena().array<std::int32_t>(bu.size());
  kernels::requantize(bu.rows, bu.cols, factors, bu.codes, nullptr, 1 << 30, codes, nullptr, nullptr);
  return codes;
}

void quantized(Tape& tape, Node& x, const Sequences& sequences, Direction direction, const Quantizer& site,
               std::uint8_t* unclamped) {
  const Node& lambda = tape[x.inputs[0]];
  const Node& bu = tape[x.inputs[1]];
  const std::size_t width = x.cols;
  x.codes = tape.arena().array<std::int32_t>(x.size());
  x.scale = state_scale(tape, site, width);
  x.layout = ScaleLayout::per_column;
  x.bound = site.spec.bound();
  float* const seen = tape.arena().array<float>(width);
  std::fill(seen, seen + width, 0.0F);
  const kernels::StateScales state{x.scale, site.spec.bound(), seen};
  // an input that u' cannot hold must be one that clamps the state anyway
  const bool integer = lambda.has_codes() && bu.has_codes() &&
                       0x1.0p30F * lambda.scale[0] >= 4.0F * static_cast<float>(site.spec.bound());
  float* const inner = tape.arena().array<float>(width);
  std::vector<FixedPoint> requantize(width);
  const std::int32_t* inputs = nullptr;
  if (integer) {
    for (std::size_t c = 0; c < width; ++c) inner[c] = lambda.scale[0] * x.scale[c];
    std::fill(requantize.begin(), requantize.end(), to_fixed_point(lambda.scale[0], site.site));
    inputs = inner_codes(tape, lambda, bu, inner, site);
  }
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    if (integer) {
      kernels::scan_integer(sequences.rows[s], width / 2, direction, lambda.codes, requantize.data(), inner, state,
                            inputs + i, x.codes + i, unclamped + i);
    } else {
      require<DivergedError>(kernels::scan_rounded(sequences.rows[s], width / 2, direction, lambda.value, state,
                                                   bu.value + i, x.codes + i, unclamped + i),
                             "scan", "the state of {} is not finite", site.site);
    }
    i += sequences.rows[s] * width;
  }
  kernels::dequantize(x.rows, width, x.layout, x.codes, x.scale, x.value);
  if (tape.pass().training) observe(tape, site, seen, width);
}

void in_float(Tape& tape, Node& x, const Sequences& sequences, Direction direction, const Quantizer* calibrated) {
  const float* const lambda = tape[x.inputs[0]].value;
  const float* const bu = tape[x.inputs[1]].value;
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    require<DivergedError>(kernels::scan(sequences.rows[s], x.cols / 2, direction, lambda, bu + i, x.value + i), "scan",
                           "the state of {} is not finite",
                           calibrated != nullptr ? calibrated->site : std::string("an SSM"));
    i += sequences.rows[s] * x.cols;
  }
  if (calibrated == nullptr || !calibrated->spec.active()) return;
  std::vector<float> seen(x.cols);
  kernels::absolute_maximum(x.rows, x.cols, ScaleLayout::per_column, x.value, seen);
  observe(tape, *calibrated, seen.data(), x.cols);
}

}  // namespace

Value scan(Tape& tape, Value lambda_bar, Value bu, const Sequences& sequences, Direction direction,
           const Quantizer* state) {
  const std::size_t width = tape[bu].cols;
  const std::size_t steps = tape[bu].rows;
  require(tape[lambda_bar].size() == width && width % 2 == 0, "scan", "lambda_bar has {} elements, Bu has {} columns",
          tape[lambda_bar].size(), width);
  std::size_t total = 0;
  for (const std::size_t rows : sequences.rows) total += rows;
  require(total == steps, "scan", "the sequences have {} steps, Bu has {}", total, steps);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);

  Node& x = tape.push(op, {lambda_bar, bu}, steps, width);
  const bool rounded = state != nullptr && state->spec.active() && !state->range.empty();
  std::uint8_t* const unclamped = rounded ? tape.arena().array<std::uint8_t>(x.size()) : nullptr;
  x.attributes = tape.keep(Attributes{rows, sequences.count(), direction, unclamped});
  if (rounded) {
    quantized(tape, x, sequences, direction, *state, unclamped);
  } else {
    require(state == nullptr || !state->spec.active() || tape.pass().calibrating, "scan",
            "{} has no range yet; calibrate it first", state != nullptr ? state->site : "");
    in_float(tape, x, sequences, direction, state);
  }
  return tape.last();
}

}  // namespace bitstate::ops

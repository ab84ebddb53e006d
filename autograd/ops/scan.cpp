// x_l = lambda_bar x_{l-1} + bu_l within each sequence, x_{-1} = 0; with a state quantizer x_l is rounded at every step
// (docs/numerics.md, section 6). Adjoint: s_l = mask_l (g_l + conj(lambda_bar) s_{l+1}), dL/dbu_l = s_l, G_lambda_bar =
// sum_l s_l conj(x_{l-1}).
#include "autograd/export.h"
#include "autograd/ops.h"

#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ScaleLayout;

struct ScanAttributes {
  const std::size_t* rows;
  std::size_t count;
  Direction direction;
};

void scan_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const ScanAttributes*>(node.attributes);
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
    kernels::scan_adjoint({a.rows[s], width / 2, a.direction}, tape[node.inputs[0]].value, node.value + i,
                          node.unclamped == nullptr ? nullptr : node.unclamped + i,
                          {node.gradient + i, dbu + i, dlambda, scratch});
    i += a.rows[s] * width;
  }
}

void scan_lower(Lowering& to, const Node& node);

constexpr OpTraits scan_traits{
    .any_scales = true,
    .rounds = true,
    .why_float = "the scale of the state matrix is too small for its state; scale=pow2 fits"};
constexpr Op scan_op{"scan", scan_backward, scan_lower, nullptr, scan_traits};

/// How many ranges the site has: one, or one a state.
std::size_t ranges_of(const Quantizer& site, std::size_t width) {
  const std::size_t channels = site.range_channels();
  require(channels == 1 || channels == width / 2, "scan", "{} has {} ranges for {} states", site.site, channels,
          width / 2);
  return channels;
}

/// One scale per real component of the state.
const float* state_scale(Tape& tape, const Quantizer& site, std::size_t width) {
  const std::size_t channels = ranges_of(site, width);
  float* const scale = tape.arena().array<float>(width);
  for (std::size_t c = 0; c < width; ++c) scale[c] = site.grid(channels == 1 ? 0 : c % (width / 2)).scale;
  return scale;
}

/// Merges what was seen of each real component into the site's maxima.
void observe_states(Tape& tape, const Quantizer& site, const float* seen, std::size_t width) {
  if (!site.needs_range()) return;
  const std::size_t channels = ranges_of(site, width);
  const std::span all = tape.observed(site);
  for (std::size_t c = 0; c < width; ++c) {
    float& largest = all[channels == 1 ? 0 : c % (width / 2)];
    largest = std::max(largest, seen[c]);
  }
}

/// Constants of the integer recurrence; nothing where it cannot be computed in integers.
std::optional<kernels::IntegerScan> integer_plan(Tape& tape, const Node& lambda, const Node& bu, const float* scale,
                                                 const Quantizer& site) {
  if (!lambda.has_codes() || !bu.has_codes() || lambda.layout != ScaleLayout::per_tensor ||
      bu.layout == ScaleLayout::per_row) {
    return std::nullopt;
  }
  kernels::IntegerScan plan;
  const double bound = site.spec.bound();
  const double lambda_scale = double{lambda.scale[0]};
  int exponent = 0;
  if (std::frexp(lambda_scale, &exponent) == 0.5 && exponent <= 1 && exponent >= -39) {
    plan.lambda_shift = 1 - exponent;
    plan.limit = static_cast<std::int64_t>(4.0 * bound) << plan.lambda_shift;
  } else {
    // an input that is cut must be one that clamps the state anyway
    if (!(0x1.0p30 * lambda_scale >= 4.0 * bound)) return std::nullopt;
    plan.limit = std::int64_t{1} << 30;
  }
  plan.to_state = to_fixed_point(lambda_scale, site.site);
  plan.to_inner = to_fixed_point(1.0 / lambda_scale, site.site);
  float* const inner = tape.arena().array<float>(bu.cols);
  plan.from_input.resize(bu.cols);
  for (std::size_t c = 0; c < bu.cols; ++c) {
    inner[c] = lambda.scale[0] * scale[c];
    plan.from_input[c] = to_fixed_point(bu.column_scale(c) / double{inner[c]}, site.site);
  }
  plan.inner_scale = inner;
  return plan;
}

void scan_lower(Lowering& to, const Node& node) {
  const Node& lambda = to.node(node.inputs[0]);
  const QuantSpec& spec = node.site->spec;
  const float* const scale = state_scale(to.tape(), *node.site, node.cols);
  const auto plan = integer_plan(to.tape(), lambda, to.node(node.inputs[1]), scale, *node.site);
  const auto& a = *static_cast<const ScanAttributes*>(node.attributes);
  const bool feedback = spec.rounding == QuantSpec::Rounding::feedback;  // stochastic: nearest in evaluation
  const auto bits = std::max(to.bits_of(lambda.codes, lambda.size()),
                             static_cast<std::uint32_t>(lambda.site->spec.multiplier_bits()));
  to.emit(program::Scan{to.value(node.inputs[1]), a.direction == Direction::backward, feedback, plan->lambda_shift,
                        bits, spec.bound(), plan->limit, plan->to_state, plan->to_inner, to.codes(node.inputs[0]),
                        plan->from_input});
}

/// The key of a sequence's random numbers.
std::uint64_t noise_key(const Pass& pass, const Quantizer& site, Direction direction, std::size_t sequence) {
  const std::uint64_t stream = random_stream(site.site, pass.step * 2 + (direction == Direction::forward ? 0 : 1));
  const auto words = random_words(pass.seed, stream, sequence);
  return (std::uint64_t{words[0]} << 32U) | words[1];
}

void scan_quantized(Tape& tape, Node& x, const Sequences& sequences, Direction direction, const Quantizer& site,
                    std::uint8_t* unclamped) {
  const Node& lambda = tape[x.inputs[0]];
  const Node& bu = tape[x.inputs[1]];
  const std::size_t width = x.cols;
  x.site = &site;
  x.unclamped = unclamped;
  x.codes = tape.arena().array<std::int32_t>(x.size());
  x.scale = state_scale(tape, site, width);
  x.layout = ScaleLayout::per_column;
  x.bound = site.spec.bound();
  if (site.range_channels() == 1) x.layout = ScaleLayout::per_tensor;
  float* const seen = tape.arena().array<float>(width);
  std::fill(seen, seen + width, 0.0F);
  const auto plan = integer_plan(tape, lambda, bu, x.scale, site);
  x.rounded_float = !plan;
  kernels::StateRounding state{x.scale, site.spec.bound(), seen, site.spec.rounding};
  const bool stochastic = state.how == QuantSpec::Rounding::stochastic;
  if (stochastic && !tape.pass().training) state.how = QuantSpec::Rounding::nearest;
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    const kernels::ScanShape shape{sequences.rows[s], width / 2, direction};
    const kernels::StateCodes out{x.codes + i, unclamped + i};
    if (stochastic) state.key = noise_key(tape.pass(), site, direction, sequences.first + s);
    if (plan) {
      kernels::scan_integer(shape, lambda.codes, *plan, state, bu.codes + i, out);
    } else {
      require<DivergedError>(kernels::scan_rounded(shape, lambda.value, state, bu.value + i, out), "scan",
                             "the state of {} is not finite", site.site);
    }
    i += sequences.rows[s] * width;
  }
  kernels::dequantize(x.rows, width, x.layout, x.codes, x.scale, x.value);
  if (tape.pass().training) observe_states(tape, site, seen, width);
}

void in_float(Tape& tape, Node& x, const Sequences& sequences, Direction direction, const Quantizer* calibrated) {
  const float* const lambda = tape[x.inputs[0]].value;
  const float* const bu = tape[x.inputs[1]].value;
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    require<DivergedError>(kernels::scan({sequences.rows[s], x.cols / 2, direction}, lambda, bu + i, x.value + i),
                           "scan", "the state of {} is not finite",
                           calibrated != nullptr ? calibrated->site : std::string("an SSM"));
    i += sequences.rows[s] * x.cols;
  }
  if (calibrated == nullptr || !calibrated->needs_range()) return;
  std::vector<float> seen(x.cols);
  kernels::absolute_maximum(x.rows, x.cols, ScaleLayout::per_column, x.value, seen);
  observe_states(tape, *calibrated, seen.data(), x.cols);
}

}  // namespace

Value scan(Tape& tape, Value lambda_bar, Value bu, const Sequences& sequences, Direction direction,
           const Quantizer* state) {
  const std::size_t width = tape[bu].cols;
  const std::size_t steps = tape[bu].rows;
  require(tape[lambda_bar].size() == width && width % 2 == 0, "scan", "lambda_bar has {} elements, Bu has {} columns",
          tape[lambda_bar].size(), width);
  sequences.check("scan", steps);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);

  Node& x = tape.push(scan_op, {lambda_bar, bu}, steps, width);
  require<UsageError>(state == nullptr || !state->spec.active() || !state->spec.is_dynamic(), "scan",
                      "{} has range=absmax, which only scan=tree can take; use ema or fixed", state ? state->site : "");
  const bool rounded = state != nullptr && state->spec.active() && !(state->needs_range() && state->range.empty());
  std::uint8_t* const unclamped = rounded ? tape.arena().array<std::uint8_t>(x.size()) : nullptr;
  x.attributes = tape.keep(ScanAttributes{rows, sequences.count(), direction});
  if (rounded) {
    scan_quantized(tape, x, sequences, direction, *state, unclamped);
  } else {
    require(state == nullptr || !state->spec.active() || tape.pass().calibrating, "scan",
            "{} has no range yet; calibrate it first", state != nullptr ? state->site : "");
    in_float(tape, x, sequences, direction, state);
  }
  if (state != nullptr) tape.visit(*state, tape.last(), tape.last());
  return tape.last();
}

}  // namespace bitstate::ops

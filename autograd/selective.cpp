#include "autograd/selective.h"

#include "autograd/code_table.h"
#include "core/error.h"
#include "core/program/run/operands.h"
#include "core/selective.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::selective {
namespace {

using kernels::ScaleLayout;

constexpr std::size_t lanes = kernels::selective_lanes;
constexpr int most_fraction = 20;
constexpr double most_product = 0x3.0p30;  // of a step and its input (docs/numerics.md, section 3)

std::size_t ranges_of(const Quantizer& site, std::size_t channels) {
  const std::size_t ranges = site.range_channels();
  require(ranges == 1 || ranges == channels, "selective_scan", "{} has {} ranges for {} channels", site.site, ranges,
          channels);
  return ranges;
}

/// The functions that make delta of codes, and the limits behind them.
struct StepsOf {
  ops::Chain chain;
  ops::ClipLimits limits;
};

/// Nothing where delta is no function of one code.
std::optional<StepsOf> steps_of(const Tape& tape, Value delta) {
  ops::ClipLimits limits;
  if (const auto clipped = ops::clip_limits(tape[delta])) {
    limits = *clipped;
    delta = tape[delta].inputs[0];
  }
  if (!tape[delta].table) return std::nullopt;
  const auto chain = ops::chain_of(tape, delta);
  return chain && chain->dropout == nullptr ? std::optional(StepsOf{*chain, limits}) : std::nullopt;
}

/// Whether all operands of a scan on codes have them: B and C with one scale for the columns of each group.
bool has_codes(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape) {
  const auto has_scales = [&](Value v, std::size_t groups) {
    const Node& node = tape[v];
    if (!node.has_codes() || node.layout == ScaleLayout::per_row || node.bound > std::int64_t{1} << 15) return false;
    const std::size_t width = node.cols / groups;
    for (std::size_t c = 0; c < node.cols; ++c) {
      if (node.column_scale(c) != node.column_scale(c / width * width)) return false;
    }
    return true;
  };
  const auto steps = steps_of(tape, operands.delta);
  return tape[operands.u].has_codes() && tape[operands.u].layout != ScaleLayout::per_row &&
         has_scales(operands.B, shape.groups) && has_scales(operands.C, shape.groups) && steps &&
         tape[steps->chain.first].layout == ScaleLayout::per_tensor && has_scales(steps->chain.first, 1);
}

/// Steps at the scale 2^-fraction.
struct Steps {
  std::vector<std::int32_t> codes;
  std::int32_t first;
  int fraction;
};

Steps tabulated(Tape& tape, const StepsOf& of, std::int64_t input_bound, std::string_view site) {
  const auto bound = static_cast<std::int32_t>(tape[of.chain.first].bound);
  std::vector<float> steps = ops::values_of(of.chain, tape[of.chain.first].scale[0], {-bound, bound}).values;
  for (float& step : steps) step = std::clamp(step, of.limits.low, of.limits.high);
  const double longest = double{*std::max_element(steps.begin(), steps.end())};
  Steps result{{}, -bound, most_fraction};
  const double most = std::min(most_product / static_cast<double>(input_bound), 0x1.0p31 - 1);
  while (result.fraction > 1 && std::ldexp(longest, result.fraction) > most) {
    --result.fraction;
  }
  require<DivergedError>(std::ldexp(longest, result.fraction) <= most, "selective_scan", "a step of {} is {}", site,
                         longest);
  for (const float step : steps) {
    result.codes.push_back(static_cast<std::int32_t>(std::floor(std::ldexp(double{step}, result.fraction) + 0.5)));
  }
  return result;
}

/// alpha: the rates in units of ln 2 at the scale 2^-16.
std::vector<std::int32_t> rates_of(const float* logs, std::size_t count) {
  std::vector<std::int32_t> rates(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double rate = std::floor(65536.0 / std::log(2.0) * std::exp(double{logs[i]}) + 0.5);
    rates[i] = static_cast<std::int32_t>(std::min(rate, 0x1.0p31 - 1));
  }
  return rates;
}

}  // namespace

float scale_of(const Quantizer& site, std::size_t channels, std::size_t c) {
  return site.grid(ranges_of(site, channels) == 1 ? 0 : c).scale;
}

How how_of(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape, bool has_initial_states) {
  bool rounded = false;
  bool both = true;
  for (const Quantizer* const site : {operands.input, operands.state}) {
    both = both && site != nullptr && site->spec.active();
    if (site == nullptr || !site->spec.active()) continue;
    require<UsageError>(!site->spec.is_dynamic() && !site->has_counts() && !site->is_learned(), "selective_scan",
                        "{} is rounded inside of a scan, which knows range=ema and fixed only", site->site);
    require<UsageError>(site->spec.symmetry == QuantSpec::Symmetry::symmetric && site->spec.bits >= 2, "selective_scan",
                        "{} is rounded inside of a scan, which needs sign=symmetric and at least 2 bits", site->site);
    require<UsageError>(site->spec.rounding != QuantSpec::Rounding::stochastic, "selective_scan",
                        "{} has rounding=stochastic, which a selective scan does not know; use nearest, feedback or "
                        "decayed",
                        site->site);
    if (site->needs_range() && site->range.empty()) {
      require(tape.pass().calibrating, "selective_scan", "{} has no range yet; calibrate it first", site->site);
      return How::in_float;
    }
    require<UsageError>(!has_initial_states, "selective_scan",
                        "{} has bits, but the scan begins with states that are real numbers", site->site);
    rounded = true;
  }
  if (!rounded) return How::in_float;
  return both && has_codes(tape, operands, shape) ? How::on_codes : How::rounded;
}

program::SelectiveScan plan_of(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape, Value& dt) {
  const Quantizer& input = *operands.input;
  const Quantizer& state = *operands.state;
  const Node& u = tape[operands.u];
  const StepsOf of = *steps_of(tape, operands.delta);
  dt = of.chain.first;
  Steps steps = tabulated(tape, of, u.bound, state.site);
  program::SelectiveScan plan;
  plan.backward = shape.direction == kernels::Direction::backward;
  plan.residue = state.spec.residue();
  plan.groups = static_cast<std::uint32_t>(shape.groups);
  plan.states = static_cast<std::uint32_t>(shape.states);
  plan.first = steps.first;
  plan.fraction = steps.fraction;
  plan.input_bound = input.spec.bound();
  plan.bound = state.spec.bound();
  plan.limit = std::int64_t{4} * plan.bound << fraction_bits;
  plan.delta = std::move(steps.codes);
  const auto rates = static_cast<std::uint32_t>(shape.rates());
  plan.rate = {static_cast<std::uint32_t>(shape.heads), rates, 32,
               rates_of(tape.value(operands.A_log), shape.heads * shape.rates())};
  const double largest =
      static_cast<double>(tape[operands.C].bound) * static_cast<double>(plan.bound) * static_cast<double>(plan.states);
  require<UsageError>(largest < 0x1.0p31, "selective_scan",
                      "the sums of {} can reach {:.0f} with {} states, more than 32 bits; give it fewer bits",
                      state.site, largest, plan.states);
  for (std::size_t e = 0; e < shape.channels; ++e) {
    const double b_scale = tape[operands.B].column_scale(e * shape.groups / shape.channels * shape.states);
    const double v_scale = double{scale_of(input, shape.channels, e)};
    const double h_scale = double{scale_of(state, shape.channels, e)};
    plan.to_input.push_back(to_fixed_point(std::ldexp(u.column_scale(e), -plan.fraction) / v_scale, input.site));
    plan.to_inner.push_back(to_fixed_point(v_scale * b_scale / std::ldexp(h_scale, -fraction_bits), state.site));
  }
  return plan;
}

CodeScan::CodeScan(Tape& tape, const Operands& operands_, const kernels::SelectiveShape& shape_)
    : operands(operands_),
      shape(shape_),
      plan(program::selective_of(tape.arena(), plan_of(tape, operands_, shape_, dt), shape_.channels)) {}

std::size_t CodeScan::kept(std::size_t rows, std::size_t chunk) const {
  return (rows + chunk - 1) / chunk * 2 * shape.channels * shape.states;
}

void CodeScan::run(Tape& tape, std::span<const std::size_t> rows, std::size_t chunk, std::int32_t* starts,
                   const program::MutableCodes& y) const {
  const std::size_t states = shape.channels * shape.states;
  const auto all = {operands.u, dt, operands.B, operands.C};
  for (const Value v : all) static_cast<void>(tape.codes(v));
  std::vector<std::int32_t> kept(2 * states);
  std::vector<std::int64_t> largest_input(shape.channels, 0), largest_state(shape.channels, 0);
  std::size_t first = 0;
  for (const std::size_t length : rows) {
    std::fill(kept.begin(), kept.end(), 0);
    for (std::size_t step = 0; step < length; step += chunk) {
      if (starts != nullptr) starts = std::copy(kept.begin(), kept.end(), starts);
      const std::size_t count = std::min(chunk, length - step);
      const std::size_t row = first + (plan.backward ? length - step - count : step);
      const auto part = [&](Value v) { return program::rows_from(tape.codes(v), row); };
      Tape::kernels().selective_scan(plan, count, {part(operands.u), part(dt), part(operands.B), part(operands.C)},
                                     {kept.data(), plan.residue != Residue::none ? kept.data() + states : nullptr,
                                      largest_input.data(), largest_state.data()},
                                     program::rows_from(y, row));
    }
    first += length;
  }
  if (!tape.pass().training) return;
  std::vector<float> input(shape.channels), state(shape.channels);
  for (std::size_t e = 0; e < shape.channels; ++e) {
    input[e] = static_cast<float>(largest_input[e]) * scale_of(*operands.input, shape.channels, e);
    state[e] =
        std::ldexp(static_cast<float>(largest_state[e]), -fraction_bits) * scale_of(*operands.state, shape.channels, e);
  }
  observe(tape, operands, input, state);
}

void observe(Tape& tape, const Operands& operands, std::span<const float> input, std::span<const float> state) {
  const auto note = [&](const Quantizer* site, std::span<const float> seen) {
    if (site == nullptr || !site->needs_range()) return;
    const std::size_t ranges = ranges_of(*site, seen.size());
    const std::span to = tape.observed(*site);
    for (std::size_t c = 0; c < seen.size(); ++c) to[ranges == 1 ? 0 : c] = std::max(to[ranges == 1 ? 0 : c], seen[c]);
  };
  note(operands.input, input);
  note(operands.state, state);
}

CodeShadows::CodeShadows(Tape& tape, const CodeScan& scan, RowRange rows, const std::int32_t* starts, std::size_t chunk)
    : scan_(scan),
      order_{rows.count, 0, scan.shape.direction},
      starts_(starts),
      chunk_(chunk),
      delta_(chunk * lanes),
      decay_(chunk * lanes),
      v_(chunk * lanes) {
  const auto take = [&](Value v, std::vector<std::int32_t>& to) {
    const program::Codes from = program::rows_from(tape.codes(v), rows.first);
    const std::size_t cols = tape[v].cols;
    to.resize(rows.count * cols);
    program::with_type(from, [&](const auto* codes) {
      for (std::size_t r = 0; r < rows.count; ++r) program::copy_codes(codes + r * from.stride, cols, &to[r * cols]);
    });
  };
  take(scan.operands.u, u_);
  take(scan.dt, dt_);
  take(scan.operands.B, b_);
}

void CodeShadows::begin(const kernels::SelectivePart& part, float* input, float* passes) {
  const kernels::SelectiveShape& shape = scan_.shape;
  const program::Selective& plan = scan_.plan;
  const std::int64_t bound = plan.input_bound;
  const std::size_t first = part.first_channel;
  part_ = part;
  multiplier_ = {};
  shift_.fill(32);
  state_scale_ = {};
  Row multiplier{}, shift{}, head{};
  std::array<float, lanes> input_scale{};
  for (std::size_t l = 0; l < part.channels; ++l) {
    multiplier[l] = plan.to_input.multiplier[first + l];
    shift[l] = plan.to_input.shift[first + l];
    head[l] = static_cast<std::int32_t>((first + l) * shape.heads / shape.channels);
    input_scale[l] = scale_of(*scan_.operands.input, shape.channels, first + l);
    multiplier_[l] = plan.to_inner.multiplier[first + l];
    shift_[l] = plan.to_inner.shift[first + l];
    state_scale_[l] = scale_of(*scan_.operands.state, shape.channels, first + l);
  }
  for (std::size_t i = 0; i < part.steps; ++i) {
    const std::size_t row = order_.row_of(part.first_step + i);
    const std::int32_t* const u = &u_[row * shape.channels + first];
    const std::int32_t* const dt = &dt_[row * shape.heads];
    for (std::size_t l = 0; l < part.channels; ++l) {
      const std::int32_t delta = plan.delta[dt[head[l]] - plan.first];
      const std::int64_t unclamped = rescale(std::int64_t{delta} * u[l], {multiplier[l], shift[l]});
      const std::int64_t v = std::clamp(unclamped, -bound, bound);
      const std::size_t at = i * lanes + l;
      delta_[at] = delta;
      v_[at] = static_cast<std::int32_t>(v);
      input[at] = static_cast<float>(v) * input_scale[l];
      passes[at] = v == unclamped ? 1.0F : 0.0F;
    }
  }
}

void CodeShadows::fill(std::size_t n, const kernels::SelectiveArrays& out) {
  const kernels::SelectiveShape& shape = scan_.shape;
  const std::size_t states = shape.states;
  const std::size_t first = part_.first_channel;
  const std::int32_t* const starts = starts_ + part_.first_step / chunk_ * 2 * shape.channels * states;
  Row rate{}, h{}, residue{};
  for (std::size_t l = 0; l < part_.channels; ++l) {
    const std::size_t head = (first + l) * shape.heads / shape.channels;
    if (n < shape.rates()) rate[l] = scan_.plan.rate[head * shape.rates() + n];
    h[l] = starts[(first + l) * states + n];
    residue[l] = starts[(shape.channels + first + l) * states + n];
    out.states[l] = static_cast<float>(h[l]) * state_scale_[l];
  }
  const auto b_cols = static_cast<std::ptrdiff_t>(shape.groups * states);
  const std::size_t row = order_.row_of(part_.first_step);
  program::SelectiveReplay replay;
  replay.rows = part_.steps;
  replay.rate = n < shape.rates() ? rate.data() : nullptr;
  replay.delta = delta_.data();
  replay.v = v_.data();
  replay.b = &b_[(row * shape.groups + first * shape.groups / shape.channels) * states + n];
  replay.b_step = scan_.plan.backward ? -b_cols : b_cols;
  replay.to_inner = {multiplier_.data(), shift_.data(), program::Reach::wide};
  replay.scale = state_scale_.data();
  replay.h = h.data();
  replay.residue = residue.data();
  replay.decay = decay_.data();
  replay.decays = out.decays;
  replay.states = out.states + lanes;
  replay.passes = out.passes;
  Tape::kernels().selective_replay(scan_.plan, replay);
}

void see(kernels::SelectiveShadows& shadows, const kernels::SelectiveShape& shape, std::size_t length,
         std::size_t chunk, InnerSite& input, InnerSite& state) {
  std::vector<float> values((1 + chunk) * lanes), passes(chunk * lanes), decays(chunk * lanes);
  const auto add = [&](const float* x, const kernels::SelectivePart& part, InnerSite& to) {
    for (std::size_t i = 0; i < part.steps; ++i) {
      for (std::size_t l = 0; l < part.channels; ++l) {
        const float v = x[i * lanes + l];
        to.low = to.values == 0 ? v : std::min(to.low, v);
        to.high = to.values == 0 ? v : std::max(to.high, v);
        ++to.values;
        to.clamped += passes[i * lanes + l] == 0.0F ? 1 : 0;
      }
    }
  };
  const std::size_t of_group = shape.channels / shape.groups;
  for (std::size_t first = 0; first < shape.channels;) {
    const std::size_t count = std::min(lanes, of_group - first % of_group);
    for (std::size_t step = 0; step < length; step += chunk) {
      const kernels::SelectivePart part{first, count, step, std::min(chunk, length - step)};
      shadows.begin(part, values.data(), passes.data());
      add(values.data(), part, input);
      for (std::size_t n = 0; n < shape.states; ++n) {
        shadows.fill(n, {values.data(), decays.data(), passes.data()});
        add(values.data() + lanes, part, state);
      }
    }
    first += count;
  }
}

}  // namespace bitstate::selective

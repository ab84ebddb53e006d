#include "models/mamba/mixer.h"

#include "core/error.h"
#include "core/random.h"
#include "models/layers/init.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace bitstate {
namespace {

Random random_of(std::uint64_t seed, std::string_view path, std::string_view name) {
  return Random{seed, random_stream(std::string(path) + "." + std::string(name))};
}

/// The bias whose softplus is uniform in its logarithm between dt_min and dt_max, at least 1e-4.
Tensor initial_dt_bias(std::size_t count, const MambaOptions& options, const Random& random) {
  Tensor bias(1, count);
  const double low = std::log(options.dt_min);
  const double high = std::log(options.dt_max);
  for (std::size_t k = 0; k < count; ++k) {
    const double step = std::max(std::exp(low + (high - low) * random.uniform(k)), 1e-4);
    bias.data[k] = static_cast<float>(step + std::log(-std::expm1(-step)));
  }
  return bias;
}

/// W_out as every other projection, divided by the root of the number of layers (GPT-2's rule).
Projection output_projection(const MambaOptions& options, std::uint64_t seed, std::string_view path) {
  Projection out(options.inner(), options.d_model, seed, std::string(path) + ".out_proj");
  const auto root = static_cast<float>(std::sqrt(static_cast<double>(options.n_layers)));
  for (float& w : out.weight.value.data) w /= root;
  return out;
}

}  // namespace

void check(const MambaOptions& o) {
  require<UsageError>(o.d_model > 0 && o.d_state > 0 && o.d_conv > 0 && o.expand > 0, "mamba",
                      "expected sizes of at least 1, got d_model {}, d_state {}, d_conv {} and expand {}", o.d_model,
                      o.d_state, o.d_conv, o.expand);
  require<UsageError>(o.dt_min > 0.0 && o.dt_min <= o.dt_max, "dt_min", "expected a number up to dt_max = {}, got {}",
                      o.dt_max, o.dt_min);
  if (!o.mamba2) return;
  require<UsageError>(o.headdim > 0 && o.inner() % o.headdim == 0, "headdim",
                      "expected a divisor of expand * d_model = {}, got {}", o.inner(), o.headdim);
  require<UsageError>(o.ngroups > 0 && o.heads() % o.ngroups == 0, "ngroups",
                      "expected a divisor of the {} heads (expand * d_model / headdim), got {}", o.heads(), o.ngroups);
  require<UsageError>(o.dt_limit_min >= 0.0 && o.dt_limit_min <= o.dt_limit_max, "dt_limit_min",
                      "expected a number from 0 to dt_limit_max = {}, got {}", o.dt_limit_max, o.dt_limit_min);
}

Conv1d::Conv1d(std::size_t channels, std::size_t taps, std::uint64_t seed, std::string_view path) {
  const double limit = 1.0 / std::sqrt(static_cast<double>(taps));
  weight.value = uniform(channels, taps, limit, random_of(seed, path, "weight"));
  bias.value = uniform(1, channels, limit, random_of(seed, path, "bias"));
  weight_quantizer.channels = channels;
  weight_quantizer.numbers = weight.value.size();
  bias_quantizer.numbers = channels;
}

MixerSites::MixerSites(const MambaOptions& options) {
  const std::size_t inner = options.inner();
  const std::size_t shared = (options.mamba2 ? options.ngroups : 1) * options.d_state;
  const auto size = [](std::initializer_list<Quantizer*> sites, std::size_t cols) {
    for (Quantizer* const site : sites) site->channels = site->numbers = cols;
  };
  size({&x, &conv, &u, &du, &y, &z, &gate, &gated, &normed, &o}, inner);
  size({&B_in, &C_in, &B_conv, &C_conv, &B, &C}, shared);
  size({&h}, options.d_model);
  size({&d}, options.rank());
  size({&dt}, options.mamba2 ? options.heads() : inner);
  size({&state}, inner);
  state.numbers = inner * options.d_state;
  const auto group = [](const auto& sites, std::size_t count) {
    for (Quantizer* const site : sites) {
      site->groups.resize(site->channels);
      for (std::size_t c = 0; c < site->channels; ++c) {
        site->groups[c] = static_cast<std::uint32_t>(c * count / site->channels);
      }
    }
  };
  const std::array of_states{&B_in, &C_in, &B_conv, &C_conv, &B, &C};
  group(of_channels(), options.mamba2 ? options.heads() : 1);
  group(of_states, options.mamba2 ? options.ngroups : 1);
  if (options.mamba2 && options.ngroups > 1) return;
  for (Quantizer* const site : of_states) site->groups.assign(1, 0);
  if (!options.mamba2) u.groups.assign(1, 0);  // x_proj sums over its channels
}

Value Conv1d::forward(Tape& tape, Value x, std::size_t first, const Sequences& sequences, ops::Direction direction,
                      Value before) const {
  const std::size_t count = tape[x].cols;
  const Value w = ops::quantize(tape, tape.parameter(weight), weight_quantizer);
  const Value b = ops::quantize(tape, tape.parameter(bias), bias_quantizer);
  if (count == weight.value.rows) return ops::causal_conv(tape, x, w, b, sequences, direction, before);
  return ops::causal_conv(tape, x, ops::part(tape, w, first, count), ops::part(tape, b, first, count), sequences,
                          direction, before);
}

MambaMixer::MambaMixer(const MambaOptions& options, std::uint64_t seed, std::string_view path) {
  check(options);
  const std::string prefix(path);
  const std::size_t inner = options.inner();
  const std::size_t rank = options.rank();
  in_proj = Projection(options.d_model, 2 * inner, seed, prefix + ".in_proj");
  conv1d = Conv1d(inner, options.d_conv, seed, prefix + ".conv1d");
  x_proj = Projection(inner, rank + 2 * options.d_state, seed, prefix + ".x_proj");
  dt_proj = Projection(rank, inner, seed, prefix + ".dt_proj");
  dt_bias.value = initial_dt_bias(inner, options, random_of(seed, path, "dt_bias"));
  A_log.value = Tensor(inner, options.d_state);
  for (std::size_t k = 0; k < A_log.value.size(); ++k) {
    A_log.value.data[k] = std::log(static_cast<float>(k % options.d_state + 1));
  }
  D.value = Tensor(1, inner, 1.0F);
  out_proj = output_projection(options, seed, path);
  sites = MixerSites(options);
  rotated = options.rotated;
  dt_bias_quantizer.numbers = D_quantizer.numbers = inner;
  A_log_quantizer.channels = inner;
  A_log_quantizer.numbers = A_log.value.size();
}

Value MambaMixer::forward(Tape& tape, Value h, const Sequences& sequences, ops::Direction direction,
                          const MixerState& before, MixerState* after) const {
  const std::size_t inner = D.value.size();
  const std::size_t states = A_log.value.cols;
  const std::size_t rank = dt_proj.weight.value.cols;
  const auto round = [&](Value v, const Quantizer& site) { return ops::quantize(tape, v, site, &sequences); };
  const Value input = round(h, sites.h);
  const Value w_in = in_proj.rounded(tape);
  const Value x = round(ops::linear(tape, input, ops::part(tape, w_in, 0, inner)), sites.x);
  const Value z = round(ops::linear(tape, input, ops::part(tape, w_in, inner, inner)), sites.z);
  const Value conv = round(conv1d.forward(tape, x, 0, sequences, direction, before.conv), sites.conv);
  const Value u = round(ops::silu(tape, conv), sites.u);
  const Value w_x = x_proj.rounded(tape);
  const Value d = round(ops::linear(tape, u, ops::part(tape, w_x, 0, rank)), sites.d);
  const Value dt_b = ops::quantize(tape, tape.parameter(dt_bias), dt_bias_quantizer);
  const Value dt = round(ops::linear(tape, d, dt_proj.rounded(tape), dt_b), sites.dt);
  const Value scanned =
      ops::selective_scan(tape,
                          {.u = u,
                           .delta = ops::softplus(tape, dt),
                           .A_log = ops::quantize(tape, tape.parameter(A_log), A_log_quantizer),
                           .B = round(ops::linear(tape, u, ops::part(tape, w_x, rank, states)), sites.B),
                           .C = round(ops::linear(tape, u, ops::part(tape, w_x, rank + states, states)), sites.C),
                           .h0 = before.ssm,
                           .input = &sites.du,
                           .state = &sites.state},
                          1, sequences, direction);
  if (after != nullptr) {
    if (conv1d.taps() > 1) {
      after->conv = ops::conv_state(tape, x, conv1d.taps(), sequences, direction, before.conv);
    }
    after->ssm = ops::final_states(tape, scanned);
  }
  const Value skip = ops::product(tape, u, ops::quantize(tape, tape.parameter(D), D_quantizer));
  const Value y = round(ops::sum(tape, scanned, skip), sites.y);
  Value o = ops::product(tape, y, round(ops::silu_gate(tape, z), sites.gate));
  if (rotated) o = ops::hadamard(tape, round(o, sites.gated));
  return out_proj.forward(tape, round(o, sites.o));
}

Mamba2Mixer::Mamba2Mixer(const MambaOptions& options, std::uint64_t seed, std::string_view path)
    : groups(options.ngroups),
      states(options.d_state),
      norm_before_gate(options.norm_before_gate),
      dt_limit_min(static_cast<float>(options.dt_limit_min)),
      dt_limit_max(static_cast<float>(options.dt_limit_max)) {
  check(options);
  const std::string prefix(path);
  const std::size_t inner = options.inner();
  const std::size_t heads = options.heads();
  const std::size_t shared = 2 * groups * states;  // columns of B and C
  in_proj = Projection(options.d_model, 2 * inner + shared + heads, seed, prefix + ".in_proj");
  conv1d = Conv1d(inner + shared, options.d_conv, seed, prefix + ".conv1d");
  dt_bias.value = initial_dt_bias(heads, options, random_of(seed, path, "dt_bias"));
  A_log.value = Tensor(1, heads);
  const Random rates = random_of(seed, path, "A_log");
  for (std::size_t k = 0; k < heads; ++k) A_log.value.data[k] = static_cast<float>(std::log(1 + 15 * rates.uniform(k)));
  D.value = Tensor(1, heads, 1.0F);
  norm = RmsNorm(inner, groups);
  out_proj = output_projection(options, seed, path);
  sites = MixerSites(options);
  rotated = options.rotated;
  dt_bias_quantizer.numbers = D_quantizer.numbers = A_log_quantizer.numbers = heads;
}

Value Mamba2Mixer::forward(Tape& tape, Value h, const Sequences& sequences, ops::Direction direction,
                           const MixerState& before, MixerState* after) const {
  const std::size_t inner = norm.weight.value.size();
  const std::size_t heads = D.value.size();
  const std::size_t shared = groups * states;
  const auto round = [&](Value v, const Quantizer& site) { return ops::quantize(tape, v, site, &sequences); };
  const Value input = round(h, sites.h);
  const Value w_in = in_proj.rounded(tape);
  const auto projected = [&](std::size_t first, std::size_t count) {
    return ops::linear(tape, input, ops::part(tape, w_in, first, count));
  };
  const Value z = round(projected(0, inner), sites.z);
  const auto convolved = [&](std::size_t first, std::size_t count, const Quantizer& in, const Quantizer& conv,
                             const Quantizer& out) {
    const Value x = round(projected(inner + first, count), in);
    const bool stateful = before.conv.exists();
    const Value x_before = stateful ? ops::columns(tape, before.conv, first, count) : Value{};
    if (after != nullptr && conv1d.taps() > 1) {
      const Value kept = ops::conv_state(tape, x, conv1d.taps(), sequences, direction, x_before);
      after->conv = first == 0 ? kept : ops::concatenate(tape, after->conv, kept);
    }
    return round(ops::silu(tape, round(conv1d.forward(tape, x, first, sequences, direction, x_before), conv)), out);
  };
  const Value u = convolved(0, inner, sites.x, sites.conv, sites.u);
  const Value B = convolved(inner, shared, sites.B_in, sites.B_conv, sites.B);
  const Value C = convolved(inner + shared, shared, sites.C_in, sites.C_conv, sites.C);
  const Value dt_b = ops::quantize(tape, tape.parameter(dt_bias), dt_bias_quantizer);
  const Value dt = round(ops::sum(tape, projected(2 * inner + 2 * shared, heads), dt_b), sites.dt);
  Value delta = ops::softplus(tape, dt);
  if (dt_limit_min > 0.0F || dt_limit_max < std::numeric_limits<float>::infinity()) {
    delta = ops::clip(tape, delta, dt_limit_min, dt_limit_max);
  }
  const Value scanned = ops::selective_scan(tape,
                                            {.u = u,
                                             .delta = delta,
                                             .A_log = ops::quantize(tape, tape.parameter(A_log), A_log_quantizer),
                                             .B = B,
                                             .C = C,
                                             .h0 = before.ssm,
                                             .input = &sites.du,
                                             .state = &sites.state},
                                            groups, sequences, direction);
  if (after != nullptr) after->ssm = ops::final_states(tape, scanned);
  const Value d = ops::repeat(tape, ops::quantize(tape, tape.parameter(D), D_quantizer), inner / heads);
  return finish(tape, round(ops::sum(tape, scanned, ops::product(tape, u, d)), sites.y), z, sequences);
}

Value Mamba2Mixer::finish(Tape& tape, Value y, Value z, const Sequences& sequences) const {
  const auto round = [&](Value v, const Quantizer& site) { return ops::quantize(tape, v, site, &sequences); };
  const Value gate = round(ops::silu_gate(tape, z), sites.gate);
  Value o = norm_before_gate ? ops::product(tape, round(norm.forward(tape, y), sites.gated), gate)
                             : norm.forward(tape, round(ops::product(tape, y, gate), sites.gated));
  if (rotated) o = ops::hadamard(tape, round(o, sites.normed));
  return out_proj.forward(tape, round(o, sites.o));
}

}  // namespace bitstate

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

Value Conv1d::forward(Tape& tape, Value x, const Sequences& sequences, ops::Direction direction, const Value& before,
                      Value* after) const {
  const std::size_t taps = weight.value.cols;
  if (after != nullptr && taps > 1) *after = ops::conv_state(tape, x, taps, sequences, direction, before);
  return ops::causal_conv(tape, x, ops::quantize(tape, tape.parameter(weight), weight_quantizer),
                          ops::quantize(tape, tape.parameter(bias), bias_quantizer), sequences, direction, before);
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
}

Value MambaMixer::forward(Tape& tape, Value h, const Sequences& sequences, ops::Direction direction,
                          const MixerState& before, MixerState* after) const {
  const std::size_t inner = D.value.size();
  const std::size_t states = A_log.value.cols;
  const std::size_t rank = dt_proj.weight.value.cols;
  const Value xz = in_proj.forward(tape, h);
  const Value x = ops::columns(tape, xz, 0, inner);
  const Value z = ops::columns(tape, xz, inner, inner);
  const Value u = ops::silu(
      tape, conv1d.forward(tape, x, sequences, direction, before.conv, after == nullptr ? nullptr : &after->conv));
  const Value dbc = x_proj.forward(tape, u);
  const Value dt = dt_proj.forward(tape, ops::columns(tape, dbc, 0, rank));
  const Value y = ops::selective_scan(tape,
                                      {.u = u,
                                       .delta = ops::softplus(tape, ops::sum(tape, dt, tape.parameter(dt_bias))),
                                       .A_log = tape.parameter(A_log),
                                       .B = ops::columns(tape, dbc, rank, states),
                                       .C = ops::columns(tape, dbc, rank + states, states),
                                       .D = tape.parameter(D),
                                       .h0 = before.ssm},
                                      1, sequences, direction);
  if (after != nullptr) after->ssm = ops::final_states(tape, y);
  const Value o = ops::product(tape, y, ops::silu(tape, z));
  return out_proj.forward(tape, rotated ? ops::hadamard(tape, o) : o);
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
}

Value Mamba2Mixer::forward(Tape& tape, Value h, const Sequences& sequences, ops::Direction direction,
                           const MixerState& before, MixerState* after) const {
  const std::size_t inner = norm.weight.value.size();
  const std::size_t heads = D.value.size();
  const std::size_t shared = groups * states;
  const Value zxbcdt = in_proj.forward(tape, h);
  const Value z = ops::columns(tape, zxbcdt, 0, inner);
  const Value dt = ops::columns(tape, zxbcdt, 2 * inner + 2 * shared, heads);
  const Value xbc =
      ops::silu(tape, conv1d.forward(tape, ops::columns(tape, zxbcdt, inner, inner + 2 * shared), sequences, direction,
                                     before.conv, after == nullptr ? nullptr : &after->conv));
  Value delta = ops::softplus(tape, ops::sum(tape, dt, tape.parameter(dt_bias)));
  if (dt_limit_min > 0.0F || dt_limit_max < std::numeric_limits<float>::infinity()) {
    delta = ops::clip(tape, delta, dt_limit_min, dt_limit_max);
  }
  const Value y = ops::selective_scan(tape,
                                      {.u = ops::columns(tape, xbc, 0, inner),
                                       .delta = delta,
                                       .A_log = tape.parameter(A_log),
                                       .B = ops::columns(tape, xbc, inner, shared),
                                       .C = ops::columns(tape, xbc, inner + shared, shared),
                                       .D = tape.parameter(D),
                                       .h0 = before.ssm},
                                      groups, sequences, direction);
  if (after != nullptr) after->ssm = ops::final_states(tape, y);
  const Value gate = ops::silu(tape, z);
  const Value o = norm_before_gate ? ops::product(tape, norm.forward(tape, y), gate)
                                   : norm.forward(tape, ops::product(tape, y, gate));
  return out_proj.forward(tape, rotated ? ops::hadamard(tape, o) : o);
}

}  // namespace bitstate

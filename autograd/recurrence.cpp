#include "autograd/recurrence.h"

#include "autograd/kernels/mask.h"
#include "core/error.h"
#include "core/program/run/operands.h"
#include "core/random.h"
#include "core/shear.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::recurrence {
namespace {

using kernels::Direction;
using kernels::ScaleLayout;

/// How many ranges the site has: one, or one per state.
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
std::optional<kernels::IntegerScan> plan_of(Tape& tape, const Node& lambda, const Node& bu, const float* scale,
                                            const Quantizer& site) {
  if (!lambda.has_codes() || !bu.has_codes() || lambda.layout != ScaleLayout::per_tensor ||
      bu.layout == ScaleLayout::per_row) {
    return std::nullopt;
  }
  kernels::IntegerScan plan;
  const double bound = site.spec.bound();
  const double lambda_scale = double{lambda.scale[0]};
  // of what an input must reach to clamp any state
  const double reach = is_sheared(lambda) || site.spec.rounding == QuantSpec::Rounding::decayed ? 5.0 : 4.0;
  int exponent = 0;
  if (std::frexp(lambda_scale, &exponent) == 0.5 && exponent <= 1 && exponent >= -39) {
    plan.lambda_shift = 1 - exponent;
    plan.limit = static_cast<std::int64_t>(reach * bound) << plan.lambda_shift;
  } else {
    // an input that is cut must be one that clamps the state anyway
    if (!(0x1.0p30 * lambda_scale >= reach * bound)) return std::nullopt;
    const double residue = 1.0 / lambda_scale + 10.0;
    if (site.spec.rounding == QuantSpec::Rounding::decayed &&
        2.0 * static_cast<double>(lambda.bound) * residue > 0x3.0p30) {
      return std::nullopt;
    }
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

/// The key of a sequence's random numbers.
std::uint64_t noise_key(const Pass& pass, const Quantizer& site, Direction direction, std::size_t sequence) {
  const std::uint64_t stream = random_stream(site.site, pass.step * 2 + (direction == Direction::forward ? 0 : 1));
  const auto words = random_words(pass.seed, stream, sequence);
  return (std::uint64_t{words[0]} << 32U) | words[1];
}

/// Bytes of a step's bits.
std::size_t bytes_of_step(std::size_t width) { return 2 * ((width / 2 + 7) / 8); }

/// A byte for each component of a step, as bits: those of the real, then of the imaginary parts.
void pack_steps(std::size_t steps, std::size_t width, const std::uint8_t* marked, std::uint8_t* bits) {
  const std::size_t plane = bytes_of_step(width) / 2;
  for (std::size_t part = 0; part < 2 * steps; ++part) {
    kernels::pack_bits(width / 2, marked + part * (width / 2), bits + part * plane);
  }
}

/// Calls f(block, rows) for the blocks of all sequences; those of a sequence in the order of its steps.
template <class F>
void for_each_block(const Attributes& a, F f) {
  std::size_t block = 0;
  std::size_t first = 0;
  for (std::size_t s = 0; s < a.count; ++s) {
    const std::size_t length = a.rows[s];
    for (std::size_t step = 0; step < length; step += block_rows) {
      const std::size_t count = std::min(block_rows, length - step);
      const bool backward = a.direction == Direction::backward;
      f(block++, RowRange{first + (backward ? length - step - count : step), count}, step == 0);
    }
    first += length;
  }
}

std::size_t count_blocks(const Attributes& a) {
  std::size_t blocks = 0;
  for_each_block(a, [&](std::size_t, RowRange, bool) { ++blocks; });
  return blocks;
}

/// The integer recurrence, by the loops that run it in a program.
struct ProgramScan {
  program::Recurrence recurrence;
  Value bu;
  program::MutableCodes x;  // without memory where `replay` keeps what is needed
  std::uint8_t* unclamped;
  const Replay* replay;

  void run(Tape& tape, const Attributes& a, std::span<std::int64_t> largest) const {
    const std::size_t width = 2 * recurrence.states;
    std::vector<std::int32_t> state(width);
    std::vector<std::int64_t> residue(width);
    for_each_block(a, [&](std::size_t block, RowRange rows, bool begins) {
      const Arena::Scope scope(tape.scratch());
      if (begins) {
        std::fill(state.begin(), state.end(), 0);
        std::fill(residue.begin(), residue.end(), 0);
      }
      if (replay != nullptr) {
        std::copy(state.begin(), state.end(), replay->states + block * width);
        std::copy(residue.begin(), residue.end(), replay->residues + block * width);
      }
      const program::States states{state.data(), residue.data(),
                                   unclamped == nullptr ? nullptr : unclamped + rows.first * bytes_of_step(width),
                                   largest.empty() ? nullptr : largest.data()};
      Tape::kernels().scan(
          recurrence, rows.count, tape.code_rows(bu, rows), states,
          replay == nullptr ? program::rows_from(x, rows.first) : tape.scratch_codes(rows.count, width, x.width));
    });
  }
};

/// The codes of lambda that the state is multiplied by, and of the new real part.
struct CodeMap {
  std::vector<std::int32_t> lambda, shear;

  CodeMap(Tape& tape, Value v) : lambda(tape.codes32(v)) {
    if (!is_sheared(tape[v])) return;
    const std::size_t states = lambda.size() / 2;
    for (std::size_t p = 0; p < states; ++p) {
      shear.push_back(Shear::of(lambda[p], lambda[states + p]).turn());
    }
  }
  [[nodiscard]] kernels::PairMap<std::int32_t> map() const {
    return {lambda.data(), shear.empty() ? nullptr : shear.data()};
  }
};

program::Recurrence recurrence_of(Tape& tape, Value lambda, std::size_t width, const kernels::IntegerScan& plan,
                                  const QuantSpec& spec, Direction direction) {
  const CodeMap codes(tape, lambda);
  return {width / 2,
          direction == Direction::backward,
          spec.residue(),
          plan.lambda_shift,
          spec.bound(),
          plan.limit,
          plan.to_state.multiplier,
          plan.to_state.shift,
          plan.to_inner.multiplier,
          plan.to_inner.shift,
          program::padded_row(tape.arena(), codes.lambda),
          program::factors_of(tape.arena(), plan.from_input, width),
          codes.shear.empty() ? nullptr : program::padded_row(tape.arena(), codes.shear)};
}

/// Rounds stochastically, or from operands without codes: codes of 32 bits, and a byte for each.
void scan_by_bytes(Tape& tape, Node& x, const Sequences& sequences, Direction direction,
                   const std::optional<kernels::IntegerScan>& plan, kernels::StateRounding state) {
  const std::size_t width = x.cols;
  const bool stochastic = state.how == QuantSpec::Rounding::stochastic;
  std::vector<std::uint8_t> marked(x.size());
  std::int32_t* const codes = tape.new_codes32(x);
  std::optional<CodeMap> lambda;
  if (plan) lambda.emplace(tape, x.inputs[0]);
  const kernels::PairMap<float> real = plan ? kernels::PairMap<float>{} : real_map(tape, x.inputs[0]);
  const std::vector<std::int32_t> bu = plan ? tape.codes32(x.inputs[1]) : std::vector<std::int32_t>();
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    const kernels::ScanShape shape{sequences.rows[s], width / 2, direction};
    const kernels::StateCodes out{codes + i, marked.data() + i};
    if (stochastic) state.key = noise_key(tape.pass(), *x.site, direction, sequences.first + s);
    if (plan) {
      kernels::scan_stochastic(shape, lambda->map(), *plan, state, bu.data() + i, out);
    } else {
      require<DivergedError>(kernels::scan_rounded(shape, real, state, tape.value(x.inputs[1]) + i, out), x.op->name,
                             "the state of {} is not finite", x.site->site);
    }
    i += sequences.rows[s] * width;
  }
  if (!x.unclamped.empty()) pack_steps(x.rows, width, marked.data(), const_cast<std::uint8_t*>(x.unclamped.data()));
}

/// Makes x a node that replay() computes.
const Replay* keep_replay(Tape& tape, Node& x, const program::Recurrence& recurrence) {
  const std::size_t count = count_blocks(attributes_of(x)) * x.cols;
  const std::span kept(tape.arena().array<std::byte>(count * (sizeof(std::int64_t) + sizeof(std::int32_t))),
                       count * (sizeof(std::int64_t) + sizeof(std::int32_t)));
  auto* const residues = reinterpret_cast<std::int64_t*>(kept.data());
  auto* const states = reinterpret_cast<std::int32_t*>(residues + count);
  x.starts = kept;
  x.light = true;
  Attributes attributes = attributes_of(x);
  attributes.replay = tape.keep(Replay{recurrence, residues, states});
  x.attributes = tape.keep(attributes);
  return attributes.replay;
}

void scan_quantized(Tape& tape, Node& x, const Sequences& sequences, Direction direction, const Quantizer& site) {
  const std::size_t width = x.cols;
  const bool training = tape.pass().training;
  const std::size_t bytes = x.rows * bytes_of_step(width);
  std::uint8_t* const unclamped = tape.pass().gradients ? tape.arena().array<std::uint8_t>(bytes) : nullptr;
  if (unclamped != nullptr) x.unclamped = {unclamped, std::fill_n(unclamped, bytes, std::uint8_t{0})};
  x.site = &site;
  x.scale = state_scale(tape, site, width);
  x.layout = site.range_channels() == 1 ? ScaleLayout::per_tensor : ScaleLayout::per_column;
  x.bound = site.spec.bound();
  std::vector<float> seen(width, 0.0F);
  const auto plan = integer_plan(tape, x);
  x.rounded_float = !plan;
  kernels::StateRounding state{x.scale, site.spec.bound(), seen.data(), site.spec.rounding};
  if (state.how == QuantSpec::Rounding::stochastic && !training) state.how = QuantSpec::Rounding::nearest;
  if (!plan || state.how == QuantSpec::Rounding::stochastic) {
    scan_by_bytes(tape, x, sequences, direction, plan, state);
  } else {
    const program::Recurrence recurrence = recurrence_of(tape, x.inputs[0], width, *plan, site.spec, direction);
    const program::Width bytes_of_code = program::width_of(-x.bound, x.bound);
    const bool again = tape.pass().replay_states && tape.pass().gradients;
    const Replay* const replay = again ? keep_replay(tape, x, recurrence) : nullptr;
    const program::MutableCodes codes =
        again ? program::MutableCodes{nullptr, bytes_of_code, 0} : tape.new_codes(x, bytes_of_code);
    x.codes.width = bytes_of_code;
    std::vector<std::int64_t> largest(training || unclamped != nullptr ? width : 0, 0);
    ProgramScan{recurrence, x.inputs[1], codes, unclamped, replay}.run(tape, attributes_of(x), largest);
    for (std::size_t c = 0; c < largest.size(); ++c) seen[c] = static_cast<float>(largest[c]) * plan->inner_scale[c];
  }
  if (training) observe_states(tape, site, seen.data(), width);
}

void in_float(Tape& tape, Node& x, const Sequences& sequences, Direction direction, const Quantizer* calibrated) {
  const kernels::PairMap<float> lambda = real_map(tape, x.inputs[0]);
  const float* const bu = tape.value(x.inputs[1]);
  x.real = tape.new_real(x);
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    require<DivergedError>(kernels::scan({sequences.rows[s], x.cols / 2, direction}, lambda, bu + i, x.real + i),
                           x.op->name, "the state of {} is not finite",
                           calibrated != nullptr ? calibrated->site : std::string("an SSM"));
    i += sequences.rows[s] * x.cols;
  }
  if (calibrated == nullptr || !calibrated->needs_range()) return;
  std::vector<float> seen(x.cols);
  kernels::absolute_maximum(x.rows, x.cols, ScaleLayout::per_column, x.real, seen);
  observe_states(tape, *calibrated, seen.data(), x.cols);
}

}  // namespace

bool is_sheared(const Node& lambda) {
  return lambda.site != nullptr && lambda.has_codes() && lambda.site->spec.is_shear();
}

kernels::PairMap<float> real_map(Tape& tape, Value lambda) {
  if (!is_sheared(tape[lambda])) return {tape.value(lambda)};
  const CodeMap codes(tape, lambda);
  const std::size_t width = codes.lambda.size();
  float* const all = tape.arena().array<float>(width + width / 2);
  const auto real = [&](std::int32_t code) { return static_cast<float>(code) * tape[lambda].scale[0]; };
  std::transform(codes.lambda.begin(), codes.lambda.end(), all, real);
  std::transform(codes.shear.begin(), codes.shear.end(), all + width, real);
  return {all, all + width};
}

void replay(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
            const program::MutableCodes& y) {
  const Attributes& a = attributes_of(node);
  const program::Recurrence& recurrence = a.replay->recurrence;
  tape.fill_rows(node, rows, then, y, [&](const program::MutableCodes& out) {
    for_each_block(a, [&](std::size_t block, RowRange of_block, bool) {
      const std::size_t first = std::max(rows.first, of_block.first);
      const std::size_t end = std::min(rows.first + rows.count, of_block.first + of_block.count);
      if (first >= end) return;
      const Arena::Scope scope(tape.scratch());
      std::vector<std::int32_t> state(a.replay->states + block * node.cols, a.replay->states + (block + 1) * node.cols);
      std::vector<std::int64_t> residue(a.replay->residues + block * node.cols,
                                        a.replay->residues + (block + 1) * node.cols);
      // from the beginning of the block, which is its last row in a backward recurrence
      const std::size_t low = recurrence.backward ? first : of_block.first;
      const std::size_t high = recurrence.backward ? of_block.first + of_block.count : end;
      const program::MutableCodes all = tape.scratch_codes(high - low, node.cols, out.width);
      Tape::kernels().scan(recurrence, high - low, tape.code_rows(node.inputs[1], {low, high - low}),
                           {state.data(), residue.data()}, all);
      const std::size_t row_bytes = program::bytes_of(out.width);
      for (std::size_t t = first; t < end; ++t) {
        std::copy_n(static_cast<const std::byte*>(all.data) + (t - low) * all.stride * row_bytes, node.cols * row_bytes,
                    static_cast<std::byte*>(out.data) + (t - rows.first) * out.stride * row_bytes);
      }
    });
  });
}

std::optional<kernels::IntegerScan> integer_plan(Tape& tape, const Node& node) {
  return plan_of(tape, tape[node.inputs[0]], tape[node.inputs[1]], node.scale, *node.site);
}

float* gradient_of_lambda(Tape& tape, const Node& node) {
  if (float* const gradient = tape.gradient(node.inputs[0])) return gradient;
  float* const unused = tape.scratch().array<float>(node.cols);
  std::fill(unused, unused + node.cols, 0.0F);
  return unused;
}

Value run(Tape& tape, const Op& op, Value lambda, Value bu, const Sequences& sequences, Direction direction,
          const Quantizer* state) {
  const std::size_t width = tape[bu].cols;
  const std::size_t steps = tape[bu].rows;
  require(tape[lambda].size() == width && width % 2 == 0, op.name, "lambda_bar has {} elements, Bu has {} columns",
          tape[lambda].size(), width);
  sequences.check(op.name, steps);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);

  Node& x = tape.push_bare(op, {lambda, bu}, steps, width);
  require<UsageError>(state == nullptr || !state->spec.active() || !state->spec.is_dynamic(), op.name,
                      "{} has range=absmax, which only scan=tree can take; use ema or fixed", state ? state->site : "");
  require<UsageError>(state == nullptr || !state->spec.active() || state->spec.residue() != Residue::decayed ||
                          !is_sheared(tape[lambda]),
                      op.name, "{} has rounding=decayed, which form=shear does not know; use feedback",
                      state ? state->site : "");
  const bool rounded = state != nullptr && state->spec.active() && !(state->needs_range() && state->range.empty());
  x.attributes = tape.keep(Attributes{rows, sequences.count(), direction});
  if (rounded) {
    scan_quantized(tape, x, sequences, direction, *state);
  } else {
    require(state == nullptr || !state->spec.active() || tape.pass().calibrating, op.name,
            "{} has no range yet; calibrate it first", state != nullptr ? state->site : "");
    in_float(tape, x, sequences, direction, state);
  }
  if (state != nullptr) tape.visit(*state, tape.last(), tape.last());
  return tape.last();
}

}  // namespace bitstate::recurrence

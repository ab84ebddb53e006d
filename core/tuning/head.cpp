#include "core/tuning/head.h"

#include "core/error.h"
#include "core/exp2.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

namespace bitstate::program {
namespace {

constexpr std::int64_t one = 1 << 16;  // of weights, probabilities, exponents and losses
constexpr std::int64_t int32_max = (std::int64_t{1} << 31) - 1;

const Linear& linear_of(const Program& program, const TrainableHead& head) {
  return std::get<Linear>(program.instructions[head.number - 1]);
}

/// Where the linear map stands, behind which only a rounding of the logits may follow.
std::size_t number_of_head(const Program& program) {
  const std::vector<Instruction>& all = program.instructions;
  std::size_t number = all.size();
  if (number >= 2 && std::holds_alternative<Rescale>(all.back()) && operands_of(all.back())[0] == number - 1) --number;
  require<UsageError>(number >= 2 && std::holds_alternative<Linear>(all[number - 1]), "trainable",
                      "the program does not end in a linear head, but in {}", name_of(all.back()));
  return number;
}

/// Of `given`, brought to the units of a number as `rate`. Nothing moves what is rounded to 0 whatever it is.
FixedPoint rate_of(double given, double rate, double sum) {
  if (sum == 0.0) return {};
  require<UsageError>(
      rate / sum >= 0x1.0p-31, "tune_rate",
      "expected a larger rate, got {}: it rounds to 0 in the units of the head, which would never learn", given);
  return to_fixed_point(rate / sum, "tune_rate");
}

std::int64_t distance(std::int32_t largest, std::int32_t logit) {
  return std::min(std::int64_t{largest} - logit, int32_max);
}

/// log2(sum 2^-30) 2^16 for a sum from 2^30 on.
std::int64_t log2_of(std::int64_t sum) {
  std::int64_t whole = 0;
  while (sum >> (whole + 31) > 0) ++whole;
  std::int64_t mantissa = sum >> whole, log = whole;
  for (int digit = 0; digit < 16; ++digit) {
    mantissa = mantissa * mantissa >> 30;
    const std::int64_t bit = mantissa >> 31;
    mantissa >>= bit;
    log = 2 * log + bit;
  }
  return log;
}

std::int32_t loss_of(std::int64_t exponent, std::int64_t sum) {
  const std::int64_t v = std::min(exponent, std::int64_t{1} << 30) + log2_of(sum);
  return static_cast<std::int32_t>((v * 45426 + (1 << 15)) >> 16);
}

void move(std::int32_t& number, std::int64_t by, std::int32_t most) {
  number = static_cast<std::int32_t>(std::clamp<std::int64_t>(number - by, -most, most));
}

const FixedPoint& at(const std::vector<FixedPoint>& factors, std::size_t row) {
  return factors[factors.size() == 1 ? 0 : row];
}

}  // namespace

std::vector<double> scales_of_sums(const Program& program) {
  std::vector<double> scales(program.output.scale.begin(), program.output.scale.end());
  const auto* const rounding = std::get_if<Rescale>(&program.instructions.back());
  if (rounding == nullptr) return scales;
  std::vector<double> sums;
  for (const FixedPoint& f : rounding->factor) {
    sums.push_back(scales[0] * std::ldexp(static_cast<double>(f.multiplier), -static_cast<int>(f.shift)));
  }
  return sums;
}

std::int64_t shrunk_by(std::int64_t u) {
  const std::int64_t whole = u >> 16;
  if (whole > 30) return 0;
  const std::int64_t a = ((u & 4095) * 726818 + 32) >> 6;
  const std::int64_t parabola = (std::int64_t{1} << 30) - a + (a * a >> 31);
  return ((exp2_sixteenths[static_cast<std::size_t>(u >> 12 & 15)] * parabola) >> 30) >> whole;
}

TrainableHead trainable_head(const Program& program, const HeadTraining& training) {
  require<UsageError>(program.output.classes, "trainable",
                      "a head is trained by classes, but the result of this program is no class");
  require<UsageError>(training.rate > 0.0 && std::isfinite(training.rate), "tune_rate",
                      "expected a positive number, got {}", training.rate);
  require<UsageError>(training.bits >= 2 && training.bits <= 16, "trainable",
                      "the weights of the head have {} bits, but 2 to 16 can be trained", training.bits);
  const std::vector<float>& scale = program.output.scale;
  require<UsageError>(std::all_of(scale.begin(), scale.end(), [&](float s) { return s == scale[0]; }), "trainable",
                      "the logits have several scales");
  const std::vector<ValueInfo> infos = analyse(program);
  TrainableHead head;
  head.number = number_of_head(program);
  const Linear& linear = linear_of(program, head);
  require<UsageError>(linear.weight.levels.bits == 0, "trainable",
                      "the weights of the head have a scale for each group of columns, which training does not know");
  require<UsageError>(linear.weight.rows >= 2, "trainable", "a head of one class has nothing to learn");
  require<UsageError>(linear.x != 0, "trainable", "the head reads the input itself");
  const ValueInfo& x = infos[linear.x];
  require<UsageError>(!infos.back().per_step || can_stream(program), "trainable",
                      "this program has a class per step and reads sequences from both ends, so no step comes before "
                      "its end");
  head.x = linear.x;
  head.rows = linear.weight.rows;
  head.cols = linear.weight.cols;
  const std::int64_t bound = (1 << (training.bits - 1)) - 1;
  head.most_weight = static_cast<std::int32_t>(bound << 16);
  for (const std::int32_t code : linear.weight.codes) {
    require<UsageError>(std::abs(std::int64_t{code}) <= bound, "trainable",
                        "a weight of the head has the code {}, which is beyond its {} bits", code, training.bits);
  }
  require(x.magnitude() <= 1 << 15, "trainable", "the head multiplies codes of up to {}, but 16 bits can be trained",
          x.magnitude());
  const std::int64_t left = int32_max - static_cast<std::int64_t>(head.cols) * bound * x.magnitude();
  for (const std::int32_t bias : linear.bias) {
    require(std::abs(std::int64_t{bias}) <= left, "trainable",
            "the sums of the head could need more than 31 bits when its weights are trained; give them fewer bits");
  }
  head.most_bias = static_cast<std::int32_t>(left);
  for (const double sum : scales_of_sums(program)) {
    head.weight_rates.push_back(rate_of(training.rate, training.rate * training.x_scale * training.x_scale, sum));
    head.bias_rates.push_back(rate_of(training.rate, std::ldexp(training.rate, -16), sum));
  }
  head.exponent = to_fixed_point(std::ldexp(std::numbers::log2e * scale[0], 16), "trainable");
  return head;
}

Program at_limits(Program program, const TrainableHead& head) {
  auto& linear = std::get<Linear>(program.instructions[head.number - 1]);
  std::fill(linear.weight.codes.begin(), linear.weight.codes.end(), head.most_weight >> 16);
  linear.weight.bits = 32;
  for (std::size_t o = 0; o < head.rows; ++o) linear.bias[o] = o % 2 == 0 ? head.most_bias : -head.most_bias;
  return program;
}

Program before_head(const Program& program, const TrainableHead& head) {
  Program before = program;
  before.instructions.resize(head.x);
  before.output = {false, {1.0F}, {}};
  return before;
}

HeadTuner::HeadTuner(const Program& program, TrainableHead head)
    : head_(std::move(head)),
      behind_(program.instructions.begin() + static_cast<std::ptrdiff_t>(head_.number), program.instructions.end()),
      biases_(linear_of(program, head_).bias) {
  for (const std::int32_t code : linear_of(program, head_).weight.codes) weights_.push_back(code * (1 << 16));
}

std::vector<std::int32_t> HeadTuner::logits(std::span<const std::int32_t> x) const {
  require(x.size() == head_.cols, "tuning", "the head has {} columns, but there are {} codes", head_.cols, x.size());
  std::vector<std::int32_t> y = biases_;
  for (std::size_t o = 0; o < head_.rows; ++o) {
    for (std::size_t c = 0; c < head_.cols; ++c) y[o] += code_of(weights_[o * head_.cols + c]) * x[c];
  }
  if (behind_.empty()) return y;
  const auto& rounding = std::get<Rescale>(behind_.front());
  for (std::size_t o = 0; o < head_.rows; ++o) {
    const std::int64_t lo = rounding.lo[rounding.lo.size() == 1 ? 0 : o];
    const std::int64_t hi = rounding.hi[rounding.hi.size() == 1 ? 0 : o];
    y[o] = static_cast<std::int32_t>(std::clamp(rescale(y[o], at(rounding.factor, o)), lo, hi));
  }
  return y;
}

std::int32_t HeadTuner::gradients(std::span<const std::int32_t> logits, std::size_t label,
                                  std::span<std::int64_t> g) const {
  const std::int32_t largest = *std::max_element(logits.begin(), logits.end());
  const auto exponent = [&](std::size_t o) { return rescale(distance(largest, logits[o]), head_.exponent); };
  std::int64_t sum = 0;
  for (std::size_t o = 0; o < head_.rows; ++o) sum += shrunk_by(exponent(o));
  for (std::size_t o = 0; o < head_.rows; ++o) {
    g[o] = (one * shrunk_by(exponent(o)) + (sum >> 1)) / sum - (o == label ? one : 0);
  }
  return loss_of(exponent(label), sum);
}

void HeadTuner::descend(std::span<const std::int32_t> x, std::span<const std::int64_t> g) {
  for (std::size_t o = 0; o < head_.rows; ++o) {
    for (std::size_t c = 0; c < head_.cols; ++c) {
      move(weights_[o * head_.cols + c], rescale(g[o] * x[c], at(head_.weight_rates, o)), head_.most_weight);
    }
    move(biases_[o], rescale(g[o], at(head_.bias_rates, o)), head_.most_bias);
  }
}

std::int32_t HeadTuner::tune(std::span<const std::int32_t> x, std::size_t label) {
  if (label >= head_.rows) return no_loss;
  std::vector<std::int64_t> g(head_.rows);
  const std::int32_t loss = gradients(logits(x), label, g);
  descend(x, g);
  return loss;
}

void HeadTuner::restore(std::span<const std::int32_t> weights, std::span<const std::int32_t> biases) {
  require(weights.size() == head_.weights() && biases.size() == head_.rows, "tuning",
          "{} weights and {} biases are given, but the head has {} and {}", weights.size(), biases.size(),
          head_.weights(), head_.rows);
  const auto limited = [](std::int32_t most) {
    return [most](std::int32_t number) { return std::clamp(number, -most, most); };
  };
  std::transform(weights.begin(), weights.end(), weights_.begin(), limited(head_.most_weight));
  std::transform(biases.begin(), biases.end(), biases_.begin(), limited(head_.most_bias));
}

Program HeadTuner::tuned(Program program) const {
  auto& linear = std::get<Linear>(program.instructions[head_.number - 1]);
  std::transform(weights_.begin(), weights_.end(), linear.weight.codes.begin(), code_of);
  linear.weight.bits =
      static_cast<std::uint32_t>(std::bit_width(static_cast<std::uint32_t>(head_.most_weight >> 16)) + 1);
  linear.bias = biases_;
  return program;
}

}  // namespace bitstate::program

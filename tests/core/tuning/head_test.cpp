// A head in training: the formulas of docs/numerics.md, section 12, their bounds, and what they are worth.
#include "core/tuning/head.h"

#include "core/error.h"
#include "core/exp2.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::tests::head_test {
namespace {

using namespace program;  // NOLINT(google-build-using-namespace): with the instructions
using drawn::Draw;

__extension__ using Wide = __int128;

/// A program whose head multiplies what the input is rescaled to: `bits` of weights, codes up to `x_bound`.
Program headed(std::uint32_t classes, std::uint32_t cols, int bits, std::int32_t x_bound, Draw& draw) {
  Program p;
  p.input = {cols, false, false, {1.0F, -x_bound, x_bound}};
  p.instructions.emplace_back(Rescale{0, {{1 << 30, 30}}, {-x_bound}, {x_bound}});
  p.instructions.emplace_back(Last{1});
  const std::int64_t most = (1 << (bits - 1)) - 1;
  p.instructions.emplace_back(
      Linear{2,
             {classes, cols, static_cast<std::uint32_t>(bits), draw.codes(std::size_t{classes} * cols, -most, most)},
             draw.codes(classes, -5000, 5000)});
  p.output = {true, {0.001F}};
  return p;
}

/// Section 12 in numbers of 128 bits, which checks that each of them is in the type that the section names.
class PlainTuner {
 public:
  PlainTuner(const Program& p, TrainableHead head) : head_(std::move(head)) {
    const auto& linear = std::get<Linear>(p.instructions[head_.number - 1]);
    for (const std::int32_t code : linear.weight.codes) weights.push_back(code * 65536);
    biases = linear.bias;
  }

  std::int32_t tune(const std::vector<std::int32_t>& x, std::size_t label) {
    std::vector<std::int64_t> q(head_.rows);
    for (std::size_t o = 0; o < head_.rows; ++o) {
      Wide sum = biases[o];
      for (std::size_t c = 0; c < x.size(); ++c) {
        sum += Wide{int32(Wide{int32(Wide{weights[o * x.size() + c]} + 32768)} >> 16)} * x[c];
      }
      q[o] = int32(sum);
    }
    const std::int64_t largest = *std::max_element(q.begin(), q.end());
    std::vector<Wide> u, e;
    Wide sum = 0;
    for (const std::int64_t logit : q) {
      u.push_back(rescaled(std::min<Wide>(largest - logit, 2147483647), head_.exponent));
      e.push_back(exponential(u.back()));
      sum = int64(sum + e.back());
    }
    for (std::size_t o = 0; o < head_.rows; ++o) {
      const Wide p = int64(int64(e[o] * 65536) + sum / 2) / sum;
      const Wide g = p - (o == label ? 65536 : 0);
      CHECK((g >= -65536 && g <= 65536));
      for (std::size_t c = 0; c < x.size(); ++c) {
        descend(weights[o * x.size() + c], rescaled(g * x[c], of(head_.weight_rates, o)), head_.most_weight);
      }
      descend(biases[o], rescaled(g, of(head_.bias_rates, o)), head_.most_bias);
    }
    return int32(int64((std::min<Wide>(u[label], 1 << 30) + log2(sum)) * 45426 + 32768) >> 16);
  }

  std::vector<std::int32_t> weights, biases;

 private:
  static std::int32_t int32(Wide number) {
    REQUIRE((number >= INT32_MIN && number <= INT32_MAX));
    return static_cast<std::int32_t>(number);
  }
  static std::int64_t int64(Wide number) {
    REQUIRE((number >= INT64_MIN && number <= INT64_MAX));
    return static_cast<std::int64_t>(number);
  }
  static const FixedPoint& of(const std::vector<FixedPoint>& factors, std::size_t o) {
    return factors.size() == 1 ? factors[0] : factors[o];
  }
  static Wide rescaled(Wide a, const FixedPoint& f) {
    REQUIRE((a >= -Wide{3} * (1 << 30) && a <= Wide{3} * (1 << 30)));
    return int64(int64(a * f.multiplier) + (Wide{1} << (f.shift - 1))) >> f.shift;
  }
  static Wide exponential(Wide u) {
    const Wide a = (Wide{(u & 4095) * 726818} + 32) / 64;
    const Wide parabola = (1 << 30) - a + a * a / (Wide{1} << 31);
    if (u / 65536 > 30) return 0;
    return int64(exp2_sixteenths.at(static_cast<std::size_t>(u / 4096 % 16)) * parabola) / (Wide{1} << 30) /
           (Wide{1} << static_cast<int>(u / 65536));
  }
  static Wide log2(Wide sum) {
    Wide whole = 0;
    while (sum >= Wide{1} << static_cast<int>(whole + 31)) ++whole;
    Wide m = sum >> static_cast<int>(whole), log = whole;
    for (int digit = 0; digit < 16; ++digit) {
      m = int64(m * m) >> 30;
      log *= 2;
      if (m < Wide{1} << 31) continue;
      m /= 2;
      ++log;
    }
    return log;
  }
  static void descend(std::int32_t& number, Wide by, std::int32_t most) {
    number = int32(std::clamp<Wide>(int64(number - by), -most, most));
  }

  TrainableHead head_;
};

void check_against_plain(const Program& p, const HeadTraining& training, std::size_t steps, Draw& draw) {
  const TrainableHead head = trainable_head(p, training);
  HeadTuner tuner(p, head);
  PlainTuner plain(p, head);
  for (std::size_t step = 0; step < steps; ++step) {
    const auto x = draw.codes(head.cols, p.input.grid.lo, p.input.grid.hi);
    const auto label = static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(head.rows) - 1));
    REQUIRE(tuner.tune(x, label) == plain.tune(x, label));
    REQUIRE(tuner.weights() == plain.weights);
    REQUIRE(tuner.biases() == plain.biases);
  }
  Runner runner(tuner.tuned(p));
  const auto x = draw.codes(head.cols, p.input.grid.lo, p.input.grid.hi);
  CHECK(runner.run(x) == tuner.logits(x));
}

TEST_CASE("tuning: each step is that of the formulas, and no number leaves its type") {
  Draw draw(1);
  for (const int bits : {2, 4, 8, 16}) {
    for (const std::int32_t x_bound : {127, 32767}) {
      if (bits == 16 && x_bound > 127) continue;
      for (const double rate : {1e-3, 0.01, 1.0, 1e12}) {
        Program p = headed(static_cast<std::uint32_t>(draw(2, 12)), static_cast<std::uint32_t>(draw(1, 40)), bits,
                           x_bound, draw);
        p.output.scale[0] = std::ldexp(1.0F, static_cast<int>(draw(-24, 4)));
        check_against_plain(p, {bits, draw(0, 1) == 0 ? 0.02 : 3.0, rate}, 300, draw);
      }
    }
  }
}

TEST_CASE("tuning: the widest sums that are allowed, and not one more") {
  Draw draw(2);
  // 2 columns of 16 bits: 2 * 32767 * 32767 = 2^31 - 131070 - ... is left to the biases
  Program p = headed(3, 2, 16, 32767, draw);
  auto& linear = std::get<Linear>(p.instructions[2]);
  linear.bias = {0, 0, 0};
  const TrainableHead head = trainable_head(p, {16, 1.0, 1e9});
  CHECK(std::int64_t{head.most_bias} == 2147483647 - std::int64_t{2} * 32767 * 32767);
  CHECK(analyse(at_limits(p, head)).back().hi == 2147483647);
  check_against_plain(p, {16, 1.0, 1e9}, 2000, draw);
  linear.bias = {head.most_bias, -head.most_bias, 0};
  CHECK_NOTHROW(static_cast<void>(trainable_head(p, {16, 1.0, 1.0})));
  linear.weight.codes.assign(6, 0);
  linear.bias[1] = -head.most_bias - 1;
  CHECK_THROWS_WITH_AS(static_cast<void>(trainable_head(p, {16, 1.0, 1.0})), doctest::Contains("more than 31 bits"),
                       Error);
}

TEST_CASE("tuning: 2^-u is off by 2^-16 of itself, and never above 1") {
  for (std::int64_t u = 0; u < 31 << 16; u += u < 1 << 17 ? 1 : 37) {
    const double exact = std::exp2(30.0 - static_cast<double>(u) / 65536);
    const auto found = static_cast<double>(shrunk_by(u));
    CAPTURE(u);
    REQUIRE(found <= 0x1.0p30);
    REQUIRE(std::fabs(found - exact) <= exact * 0x1.0p-16 + 1.5);
  }
  CHECK(shrunk_by(0) == 1 << 30);
  CHECK(shrunk_by(31 << 16) == 0);
  CHECK(shrunk_by(std::int64_t{1} << 60) == 0);
}

/// Gradient descent on real numbers, from the same head.
struct RealTuner {
  std::vector<double> weights, biases;
  double x_scale, y_scale, rate;

  double tune(const std::vector<std::int32_t>& x, std::size_t label) {
    std::vector<double> z = biases;
    for (std::size_t o = 0; o < z.size(); ++o) {
      for (std::size_t c = 0; c < x.size(); ++c) z[o] += weights[o * x.size() + c] * x_scale * x[c];
    }
    double sum = 0.0;
    for (const double logit : z) sum += std::exp(logit);
    for (std::size_t o = 0; o < z.size(); ++o) {
      const double g = std::exp(z[o]) / sum - (o == label ? 1.0 : 0.0);
      for (std::size_t c = 0; c < x.size(); ++c) weights[o * x.size() + c] -= rate * g * x_scale * x[c];
      biases[o] -= rate * g;
    }
    return std::log(sum) - z[label];
  }
};

TEST_CASE("tuning: one step is that of real numbers, but for its rounding") {
  Draw draw(3);
  const double x_scale = 0.02, rate = 0.05;
  for (int trial = 0; trial < 50; ++trial) {
    Program p = headed(5, 8, 8, 127, draw);
    for (std::int32_t& w : std::get<Linear>(p.instructions[2]).weight.codes) w = w / 2;  // away from the ends
    const double y_scale = p.output.scale[0];
    HeadTuner tuner(p, trainable_head(p, {8, x_scale, rate}));
    RealTuner real{{}, {}, x_scale, y_scale, rate};
    const double w_scale = y_scale / x_scale;
    for (const std::int32_t w : tuner.weights()) real.weights.push_back(w / 65536.0 * w_scale);
    for (const std::int32_t b : tuner.biases()) real.biases.push_back(b * y_scale);
    const auto x = draw.codes(8, -127, 127);
    const auto label = static_cast<std::size_t>(draw(0, 4));
    const double loss = tuner.tune(x, label) / 65536.0;
    CHECK(loss == doctest::Approx(real.tune(x, label)).epsilon(1e-4).scale(1.0));
    for (std::size_t k = 0; k < real.weights.size(); ++k) {
      // g is off by 2^-16 and half of that, a move by half of 2^-16 of a code
      const double off = 2 * 0x1.0p-16 * rate * 127 * x_scale + 0x1.0p-17 * w_scale;
      CHECK(std::fabs(tuner.weights()[k] / 65536.0 * w_scale - real.weights[k]) <= off);
    }
    for (std::size_t o = 0; o < 5; ++o) {
      CHECK(std::fabs(tuner.biases()[o] * y_scale - real.biases[o]) <= 2 * 0x1.0p-16 * rate + 0.51 * y_scale);
    }
  }
}

TEST_CASE("tuning: a head learns classes that it did not know, and the loss falls") {
  Draw draw(4);
  Program p = headed(3, 6, 8, 127, draw);
  const std::vector<std::vector<std::int32_t>> means{
      {90, 0, 0, 50, 0, -9}, {0, 90, 0, 0, 50, 9}, {0, 0, 90, -50, 0, 0}};
  HeadTuner tuner(p, trainable_head(p, {8, 0.01, 0.1}));
  const auto pass = [&] {
    double loss = 0.0;
    for (std::size_t i = 0; i < 300; ++i) {
      std::vector<std::int32_t> x = means[i % 3];
      for (std::int32_t& code : x) code = std::clamp(code + draw.code(-37, 37), -127, 127);
      loss += tuner.tune(x, i % 3) / 65536.0 / 300;
    }
    return loss;
  };
  const double first = pass();
  double last = first;
  for (int k = 0; k < 5; ++k) last = pass();
  CAPTURE(first);
  CAPTURE(last);
  CHECK(last < 0.5 * first);
  for (std::size_t k = 0; k < 3; ++k) CHECK(class_of(tuner.logits(means[k])) == k);
}

TEST_CASE("tuning: a wrong logit that its rounding clamps is unlearned") {
  Draw draw(5);
  Program p = headed(2, 1, 8, 127, draw);
  auto& linear = std::get<Linear>(p.instructions[2]);
  linear.weight.codes = {100, -100};
  linear.bias = {0, 0};
  p.instructions.emplace_back(Rescale{3, {{1 << 30, 31}, {1 << 30, 30}}, {-1000}, {1000}});
  HeadTuner tuner(p, trainable_head(p, {8, 0.02, 0.05}));
  const std::vector<std::int32_t> x{127};
  CHECK(tuner.logits(x) == std::vector<std::int32_t>{1000, -1000});
  for (int k = 0; k < 4000; ++k) tuner.tune(x, 1);
  CHECK(class_of(tuner.logits(x)) == 1);
  CHECK(Runner(tuner.tuned(p)).run(x) == tuner.logits(x));
}

TEST_CASE("tuning: a label that is no class moves nothing, and saved numbers are brought into their limits") {
  Draw draw(6);
  const Program p = headed(3, 2, 4, 127, draw);
  HeadTuner tuner(p, trainable_head(p, {4, 0.02, 1.0}));
  const auto weights = tuner.weights();
  CHECK(tuner.tune(std::vector<std::int32_t>{5, 6}, 3) == no_loss);
  CHECK(tuner.weights() == weights);
  CHECK_THROWS_AS(static_cast<void>(tuner.tune(std::vector<std::int32_t>{5}, 0)), Error);
  tuner.restore(std::vector<std::int32_t>{INT32_MAX, INT32_MIN, 3, -3, 0, 1},
                std::vector<std::int32_t>{INT32_MIN, 7, 0});
  CHECK(tuner.weights() == std::vector<std::int32_t>{7 << 16, -(7 << 16), 3, -3, 0, 1});
  CHECK(tuner.biases() == std::vector<std::int32_t>{-tuner.head().most_bias, 7, 0});
  CHECK_THROWS_AS(tuner.restore(weights, std::vector<std::int32_t>{1}), Error);
}

TEST_CASE("tuning: what is no trainable head is refused in a sentence") {
  Draw draw(7);
  const auto refused = [](const Program& p, const HeadTraining& training, const char* words) {
    CHECK_THROWS_WITH_AS(static_cast<void>(trainable_head(p, training)), doctest::Contains(words), UsageError);
  };
  const Program p = headed(3, 4, 8, 127, draw);
  CHECK(trainable_head(p, {}).number == 3);
  refused(p, {8, 0.1, 0.0}, "expected a positive number");
  refused(p, {8, 0.1, std::nan("")}, "expected a positive number");
  refused(p, {8, 0.1, 1e-12}, "[tune_rate] expected a larger rate, got 1e-12: it rounds to 0");
  refused(p, {1, 0.1, 1.0}, "have 1 bits");
  refused(p, {2, 0.1, 1.0}, "beyond its 2 bits");
  Program values = p;
  values.output.classes = false;
  refused(values, {}, "is no class");
  refused(small_program(), {}, "does not end in a linear head, but in mean_pool");
  Program direct = p;
  direct.instructions = {p.instructions[0], p.instructions[2]};
  std::get<Linear>(direct.instructions[1]).x = 0;
  refused(direct, {}, "reads the input itself");
  Program grouped = p;
  auto& weight = std::get<Linear>(grouped.instructions[2]).weight;
  weight.levels = {8, 2, 1, 127, std::vector<std::int32_t>(6, 2)};
  refused(grouped, {}, "a scale for each group of columns");
}

}  // namespace
}  // namespace bitstate::tests::head_test

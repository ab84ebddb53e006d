// Random rounding of the state, by its statistics and by what its numbers depend on (docs/numerics.md, section 6).
#include "autograd/ops.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::stochastic_state_test {
namespace {

using ops::Direction;
using Rounding = QuantSpec::Rounding;

constexpr std::size_t width = 4;

/// A recurrence with one input row, given to every step of every sequence.
struct Setting {
  bool power_of_two = true;
  bool integers = true;
  std::size_t count = 1;   ///< sequences
  std::size_t length = 1;  ///< of each
  std::size_t first = 0;   ///< place of the first in the batch
  Direction direction = Direction::forward;
  Rounding rounding = Rounding::stochastic;
  std::string site = "state:layers.0.ssm";
  std::uint64_t seed = 5;
  std::uint64_t step = 3;
  bool training = true;
};

const std::vector<float> eigenvalues = {0.9F, 0.5F, -0.3F, -0.7F};
const std::vector<float> input = {0.0407F, -0.0213F, 0.0F, -0.0949F};
constexpr float range = 1.27F;  // a code is 0.01

struct Result {
  Codes codes;
  std::vector<double> lambda, bu;  ///< shadows; bu in codes of the state
};

Result run(const Setting& s) {
  const std::vector<std::size_t> rows(s.count, s.length);
  const Sequences sequences{rows, rows, s.first};
  std::vector<float> values;
  for (std::size_t i = 0; i < s.count * s.length; ++i) values.insert(values.end(), input.begin(), input.end());
  Pass pass;
  pass.training = s.training;
  pass.seed = s.seed;
  pass.step = s.step;
  Lane lane(pass);
  Tape& t = lane.tape;
  Quantizer a = quantizer_of("weight:A", 10);
  a.spec.scale_kind = s.power_of_two ? QuantSpec::Scale::pow2 : QuantSpec::Scale::free;
  const Quantizer acc = quantizer_of("acc:bu", 14, {0.2F});
  Quantizer state = quantizer_of(s.site, 8, {range});
  state.spec.rounding = s.rounding;
  const Value l = ops::quantize(t, t.input(1, width, eigenvalues.data()), a);
  Value bu = t.input(values.size() / width, width, values.data());
  if (s.integers) bu = ops::quantize(t, bu, acc);
  const Value x = ops::scan(t, l, bu, sequences, s.direction, &state);
  Result result{codes_of(t, x), {}, {}};
  for (std::size_t c = 0; c < width; ++c) {
    result.lambda.push_back(computed(t, l).value[c]);
    result.bu.push_back(computed(t, bu).value[c] / double{t[x].scale[0]});
  }
  return result;
}

TEST_CASE("stochastic state: one step takes a neighbouring code, unbiased, each component by itself") {
  constexpr std::size_t count = 40000;
  for (const bool integers : {true, false}) {
    for (const bool power_of_two : {true, false}) {
      CAPTURE(integers);
      CAPTURE(power_of_two);
      const Result r = run({power_of_two, integers, count});
      std::vector<double> sum(width, 0.0);
      double both = 0.0;
      for (std::size_t n = 0; n < count; ++n) {
        for (std::size_t c = 0; c < width; ++c) {
          const auto code = static_cast<double>(r.codes[n * width + c]);
          REQUIRE(std::fabs(code - r.bu[c]) <= 1.01);
          sum[c] += code;
        }
        both += static_cast<double>(r.codes[n * width] * r.codes[n * width + 1]);
      }
      // brought to the scale s_lambda s_x the input is off by up to half a code there, and by the float's resolution
      const double fine = integers ? 0x1.0p-9 : 1e-5;
      const double n = count;
      std::vector<double> variance(width);
      for (std::size_t c = 0; c < width; ++c) {
        const double above = r.bu[c] - std::floor(r.bu[c]);
        variance[c] = above * (1.0 - above);
        CHECK(std::fabs(sum[c] / n - r.bu[c]) <= 5.0 * std::sqrt(variance[c] / n) + 0.5 * fine);
      }
      CHECK(sum[2] == 0.0);  // a state that is 0 stays 0
      const double covariance = both / n - sum[0] / n * (sum[1] / n);
      CHECK(std::fabs(covariance) <= 5.0 * std::sqrt(variance[0] * variance[1] / n));
    }
  }
}

TEST_CASE("stochastic state: the mean over many sequences is the state without rounding, at every step") {
  constexpr std::size_t count = 4000;
  constexpr std::size_t length = 12;
  for (const bool integers : {true, false}) {
    for (const auto direction : {Direction::forward, Direction::backward}) {
      const Result r = run({true, integers, count, length, 0, direction});
      std::vector<double> exact(width, 0.0);
      for (std::size_t l = 0; l < length; ++l) {
        const std::size_t row = direction == Direction::forward ? l : length - 1 - l;
        const auto before = exact;
        for (std::size_t c = 0; c < width; ++c) {
          const std::size_t p = c % 2;
          exact[c] =
              r.lambda[p] * before[c] + (c < 2 ? -1.0 : 1.0) * r.lambda[2 + p] * before[(c + 2) % width] + r.bu[c];
          double sum = 0.0, squares = 0.0;
          for (std::size_t n = 0; n < count; ++n) {
            const auto code = static_cast<double>(r.codes[(n * length + row) * width + c]);
            sum += code;
            squares += code * code;
          }
          const double mean = sum / count;
          const double error = std::sqrt(std::max(0.0, squares / count - mean * mean) / count);
          CHECK(std::fabs(mean - exact[c]) <= 5.0 * error + 0.01);  // 0.01: the input's, from the previous test
        }
      }
    }
  }
}

TEST_CASE("stochastic state: the numbers are a function of seed, step, site, direction and sequence") {
  for (const bool integers : {true, false}) {
    Setting base{true, integers, 3, 40};
    const Codes codes = run(base).codes;
    CHECK(run(base).codes == codes);
    const auto differs = [&](auto change) {
      Setting other = base;
      change(other);
      return run(other).codes != codes;
    };
    CHECK(differs([](Setting& s) { s.seed = 6; }));
    CHECK(differs([](Setting& s) { s.step = 4; }));
    CHECK(differs([](Setting& s) { s.site = "state:layers.1.ssm"; }));
    CHECK(differs([](Setting& s) { s.first = 1; }));
    const std::size_t size = 40 * width;
    CHECK(Codes(codes.begin(), codes.begin() + size) != Codes(codes.begin() + size, codes.begin() + 2 * size));
    // one step: with the same numbers, both directions would be equal
    const Setting forward{true, integers, 200, 1};
    Setting backward = forward;
    backward.direction = Direction::backward;
    CHECK(run(forward).codes != run(backward).codes);
    // nor does the forward scan of a step use the numbers of the backward one of another
    for (const std::uint64_t step : {2, 4}) {
      backward.step = step;
      CHECK(run(forward).codes != run(backward).codes);
    }
  }
}

TEST_CASE("stochastic state: a sequence's codes do not depend on how many others are in the pass") {
  for (const auto direction : {Direction::forward, Direction::backward}) {
    const Codes all = run({true, true, 6, 20, 0, direction}).codes;
    Codes parts = run({true, true, 2, 20, 0, direction}).codes;
    for (const std::size_t first : {2, 3}) {
      const Codes part = run({true, true, first == 2 ? 1U : 3U, 20, first, direction}).codes;
      parts.insert(parts.end(), part.begin(), part.end());
    }
    CHECK(parts == all);
  }
}

TEST_CASE("stochastic state: evaluation rounds to nearest") {
  for (const bool integers : {true, false}) {
    Setting setting{true, integers, 2, 50};
    setting.training = false;
    Setting nearest = setting;
    nearest.rounding = Rounding::nearest;
    CHECK(run(setting).codes == run(nearest).codes);
    setting.training = true;
    CHECK(run(setting).codes != run(nearest).codes);
  }
}

}  // namespace
}  // namespace bitstate::tests::stochastic_state_test

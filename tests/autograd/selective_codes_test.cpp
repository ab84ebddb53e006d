// The selective scan on codes: its gradients are those of the float scan at the shadows of its operands, and none flows
// through a state that was clamped.
#include "autograd/ops.h"
#include "core/error.h"
#include "core/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::selective_codes_test {
namespace {

constexpr std::size_t channels = 18, states = 5;

Quantizer site(const char* name, int bits, std::vector<float> range) {
  Quantizer q;
  q.declare(name);
  q.channels = range.size();
  q.spec.bits = bits;
  q.spec.range = QuantSpec::Range::ema;
  q.spec.granularity = range.size() > 1 ? QuantSpec::Granularity::channel : QuantSpec::Granularity::tensor;
  q.range = std::move(range);
  return q;
}

/// A scan of drawn operands, with the sites that round them.
struct Drawn {
  std::size_t heads, groups;
  bool per_state;
  ops::Direction direction;
  std::vector<std::size_t> rows{40, 7};
  std::vector<float> u, dt, b, c, logs, seed;
  Quantizer u_site = site("act:u", 8, {6.0F}), dt_site = site("act:dt", 12, {6.0F}), b_site = site("act:B", 8, {6.0F}),
            c_site = site("act:C", 8, {6.0F}), input_site = site("act:du", 16, std::vector<float>(channels, 30.0F)),
            state_site = site("state:h", 16, std::vector<float>(channels, 80.0F));
  Tape tape;
  std::array<Value, 4> operands{};

  Drawn(std::size_t heads_, std::size_t groups_, bool per_state_, ops::Direction direction_)
      : heads(heads_), groups(groups_), per_state(per_state_), direction(direction_) {
    const Random random{7, heads_ + 100 * groups_};
    std::uint64_t at = 0;
    const auto draw = [&](std::size_t cols, double mean, double deviation) {
      std::vector<float> x(47 * cols);
      for (float& v : x) v = static_cast<float>(mean + deviation * random.normal(at++));
      return x;
    };
    u = draw(channels, 0.0, 1.0);
    dt = draw(heads, -1.0, 1.0);
    b = draw(groups * states, 0.0, 1.0);
    c = draw(groups * states, 0.0, 1.0);
    seed = draw(channels, 0.0, 1.0);
    logs = draw(1, 0.0, 0.5);
    logs.resize(heads * (per_state ? states : 1), -0.3F);
  }

  /// Makes B and C of the second of two groups quiet, with scales of their own.
  void part() {
    for (std::vector<float>* const x : {&b, &c}) {
      for (std::size_t i = 0; i < x->size(); ++i) (*x)[i] *= i / states % 2 == 0 ? 1.0F : 0.1F;
    }
    std::vector<float> ranges(2 * states, 6.0F);
    std::fill(ranges.begin() + states, ranges.end(), 0.6F);
    b_site = site("act:B", 8, ranges);
    c_site = site("act:C", 8, ranges);
  }

  /// Gradients of u, dt, B, C and A_log of (seed . y). On codes, or of real numbers `at` in their place.
  std::vector<std::vector<float>> gradients(const std::vector<std::vector<float>>* at) {
    Parameter rate;
    rate.value = Tensor(heads, per_state ? states : 1);
    rate.value.data = logs;
    std::vector<float> flat(logs.size(), 0.0F);
    Pass pass;
    pass.gradients = true;
    pass.gradient = flat;
    tape.begin(pass);
    const Sequences sequences{rows, rows, 0};
    const std::array leaves{&u, &dt, &b, &c};
    const std::array sites{&u_site, &dt_site, &b_site, &c_site};
    std::array<Value, 4> inputs{};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::vector<float>& from = at == nullptr ? *leaves[i] : (*at)[i];
      inputs[i] = tape.input(47, from.size() / 47, from.data());
      tape.keep_gradient(inputs[i]);
      operands[i] = at == nullptr ? ops::quantize(tape, inputs[i], *sites[i]) : inputs[i];
    }
    const bool codes = at == nullptr;
    const Value y = ops::selective_scan(tape,
                                        {.u = operands[0],
                                         .delta = ops::softplus(tape, operands[1]),
                                         .A_log = tape.parameter(rate),
                                         .B = operands[2],
                                         .C = operands[3],
                                         .input = codes ? &input_site : nullptr,
                                         .state = codes ? &state_site : nullptr},
                                        groups, sequences, direction);
    CHECK(tape[y].has_codes() == (codes && c_site.spec.active()));
    tape.backward(y, seed);
    std::vector<std::vector<float>> found;
    for (const Value v : inputs) found.emplace_back(tape[v].gradient, tape[v].gradient + tape[v].size());
    found.push_back(flat);
    return found;
  }

  /// The real numbers that the codes of the operands stand for, as of the last pass on codes.
  std::vector<std::vector<float>> shadows() {
    std::vector<std::vector<float>> all;
    for (const Value v : operands) all.emplace_back(tape.value(v), tape.value(v) + tape[v].size());
    return all;
  }
};

double relative(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2.0);
    size += std::pow(double{b[i]}, 2.0);
  }
  return std::sqrt(difference / size);
}

TEST_CASE("selective codes: the sites inside say what they saw and what they clamped, on codes and of real operands") {
  for (const auto& [heads, groups, per_state] : {std::tuple(18, 1, true), std::tuple(6, 2, false)}) {
    for (const int c_bits : {8, 0}) {
      Drawn drawn(static_cast<std::size_t>(heads), static_cast<std::size_t>(groups), per_state,
                  ops::Direction::forward);
      drawn.c_site.spec.bits = c_bits;
      for (const float range : {30.0F, 0.25F}) {
        CAPTURE(range);
        drawn.input_site.range.assign(channels, range);
        drawn.gradients(nullptr);
        const auto nodes = drawn.tape.nodes();
        const auto scan = std::find_if(nodes.begin(), nodes.end(), [](const Node& node) {
          return node.op != nullptr && node.op->inner != nullptr;
        });
        REQUIRE(scan != nodes.end());
        const auto found = scan->op->inner(drawn.tape, *scan);
        REQUIRE(found.size() == 2);
        const auto real = drawn.shadows();
        float low = 0.0F, high = 0.0F;
        std::size_t surely = 0, perhaps = 0;
        for (std::size_t i = 0; i < real[0].size(); ++i) {
          const std::size_t head = i % channels * drawn.heads / channels;
          const float v = real[0][i] * std::log1p(std::exp(real[1][i / channels * drawn.heads + head]));
          low = std::min(low, std::max(v, -range));
          high = std::max(high, std::min(v, range));
          surely += std::fabs(v) > 1.001F * range ? 1 : 0;
          perhaps += std::fabs(v) > 0.999F * range ? 1 : 0;
        }
        CHECK(found[0].site == &drawn.input_site);
        CHECK(found[0].values == 47 * channels);
        CHECK(found[0].low == doctest::Approx(low).epsilon(2e-3));
        CHECK(found[0].high == doctest::Approx(high).epsilon(2e-3));
        CHECK(found[0].clamped >= surely);
        CHECK(found[0].clamped <= perhaps);
        CHECK((surely > 0) == (range < 1.0F));
        CHECK(found[1].site == &drawn.state_site);
        CHECK(found[1].values == 47 * channels * states);
        CHECK(found[1].high > found[1].low);
        CHECK(found[1].clamped == 0);
      }
    }
  }
}

TEST_CASE("selective codes: gradients are those of the float scan at the shadows") {
  for (const auto direction : {ops::Direction::forward, ops::Direction::backward}) {
    for (const auto& [heads, groups, per_state] : {std::tuple(18, 1, true), std::tuple(6, 2, false)}) {
      CAPTURE(heads);
      Drawn drawn(static_cast<std::size_t>(heads), static_cast<std::size_t>(groups), per_state, direction);
      for (const auto rounding :
           {QuantSpec::Rounding::nearest, QuantSpec::Rounding::feedback, QuantSpec::Rounding::decayed}) {
        drawn.state_site.spec.rounding = rounding;
        const auto on_codes = drawn.gradients(nullptr);
        const auto at = drawn.shadows();
        const auto in_float = drawn.gradients(&at);
        for (std::size_t i = 0; i < on_codes.size(); ++i) {
          CAPTURE(i);
          CHECK(relative(on_codes[i], in_float[i]) < 2e-3);
        }
      }
    }
  }
}

TEST_CASE("selective codes: B and C have a scale for each group") {
  Drawn drawn(6, 2, false, ops::Direction::forward);
  drawn.part();
  const auto result = [&] {
    const float* const y = drawn.tape.value(drawn.tape.last());
    return std::vector<float>(y, y + 47 * channels);
  };
  const auto on_codes = drawn.gradients(nullptr);
  const std::vector<float> y = result();
  const auto at = drawn.shadows();
  const auto in_float = drawn.gradients(&at);
  CHECK(relative(y, result()) < 2e-3);
  for (std::size_t i = 0; i < 4; ++i) CHECK(relative(on_codes[i], in_float[i]) < 2e-3);
}

TEST_CASE("selective codes: where an operand has no codes, states are rounded all the same") {
  for (const auto direction : {ops::Direction::forward, ops::Direction::backward}) {
    Drawn drawn(18, 1, true, direction);
    const auto on_codes = drawn.gradients(nullptr);
    const std::vector<float> y(drawn.tape.value(drawn.tape.last()),
                               drawn.tape.value(drawn.tape.last()) + 47 * channels);
    drawn.c_site.spec = {};  // C alone is not rounded
    for (const auto rounding :
         {QuantSpec::Rounding::nearest, QuantSpec::Rounding::feedback, QuantSpec::Rounding::decayed}) {
      drawn.state_site.spec.rounding = rounding;
      const auto rounded = drawn.gradients(nullptr);
      const float* const found = drawn.tape.value(drawn.tape.last());
      CHECK(relative({found, found + y.size()}, y) < 2e-2);
      CHECK(relative({found, found + y.size()}, y) > 1e-4);
      for (std::size_t i = 0; i < rounded.size(); ++i) CHECK(relative(rounded[i], on_codes[i]) < 5e-2);
    }
    drawn.input_site.spec = {};
    drawn.state_site = site("state:h", 3, std::vector<float>(channels, 8.0F));
    drawn.state_site.spec.rounding = QuantSpec::Rounding::nearest;
    static_cast<void>(drawn.gradients(nullptr));
    const float* const coarse = drawn.tape.value(drawn.tape.last());
    CHECK(relative({coarse, coarse + y.size()}, y) > 0.2);
  }
}

TEST_CASE("selective codes: no gradient flows through states that are clamped") {
  Drawn drawn(18, 1, true, ops::Direction::forward);
  drawn.state_site = site("state:h", 16, std::vector<float>(channels, 1e-4F));  // all are beyond it
  const auto found = drawn.gradients(nullptr);
  for (const std::size_t i : {0U, 1U, 2U}) {
    const auto zeros = std::count(found[i].begin(), found[i].end(), 0.0F);
    CHECK(static_cast<double>(zeros) > 0.8 * static_cast<double>(found[i].size()));
  }
  CHECK(std::count(found[3].begin(), found[3].end(), 0.0F) == 0);  // C reads the clamped states
}

TEST_CASE("selective codes: no gradient flows through a clamped delta u") {
  for (const bool all_codes : {true, false}) {
    CAPTURE(all_codes);
    Drawn drawn(18, 1, true, ops::Direction::forward);
    if (!all_codes) drawn.c_site.spec = {};
    drawn.input_site = site("act:du", 16, std::vector<float>(channels, 1e-6F));
    const auto found = drawn.gradients(nullptr);
    const auto zeros = std::count(found[0].begin(), found[0].end(), 0.0F);
    CHECK(static_cast<double>(zeros) > 0.9 * static_cast<double>(found[0].size()));
  }
}

TEST_CASE("selective codes: what a scan cannot round is refused by the site's name") {
  const auto refusal = [](auto change) {
    Drawn drawn(18, 1, true, ops::Direction::forward);
    change(drawn);
    try {
      drawn.gradients(nullptr);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto check = [&](const char* words, auto change) { CHECK(refusal(change).find(words) != std::string::npos); };
  check("state:h has rounding=stochastic",
        [](Drawn& d) { d.state_site.spec.rounding = QuantSpec::Rounding::stochastic; });
  check("act:du has no range yet", [](Drawn& d) { d.input_site.range.clear(); });
  check("act:du is rounded inside of a scan, which knows range=ema and fixed only",
        [](Drawn& d) { d.input_site.spec.range = QuantSpec::Range::percentile; });
  check("state:h has 3 ranges for 18 channels", [](Drawn& d) {
    d.state_site.range.resize(3);
    d.state_site.channels = 3;
  });
}

}  // namespace
}  // namespace bitstate::tests::selective_codes_test

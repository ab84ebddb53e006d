#include "autograd/ops.h"
#include "core/error.h"
#include "core/ranges.h"
#include "tests/support/models/plain.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <vector>

namespace bitstate::tests::tape_test {
namespace {

using tests::error_of;

TEST_CASE("tape: a value used twice gets the sum of both gradients") {
  Parameter x{Tensor(1, 2), 0};
  x.value.data = {3.0F, -2.0F};
  std::vector<float> gradient(2, 0.0F);
  Tape tape;
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  tape.begin(pass);
  const Value v = tape.parameter(x);
  const Value y = ops::sum(tape, ops::product(tape, v, v), v);  // x^2 + x
  tape.backward(y, std::array<float, 2>{1.0F, 1.0F});
  CHECK(gradient[0] == 7.0F);
  CHECK(gradient[1] == -3.0F);
}

TEST_CASE("tape: gradients add up over passes, as a lane's sequences do") {
  Parameter x{Tensor(1, 1, 2.0F), 0};
  std::vector<float> gradient(1, 0.0F);
  Tape tape;
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  for (int i = 0; i < 3; ++i) {
    tape.begin(pass);
    const Value v = tape.parameter(x);
    tape.backward(ops::product(tape, v, v));
  }
  CHECK(gradient[0] == 12.0F);
}

TEST_CASE("tape: equal passes do not grow the arena") {
  Parameter w{Tensor(64, 64, 0.1F), 0};
  const std::vector<float> input(200 * 64, 1.0F);
  std::vector<float> gradient(64 * 64, 0.0F);
  Tape tape;
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  const auto run = [&] {
    tape.begin(pass);
    Value x = tape.input(200, 64, input.data());
    for (int i = 0; i < 20; ++i) x = ops::gelu(tape, ops::linear(tape, x, tape.parameter(w)));
    tape.backward(x, std::vector<float>(200 * 64, 1.0F));
    return tape.peak_bytes();
  };
  const auto first = run();
  CHECK(run() == first);
  CHECK(run() == first);
  CHECK(first > 20 * 200 * 64 * 2 * sizeof(float));
}

TEST_CASE("tape: errors are sentences that name the op and the sizes") {
  Tape tape;
  tape.begin({});
  const std::vector<float> data(12, 0.0F);
  const Value a = tape.input(3, 4, data.data());
  const Value b = tape.input(4, 3, data.data());
  CHECK_THROWS_WITH_AS(ops::linear(tape, a, b), "[linear] x has 4 columns, w has 3", Error);
  CHECK_THROWS_WITH_AS(ops::sum(tape, a, b), "[sum] a is [3, 4], b is [4, 3]", Error);
  CHECK_THROWS_WITH_AS(ops::embedding(tape, std::array<std::int32_t, 2>{1, 4}, b),
                       "[embedding] expected tokens from 0 to 3, got 4 at step 1", Error);
}

/// y = sum_k (k + 1) x_k of any number of inputs.
void weighted_backward(Tape& tape, const Node& node) {
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    float* const dx = tape.gradient(node.inputs[k]);
    for (std::size_t i = 0; dx != nullptr && i < node.size(); ++i) {
      dx[i] += static_cast<float>(k + 1) * node.gradient[i];
    }
  }
}

constexpr Op weighted_op{"weighted", weighted_backward};

Value weighted(Tape& tape, std::span<const Value> x) {
  Node& y = tape.push(weighted_op, x, 1, tape[x.front()].cols);
  std::fill(y.real, y.real + y.size(), 0.0F);
  for (std::size_t k = 0; k < x.size(); ++k) {
    for (std::size_t i = 0; i < y.size(); ++i) y.real[i] += static_cast<float>(k + 1) * tape.value(x[k])[i];
  }
  return tape.last();
}

TEST_CASE("tape: an op may have seven inputs, or as many as it likes") {
  for (const std::size_t count : {1U, 4U, 5U, 7U, 100U}) {
    CAPTURE(count);
    std::vector<Parameter> parameters;
    for (std::size_t k = 0; k < count; ++k) parameters.push_back({Tensor(1, 2, 0.5F), 2 * k});
    std::vector<float> gradient(2 * count, 0.0F);
    Pass pass;
    pass.gradients = true;
    pass.gradient = gradient;
    Tape tape;
    tape.begin(pass);
    std::vector<Value> x;
    for (const Parameter& p : parameters) x.push_back(tape.parameter(p));
    const Value y = weighted(tape, x);
    REQUIRE(tape[y].inputs.size() == count);
    CHECK(tape[y].constant);
    CHECK(tape.value(y)[1] == 0.25F * static_cast<float>(count * (count + 1)));
    tape.backward(y, std::array<float, 2>{1.0F, -1.0F});
    for (std::size_t k = 0; k < count; ++k) {
      CHECK(gradient[2 * k] == static_cast<float>(k + 1));
      CHECK(gradient[2 * k + 1] == -static_cast<float>(k + 1));
    }
  }
}

/// A training pass in which every array has `guard` more elements than it says, which must not change.
struct Guarded {
  static constexpr std::size_t guard = 4096;
  std::vector<float> observed, gradient;
  std::vector<std::uint32_t> counts;
  std::vector<double> statistics;
  Pass pass;
  Tape tape;

  Guarded(std::size_t ranges, std::size_t bins, std::size_t parameters, std::size_t moments)
      : observed(ranges + guard, 7.0F),
        gradient(parameters + guard, 7.0F),
        counts(bins + guard, 7),
        statistics(moments + guard, 7.0) {
    pass.training = pass.gradients = true;
    pass.observed = std::span(observed).first(ranges);
    pass.gradient = std::span(gradient).first(parameters);
    pass.counts = std::span(counts).first(bins);
    pass.statistics = std::span(statistics).first(moments);
    tape.begin(pass);
  }
  /// The sentence that `use` throws.
  template <class Use>
  std::string refusal(Use use) {
    const std::string said = error_of<Error>([&] { use(tape); });
    const auto untouched = [](const auto& all) {
      return std::all_of(all.end() - guard, all.end(), [](auto v) { return v == 7; });
    };
    CHECK(untouched(observed));
    CHECK(untouched(gradient));
    CHECK(untouched(counts));
    CHECK(untouched(statistics));
    return said;
  }
};

TEST_CASE("tape: an array of the pass that is too short is an error of the op that needs more; nothing is written") {
  const std::vector<float> data(12, -2.0F);
  Quantizer site = tests::quantizer_of("act:x", 8, {1.0F, 1.0F, 1.0F, 1.0F});
  site.spec.range = QuantSpec::Range::percentile;
  site.offset = 2;
  site.counts_offset = histogram_bins;
  const auto quantized = [&](Tape& tape) { (void)ops::quantize(tape, tape.input(3, 4, data.data()), site); };
  constexpr std::size_t bins = 5 * histogram_bins;
  CHECK(Guarded(6, bins, 0, 0).refusal(quantized).empty());
  CHECK(Guarded(5, bins, 0, 0).refusal(quantized) == "[tape] Pass::observed has 5 elements, act:x needs 4 from 2 on");
  CHECK(Guarded(0, bins, 0, 0).refusal(quantized) == "[tape] Pass::observed has 0 elements, act:x needs 4 from 2 on");
  CHECK(Guarded(6, bins - 1, 0, 0).refusal(quantized) ==
        "[tape] Pass::counts has 5119 elements, act:x needs 4096 from 1024 on");
  CHECK(Guarded(6, 0, 0, 0).refusal(quantized) == "[tape] Pass::counts has 0 elements, act:x needs 4096 from 1024 on");

  // a state, while it is rounded and while its range is found
  Quantizer state = tests::quantizer_of("state:x", 8, {1.0F, 1.0F});
  const std::array<std::size_t, 1> rows = {3};
  const auto scanned = [&](Tape& tape) {
    (void)ops::scan(tape, tape.input(1, 4, data.data()), tape.input(3, 4, data.data()), {rows, rows},
                    ops::Direction::forward, &state);
  };
  CHECK(Guarded(2, 0, 0, 0).refusal(scanned).empty());
  const std::string short_state = "[tape] Pass::observed has 1 elements, state:x needs 2 from 0 on";
  CHECK(Guarded(1, 0, 0, 0).refusal(scanned) == short_state);
  state.range.clear();
  Guarded calibrating(1, 0, 0, 0);
  calibrating.pass.calibrating = true;
  calibrating.tape.begin(calibrating.pass);
  CHECK(calibrating.refusal(scanned) == short_state);

  const Parameter weight{Tensor(2, 3), 5};
  const auto parameter = [&](Tape& tape) { (void)tape.parameter(weight); };
  CHECK(Guarded(0, 0, 11, 0).refusal(parameter).empty());
  CHECK(Guarded(0, 0, 10, 0).refusal(parameter) ==
        "[tape] Pass::gradient has 10 elements, a parameter needs 6 from 5 on");

  const std::vector<float> ones(4, 1.0F);
  const auto normalised = [&](Tape& tape) {
    const Value factor = tape.input(1, 4, ones.data());
    (void)ops::batch_norm(tape, tape.input(3, 4, data.data()), factor, factor, {ones, ones, 1});
  };
  CHECK(Guarded(0, 0, 0, 9).refusal(normalised).empty());
  CHECK(Guarded(0, 0, 0, 0).refusal(normalised).empty());  // a lane that keeps none
  CHECK(Guarded(0, 0, 0, 8).refusal(normalised) ==
        "[tape] Pass::statistics has 8 elements, batch_norm needs 8 from 1 on");
}

TEST_CASE("tape: what does not fit the values on the tape is an error that says what was expected") {
  const std::vector<float> data(12, 1.0F);
  Tape tape;
  tape.begin({});
  const Value x = tape.input(3, 4, data.data());
  const Value row = tape.input(1, 4, data.data());
  const std::vector<std::size_t> three = {3}, four = {4}, two = {2}, none = {0}, both = {1, 2};
  const Value b = tape.input(3, 3, data.data());
  for (const auto& pool : {ops::mean_pool, ops::last}) {
    CHECK_THROWS_WITH_AS(pool(tape, x, {four, three}), doctest::Contains("more rows than the 3 of the input"), Error);
    CHECK_THROWS_WITH_AS(pool(tape, x, {two, two}), doctest::Contains("the sequences have 2 rows, the input 3"), Error);
    CHECK_THROWS_WITH_AS(pool(tape, x, {three, none}), doctest::Contains("sequence 0 has length 0 of 3 rows"), Error);
    CHECK_THROWS_WITH_AS(pool(tape, x, {three, four}), doctest::Contains("sequence 0 has length 4 of 3 rows"), Error);
    CHECK_THROWS_WITH_AS(pool(tape, x, {both, three}), doctest::Contains("2 sequences have 1 lengths"), Error);
  }
  CHECK_THROWS_AS(ops::scan(tape, row, x, {four, four}, ops::Direction::forward), Error);
  CHECK_THROWS_AS(ops::tied_dropout(tape, x, std::array<float, 4>{}, {two, two}), Error);
  CHECK_THROWS_AS(ops::squared_error(tape, x, data, {two, two}), Error);
  const Quantizer dynamic = tests::quantizer_of("act:x", 8);
  const Sequences two_rows{two, two};
  CHECK_THROWS_AS(ops::quantize(tape, x, dynamic, &two_rows), Error);
  CHECK_THROWS_WITH_AS(ops::batch_norm(tape, x, row, row, {std::span(data).first(4), std::span(data).first(3), 0}),
                       doctest::Contains("4 means and 3 variances"), Error);
  CHECK_THROWS_WITH_AS(ops::sum(tape, x, {}), "[tape] an input is missing: a value that does not exist", Error);
  Parameter torn{Tensor(3, 4), 0};
  torn.value.data.pop_back();
  CHECK_THROWS_WITH_AS(tape.parameter(torn), "[tape] a parameter of shape [3, 4] has 11 elements", Error);
  CHECK_THROWS_AS(tape.push(weighted_op, {x}, std::size_t{1} << 40U, std::size_t{1} << 40U), Error);
  CHECK_THROWS_AS(tape.push(weighted_op, {x}, std::size_t{1} << 32U, std::size_t{1} << 30U), std::bad_alloc);
  tape.begin({});
  CHECK_THROWS_WITH_AS(ops::gelu(tape, b), "[tape] value 2 is none of the 0 on the tape: is it of an earlier pass?",
                       Error);
}

}  // namespace
}  // namespace bitstate::tests::tape_test

// An evaluation by the model's program against one by the tape: a batch of few sequences runs on the tape.
#include "experiments/training/integer_forward.h"

#include "core/error.h"
#include "experiments/settings/options.h"
#include "models/s5/models.h"
#include "tests/experiments/export/export_rig.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate {
namespace {

using tests::ExportRig;

constexpr std::size_t sequences = 36;

/// Evaluates a calibrated model.
struct EvaluationRig : ExportRig {
  Workers workers;
  LaneRunner runner;

  EvaluationRig(const std::string& recipe, const std::string& quant, const std::string& preset = "none",
                std::size_t threads = 2)
      : ExportRig(recipe, quant, preset, sequences),
        workers(threads),
        runner(model, inventory, experiments::metric_of(data),
               {3, padded(), inventory.has_batch_statistics(), data.reading.target_units}, workers) {}

  [[nodiscard]] bool has_program() const {
    datasets::Example example;
    data.test->read(5, example);
    return IntegerForward::of(model, example, padded()).has_value();
  }
  BatchResult together() { return of(*data.test); }
  BatchResult of(const datasets::Dataset& part) {
    std::vector<std::size_t> indices(sequences);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    return runner.run(LaneRunner::Mode::evaluate, part, indices);
  }
  /// One sequence at a time, on the tape.
  BatchResult alone() {
    BatchResult all;
    for (std::size_t i = 0; i < sequences; ++i) {
      const BatchResult& one = runner.run(LaneRunner::Mode::evaluate, *data.test, std::array{i});
      all.losses.push_back(one.losses[0]);
      all.metrics.push_back(one.metrics[0]);
      all.weights.push_back(one.weights[0]);
      all.tokens += one.tokens;
    }
    return all;
  }
};

void check_equal(const BatchResult& found, const BatchResult& expected) {
  CHECK(found.losses == expected.losses);
  CHECK(found.metrics == expected.metrics);
  CHECK(found.weights == expected.weights);
  CHECK(found.tokens == expected.tokens);
}

TEST_CASE("integer forward: loss and metric of every recipe are those of the tape, bit for bit") {
  std::size_t programs = 0;
  for (const std::string& recipe : experiments::recipe_names()) {
    if (experiments::load_run_config(recipe, {}).model.model != "s5") continue;  // which has no bits yet
    for (const char* quant : {"w8a8", "w4a8"}) {
      CAPTURE(recipe);
      CAPTURE(quant);
      EvaluationRig rig(recipe, quant);
      CHECK(rig.has_program() == !rig.data.pairs);
      programs += rig.has_program() ? 1 : 0;
      check_equal(rig.together(), rig.alone());
    }
  }
  CHECK(programs >= 42);
}

TEST_CASE("integer forward: a model that is float somewhere stays on the tape") {
  EvaluationRig dynamic("smnist-small", "w8a8", "qs5");
  CHECK(!dynamic.has_program());
  check_equal(dynamic.together(), dynamic.alone());
  EvaluationRig in_float("lorenz-small", "none");
  CHECK(!in_float.has_program());
  check_equal(in_float.together(), in_float.alone());
}

TEST_CASE("integer forward: any number of threads gives the same bits") {
  const BatchResult expected = EvaluationRig("imdb", "w8a8", "none", 1).together();
  for (const std::size_t threads : {2U, 5U})
    check_equal(EvaluationRig("imdb", "w8a8", "none", threads).together(), expected);
}

TEST_CASE("integer forward: an evaluation runs the weights of its own time") {
  EvaluationRig rig("lorenz-small", "w8a8");
  const std::vector<double> before = rig.together().losses;
  for (const auto& [name, parameter] : rig.inventory.parameters) {
    for (float& x : parameter->value.data) x *= 0.75F;
  }
  const BatchResult after = rig.together();
  CHECK(after.losses != before);
  check_equal(after, rig.alone());
}

/// The sequences of another part, of which one holds something that a model does not read.
class WithBad final : public datasets::Dataset {
 public:
  explicit WithBad(const datasets::Dataset& good) : good_(good) {}
  [[nodiscard]] std::size_t size() const override { return good_.size(); }
  void read(std::size_t index, datasets::Example& out) const override {
    good_.read(index, out);
    if (index != 7) return;
    if (!out.x.empty()) out.x[4] = std::numeric_limits<float>::quiet_NaN();
    if (!out.tokens.empty()) out.tokens[4] = 100'000;
  }

 private:
  const datasets::Dataset& good_;
};

TEST_CASE("integer forward: what a sequence must not hold is the model's to refuse") {
  EvaluationRig numbers("smnist-small", "w8a8");
  CHECK_THROWS_WITH_AS(numbers.of(WithBad(*numbers.data.test)), doctest::Contains("holds a NaN or an infinity"),
                       DivergedError);
  EvaluationRig tokens("imdb", "w8a8");
  CHECK_THROWS_WITH_AS(tokens.of(WithBad(*tokens.data.test)), doctest::Contains("[embedding] expected tokens from 0"),
                       Error);
}

/// A regressor whose rows are logits of classes, and that may double what it reads before its ops see it.
struct ClassPerStep {
  S5Regressor inner;
  bool doubles = false;

  Value forward(Tape& tape, const Batch& batch) const {
    if (!doubles) return inner.forward(tape, batch);
    float* const x = tape.arena().array<float>(batch.x.size());
    for (std::size_t i = 0; i < batch.x.size(); ++i) x[i] = 2.0F * batch.x[i];
    return inner.forward(tape, {batch.sequences, {x, batch.x.size()}, {}});
  }
  [[nodiscard]] OutputSpec output() const { return {Output::class_per_step}; }
  template <class V>
  void visit(V& v) {
    inner.visit(v);
  }
};

TEST_CASE("integer forward: logits at every step, with padding, are those of the tape") {
  EvaluationRig rig("lorenz-small", "w8a8");
  const Model model = ClassPerStep{*rig.model.as<S5Regressor>()};
  datasets::Example example;
  rig.data.test->read(3, example);
  const std::size_t padded = example.length + 6;
  const auto integer = IntegerForward::of(model, example, padded);
  REQUIRE(integer.has_value());
  const std::vector<std::size_t> rows{padded}, lengths{example.length};
  example.x.resize(example.x.size() / example.length * padded);
  const Batch batch{{rows, lengths}, example.x, {}};
  Tape fast, tape;
  fast.begin({});
  tape.begin({});
  const Value found = (*integer)(fast, batch);
  const Value expected = model.forward(tape, batch);
  REQUIRE(fast[found].rows == padded);
  REQUIRE(fast[found].cols == tape[expected].cols);
  const std::size_t size = example.length * fast[found].cols;
  CHECK(std::equal(fast.value(found), fast.value(found) + size, tape.value(expected)));
}

TEST_CASE("integer forward: a model that computes on its input outside of ops stays on the tape") {
  EvaluationRig rig("lorenz-small", "w8a8");
  datasets::Example example;
  rig.data.test->read(3, example);
  CHECK(IntegerForward::of(ClassPerStep{*rig.model.as<S5Regressor>(), false}, example, 0).has_value());
  CHECK(!IntegerForward::of(ClassPerStep{*rig.model.as<S5Regressor>(), true}, example, 0).has_value());
}

}  // namespace
}  // namespace bitstate

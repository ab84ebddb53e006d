// A model that no list of the project names goes through the lanes like those of S5.
#include "tests/experiments/training/custom_model.h"
#include "autograd/ops.h"
#include "autograd/optimizer.h"
#include "core/error.h"
#include "core/random.h"
#include "experiments/inspect/inspect.h"
#include "experiments/posttraining/balance.h"
#include "experiments/training/lane_runner.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

using namespace tests;

struct CustomRig {
  NoisySequences data;
  Model model;
  Inventory inventory = take_inventory(model);
  Workers workers{2};
  LaneRunner runner;
  std::vector<std::size_t> indices = std::vector<std::size_t>(12);

  CustomRig(Output output, Metric metric, std::size_t lanes = 5)
      : data(output), model(TwoLayers({output})), runner(model, inventory, metric, {lanes, 20, false, {}}, workers) {
    std::iota(indices.begin(), indices.end(), std::size_t{0});
  }
  CustomRig(const CustomRig&) = delete;

  BatchResult evaluated() { return runner.run(LaneRunner::Mode::evaluate, data, indices); }
  /// The mean loss after some steps of Adam on all sequences.
  double loss_after(std::size_t steps) {
    Optimizer optimizer(inventory.parameters, {});
    for (std::size_t step = 0; step < steps; ++step) {
      runner.run(LaneRunner::Mode::train, data, indices, 0, step);
      optimizer.step(inventory.parameters, runner.gradient(), 0.02, 0.02);
    }
    const std::vector<double> losses = evaluated().losses;
    return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
  }
};

TEST_CASE("custom model: it learns classes and values, per step and per sequence") {
  const std::vector<std::pair<Output, Metric>> kinds{
      {Output::class_per_sequence, Metric::accuracy},  {Output::class_per_step, Metric::accuracy},
      {Output::class_per_step, Metric::bits_per_byte}, {Output::values_per_step, Metric::rmse},
      {Output::values_per_sequence, Metric::mse},      {Output::values_per_sequence, Metric::smape}};
  for (const auto& [output, metric] : kinds) {
    CAPTURE(std::string(name_of(output)));
    CAPTURE(std::string(metric_name(metric)));
    CustomRig rig(output, metric);
    const double before = rig.loss_after(0);
    CHECK(rig.loss_after(5) == doctest::Approx(CustomRig(output, metric, 1).loss_after(5)).epsilon(1e-4));
    CHECK(rig.loss_after(200) < 0.5 * before);
  }
}

TEST_CASE("custom model: the weight of a sequence in RMSE is the number of its values") {
  CHECK(CustomRig(Output::values_per_step, Metric::rmse).evaluated().weights[3] == 5.0 * custom_outputs);
  CHECK(CustomRig(Output::values_per_sequence, Metric::rmse).evaluated().weights[3] == double{custom_outputs});
  CHECK(CustomRig(Output::class_per_sequence, Metric::accuracy).evaluated().weights[3] == 1.0);
}

TEST_CASE("custom model: what no example fits, and a metric that does not judge the output, are refused") {
  CHECK_THROWS_WITH_AS(CustomRig(Output::values_per_step, Metric::accuracy),
                       "[lanes] the model gives values per step, which accuracy does not judge", Error);
  CHECK_THROWS_WITH_AS(CustomRig(Output::class_per_sequence, Metric::rmse),
                       "[lanes] the model gives a class per sequence, which rmse does not judge", Error);
  Workers workers(1);
  for (const OutputSpec& spec : {OutputSpec{Output::class_per_sequence, 3}, OutputSpec{Output::values_per_step, 2}}) {
    Model model = TwoLayers(spec);
    const Inventory inventory = take_inventory(model);
    const Metric metric = gives_classes(spec.output) ? Metric::accuracy : Metric::mse;
    CHECK_THROWS_WITH_AS(LaneRunner(model, inventory, metric, {}, workers),
                         doctest::Contains("an example is one sequence, or a pair with one result"), Error);
  }
}

TEST_CASE("custom model: labels of steps are for a class per step, and for nothing else") {
  Workers workers(1);
  const std::vector<std::size_t> indices{0, 1};
  const auto refusal = [&](Output of_model, Output of_data) {
    const NoisySequences data(of_data);
    Model model = TwoLayers({of_model});
    const Inventory inventory = take_inventory(model);
    LaneRunner runner(model, inventory, Metric::accuracy, {}, workers);
    return error_of<Error>([&] { runner.run(LaneRunner::Mode::evaluate, data, indices); });
  };
  CHECK(refusal(Output::class_per_step, Output::class_per_sequence) ==
        "[lanes] the model gives a class per step, but the example has no labels of steps");
  CHECK(refusal(Output::class_per_sequence, Output::class_per_step) ==
        "[lanes] the model gives a class per sequence, but the example has labels of steps");
}

TEST_CASE("custom model: only labelled steps count, and a sequence weighs as many as it has") {
  CustomRig rig(Output::class_per_step, Metric::accuracy);
  const BatchResult all = rig.evaluated();
  CHECK(all.weights[3] == 5.0);
  /// The same sequences with a label at the last step alone, then at all others alone.
  struct Masked final : datasets::Dataset {
    NoisySequences all{Output::class_per_step};
    bool last = true;
    [[nodiscard]] std::size_t size() const override { return all.size(); }
    void read(std::size_t index, datasets::Example& out) const override {
      all.read(index, out);
      for (std::size_t t = 0; t < out.length; ++t) {
        if ((t + 1 == out.length) != last) out.labels[t] = datasets::no_label;
      }
    }
  } masked;
  const BatchResult last = rig.runner.run(LaneRunner::Mode::evaluate, masked, rig.indices);
  masked.last = false;
  const BatchResult others = rig.runner.run(LaneRunner::Mode::evaluate, masked, rig.indices);
  for (std::size_t i = 0; i < rig.indices.size(); ++i) {
    const double n = all.weights[i];
    CHECK(last.weights[i] == 1.0);
    CHECK(others.weights[i] == n - 1.0);
    CHECK(last.losses[i] + (n - 1.0) * others.losses[i] == doctest::Approx(n * all.losses[i]));
    CHECK(last.metrics[i] + (n - 1.0) * others.metrics[i] == doctest::Approx(n * all.metrics[i]));
  }
}

TEST_CASE("custom model: one that compares pairs refuses single sequences, and S5's balancing refuses it") {
  Workers workers(1);
  const NoisySequences data(Output::class_per_sequence);
  const std::vector<std::size_t> indices{0, 1};
  Model model = TwoLayers({Output::class_per_sequence, 2});
  Inventory inventory = take_inventory(model);
  LaneRunner runner(model, inventory, Metric::accuracy, {}, workers);
  CHECK_THROWS_WITH_AS(runner.run(LaneRunner::Mode::evaluate, data, indices),
                       "[lanes] the model reads pairs of sequences, but the example is a single one", Error);
  const CalibrationData calibration{data, indices, 1, 1};
  CHECK_THROWS_WITH_AS(balance({model, inventory, runner, calibration, workers}, {}),
                       "[balance] the model has no S5 SSM whose states could be balanced", UsageError);
}

TEST_CASE("custom model: inspection gives data that append an empty example each time") {
  CustomRig rig(Output::values_per_step, Metric::rmse);
  CHECK(inspect(rig.model, rig.inventory, rig.data, 3).steps == 2 + 3 + 4);
}

TEST_CASE("custom model: only the logits of classes need one scale for all columns") {
  const auto compares = [](Output output) {
    CustomRig rig(output, gives_classes(output) ? Metric::accuracy : Metric::mse);
    quantize_sites(rig.inventory, QuantConfig::parse("act:second.y 8 range=ema granularity=channel", "test"));
    rig.runner.run(LaneRunner::Mode::begin, rig.data, rig.indices);
    calibrate_ranges(rig.inventory, rig.runner.observed());
    for (const FloatIsland& island : inspect(rig.model, rig.inventory, rig.data, 1).islands) {
      if (island.op == "argmax") return true;
    }
    return false;
  };
  CHECK(compares(Output::class_per_sequence));
  CHECK(!compares(Output::values_per_sequence));
  CHECK(!compares(Output::values_per_step));
}

}  // namespace
}  // namespace bitstate::experiments

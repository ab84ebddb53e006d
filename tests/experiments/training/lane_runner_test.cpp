#include "experiments/training/lane_runner.h"

#include "autograd/ops.h"
#include "core/ranges.h"
#include "tests/experiments/training/lorenz_rig.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace bitstate {
namespace {

/// Runs training batches of one model on some lanes.
struct LaneRig {
  datasets::Splits data = datasets::lorenz({.trajectories = 20});
  Model model;
  Inventory inventory;
  Workers workers{2};
  LaneRunner runner;
  std::vector<std::size_t> indices = std::vector<std::size_t>(8);

  LaneRig(std::size_t lanes, double dropout, bool batchnorm = false, const char* rules = "")
      : model(model_with(dropout, batchnorm)),
        inventory(take_inventory(model)),
        runner(model, inventory, Metric::mse, {lanes, 0, batchnorm}, workers) {
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  }
  LaneRig(const LaneRig&) = delete;
  static Model model_with(double dropout, bool batchnorm) {
    S5Settings settings = tests::lorenz_settings();
    settings.d_model = 6;
    settings.p_dropout = dropout;
    settings.batchnorm = batchnorm;
    return tests::lorenz_model(settings);
  }

  std::vector<float> gradient(std::uint64_t step = 0) {
    runner.run(LaneRunner::Mode::train, *data.train, indices, 5, step);
    return {runner.gradient().begin(), runner.gradient().end()};
  }
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
    size += double{b[i]} * double{b[i]};
  }
  return std::sqrt(difference / size);
}

TEST_CASE("lanes: a batch leaves nothing behind for the next one") {
  LaneRig rig(4, 0.3);
  const auto first = rig.gradient();
  CHECK(rig.gradient() == first);
  CHECK(rig.gradient(1) != first);  // another step, another dropout
}

TEST_CASE(
    "lanes: their number changes the rounding of the gradient and nothing else, with dropout and batch statistics") {
  for (const bool batchnorm : {false, true}) {
    CAPTURE(batchnorm);
    LaneRig one(1, 0.3, batchnorm);
    const auto expected = one.gradient();
    for (const std::size_t lanes : {3U, 8U, 16U}) {
      LaneRig rig(lanes, 0.3, batchnorm);
      CHECK(distance(rig.gradient(), expected) < 1e-5);
    }
  }
}

TEST_CASE("lanes: maxima and histograms are those of the whole batch, whatever the number of lanes") {
  const auto seen = [](std::size_t lanes) {
    LaneRig rig(lanes, 0.0, false, "act:* 8 range=percentile alpha=99");
    rig.runner.run(LaneRunner::Mode::calibrate, *rig.data.train, rig.indices);
    const Observed observed = rig.runner.observed();
    return std::pair(std::vector(observed.maxima.begin(), observed.maxima.end()),
                     std::vector(observed.counts.begin(), observed.counts.end()));
  };
  const auto [maxima, counts] = seen(1);
  REQUIRE(!maxima.empty());
  REQUIRE(counts.size() == maxima.size() * histogram_bins);
  CHECK(std::accumulate(counts.begin(), counts.end(), std::size_t{0}) > 10'000);
  for (const std::size_t lanes : {2U, 5U, 8U}) {
    CAPTURE(lanes);
    const auto [same_maxima, same_counts] = seen(lanes);
    CHECK(same_maxima == maxima);
    CHECK(same_counts == counts);
  }
}

TEST_CASE("lanes: equal sequences at different places of the batch get different dropout masks") {
  LaneRig rig(8, 0.5);
  rig.indices.assign(8, 3);
  const auto& losses = rig.runner.run(LaneRunner::Mode::train, *rig.data.train, rig.indices, 5, 0).losses;
  std::size_t different = 0;
  for (const double loss : losses) different += loss != losses.front() ? 1 : 0;
  CHECK(different >= 6);
}

/// Three examples of one kind, made by hand.
class Made final : public datasets::Dataset {
 public:
  explicit Made(std::vector<datasets::Example> examples) : examples_(std::move(examples)) {}
  [[nodiscard]] std::size_t size() const override { return examples_.size(); }
  void read(std::size_t index, datasets::Example& out) const override { out = examples_[index]; }

 private:
  std::vector<datasets::Example> examples_;
};

datasets::Splits made(datasets::Task task, std::vector<datasets::Example> examples) {
  datasets::Splits splits;
  splits.name = "made";
  splits.task = task;
  splits.d_input = 5;
  splits.d_output = 2;
  splits.max_length = 6;
  splits.train = splits.test = std::make_shared<Made>(std::move(examples));
  return splits;
}

struct MadeRig {
  datasets::Splits data;
  Model model;
  Inventory inventory;
  Workers workers{2};
  LaneRunner runner;
  MadeRig(datasets::Splits splits, std::size_t lanes, bool packed, bool pad = false, double dropout = 0.0)
      : data(std::move(splits)),
        model(model_for(data, dropout)),
        inventory(take_inventory(model)),
        runner(model, inventory, gives_classes(model.output().output) ? Metric::accuracy : Metric::rmse,
               {lanes, pad ? data.max_length : 0, packed, data.reading.target_units}, workers) {}
  MadeRig(const MadeRig&) = delete;
  static Model model_for(const datasets::Splits& splits, double dropout) {
    S5Settings settings;
    settings.n_layers = 2;
    settings.d_model = 6;
    settings.ssm_size_base = 8;
    settings.blocks = 2;
    settings.bidirectional = true;
    settings.batchnorm = false;
    settings.p_dropout = dropout;
    const Output output = splits.task == datasets::Task::classification ? Output::class_per_sequence
                          : splits.task == datasets::Task::regression   ? Output::values_per_step
                                                                        : Output::values_per_sequence;
    return make_model(settings, {splits.d_input, splits.tokens, splits.d_output, {output, splits.pairs ? 2U : 1U}}, 0);
  }
  std::vector<double> losses() {
    const std::vector<std::size_t> indices{0, 1, 2};
    return runner.run(LaneRunner::Mode::train, *data.train, indices, 5, 0).losses;
  }
};

datasets::Splits pairs(bool swapped = false) {
  std::vector<datasets::Example> examples(3);
  const std::vector<std::vector<std::int32_t>> first{{0, 1, 2}, {3}, {4, 4, 1, 0}};
  const std::vector<std::vector<std::int32_t>> second{{2}, {3, 3, 3, 1, 2}, {0, 1}};
  for (std::size_t i = 0; i < 3; ++i) {
    examples[i].tokens = swapped ? second[i] : first[i];
    examples[i].second = swapped ? first[i] : second[i];
    examples[i].length = examples[i].tokens.size();
    examples[i].label = static_cast<std::int32_t>(i % 2);
  }
  datasets::Splits splits = made(datasets::Task::classification, std::move(examples));
  splits.tokens = splits.pairs = true;
  return splits;
}

TEST_CASE("lanes: pairs of documents of different lengths give the same losses alone, packed and in any lanes") {
  MadeRig alone(pairs(), 3, false);
  const auto expected = alone.losses();
  CHECK(alone.runner.run(LaneRunner::Mode::evaluate, *alone.data.train, std::vector<std::size_t>{0, 1, 2}).tokens ==
        16);
  for (const std::size_t lanes : {1U, 2U, 3U}) {
    MadeRig packed(pairs(), lanes, true);
    const auto losses = packed.losses();
    for (std::size_t i = 0; i < 3; ++i) CHECK(losses[i] == doctest::Approx(expected[i]).epsilon(1e-6));
  }
  MadeRig swapped(pairs(true), 3, false);  // which document is the first one matters
  CHECK(swapped.losses()[0] != doctest::Approx(expected[0]).epsilon(1e-6));
  MadeRig padded(pairs(), 3, false, true);  // padding is seen by the layers, as in the reference
  CHECK(padded.losses()[0] != doctest::Approx(expected[0]).epsilon(1e-6));
}

TEST_CASE("lanes: the dropout masks of a pair's documents are those of their places in the batch, 2 i and 2 i + 1") {
  MadeRig rig(pairs(), 3, false, false, 0.5);
  const auto losses = rig.losses();
  for (std::size_t i = 0; i < 3; ++i) {
    datasets::Example example;
    rig.data.train->read(i, example);
    const std::vector<std::size_t> rows{example.length, example.second.size()};
    std::vector<std::int32_t> tokens = example.tokens;
    tokens.insert(tokens.end(), example.second.begin(), example.second.end());
    Pass pass;
    pass.training = true;
    pass.seed = 5;
    Tape tape;
    tape.begin(pass);
    const Value logits = rig.model.forward(tape, {{rows, rows, 2 * i}, {}, tokens});
    const Value loss = ops::cross_entropy(tape, logits, std::vector<std::int32_t>{example.label});
    CHECK(losses[i] == doctest::Approx(tape.value(loss)[0]).epsilon(1e-6));
  }
}

TEST_CASE("lanes: one target per sequence is learnt from its pooled features; RMSE is in the target's units") {
  std::vector<datasets::Example> examples(3);
  for (std::size_t i = 0; i < 3; ++i) {
    examples[i].length = i + 1;
    examples[i].x.assign(5 * (i + 1), 0.25F * static_cast<float>(i + 1));
    examples[i].target = {0.5F, -1.0F};
  }
  datasets::Splits splits = made(datasets::Task::value, examples);
  MadeRig plain(splits, 3, false);
  const std::vector<std::size_t> indices{0, 1, 2};
  const BatchResult result = plain.runner.run(LaneRunner::Mode::evaluate, *plain.data.train, indices);
  for (std::size_t i = 0; i < 3; ++i) CHECK(result.metrics[i] == doctest::Approx(result.losses[i]).epsilon(1e-6));
  splits.reading.target_units = {{0.0F, 0.0F}, {3.0F, 3.0F}};
  MadeRig scaled(splits, 3, false);
  const BatchResult in_units = scaled.runner.run(LaneRunner::Mode::evaluate, *scaled.data.train, indices);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(in_units.metrics[i] == doctest::Approx(9.0 * result.metrics[i]).epsilon(1e-6));
}

TEST_CASE("lanes: RMSE over sequences of different lengths weighs every step alike") {
  std::vector<datasets::Example> examples(3);
  for (std::size_t i = 0; i < 3; ++i) {
    examples[i].length = 2 * i + 1;
    examples[i].x.assign(5 * examples[i].length, 0.1F);
    examples[i].target.assign(2 * examples[i].length, static_cast<float>(i));
  }
  MadeRig rig(made(datasets::Task::regression, examples), 2, false, true);
  const std::vector<std::size_t> indices{0, 1, 2};
  const BatchResult result = rig.runner.run(LaneRunner::Mode::evaluate, *rig.data.train, indices);
  CHECK(result.weights == std::vector<double>{2.0, 6.0, 10.0});
  for (std::size_t i = 0; i < 3; ++i) {  // the loss, too, is a mean over the true steps, and no padding
    CHECK(result.losses[i] == doctest::Approx(result.metrics[i]).epsilon(1e-6));
  }
  MetricMean mean(Metric::rmse);
  for (std::size_t i = 0; i < 3; ++i) mean.add(result.metrics[i], result.weights[i]);
  const double squares = 2 * result.metrics[0] + 6 * result.metrics[1] + 10 * result.metrics[2];
  CHECK(mean.value() == doctest::Approx(std::sqrt(squares / 18.0)));
}

}  // namespace
}  // namespace bitstate

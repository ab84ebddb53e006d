// Layers that backward() computes again change no bit of what a batch gives.
#include "experiments/training/lane_runner.h"
#include "experiments/training/named_rules.h"
#include "tests/experiments/training/lorenz_rig.h"

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <vector>

namespace bitstate::tests::recompute_training_test {
namespace {

/// What a calibration, a training batch and an evaluation gave.
struct Result {
  std::vector<double> losses, statistics;
  std::vector<float> gradient, maxima;
  std::vector<std::uint32_t> counts;
  std::size_t arena = 0;
  void add(const BatchResult& batch) {
    losses.insert(losses.end(), batch.losses.begin(), batch.losses.end());
    losses.insert(losses.end(), batch.metrics.begin(), batch.metrics.end());
  }
  void add(const Observed& observed) {
    maxima.insert(maxima.end(), observed.maxima.begin(), observed.maxima.end());
    counts.insert(counts.end(), observed.counts.begin(), observed.counts.end());
  }
};

Result run(const S5Settings& settings, const std::string& rules, bool recompute, std::size_t threads) {
  const datasets::Splits data = datasets::lorenz({.trajectories = 12});
  Model model = lorenz_model(settings);
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  Workers workers(threads);
  LaneRunner runner(model, inventory, Metric::mse, {3, 0, settings.batchnorm, {}, recompute}, workers);
  std::vector<std::size_t> indices(5);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  Result result;
  if (needs_calibration(inventory)) {
    result.add(runner.run(LaneRunner::Mode::begin, *data.train, indices));
    result.add(runner.observed());
    calibrate_ranges(inventory, runner.observed());
  }
  result.add(runner.run(LaneRunner::Mode::train, *data.train, indices, 5, 7));
  result.add(runner.observed());
  result.gradient.assign(runner.gradient().begin(), runner.gradient().end());
  result.statistics.assign(runner.statistics().begin(), runner.statistics().end());
  if (!settings.batchnorm) result.add(runner.run(LaneRunner::Mode::evaluate, *data.train, indices));
  result.arena = runner.peak_arena_bytes();
  return result;
}

/// Memory is compared where one thread runs one lane after the other.
void check(const S5Settings& settings, const std::string& rules) {
  const Result kept = run(settings, rules, false, 1);
  REQUIRE(!kept.gradient.empty());
  for (const std::size_t threads : {1U, 2U}) {
    CAPTURE(threads);
    const Result again = run(settings, rules, true, threads);
    CHECK(again.losses == kept.losses);
    CHECK(again.gradient == kept.gradient);
    CHECK(again.maxima == kept.maxima);
    CHECK(again.counts == kept.counts);
    CHECK(again.statistics == kept.statistics);
    if (threads == 1) CHECK(again.arena < kept.arena / 2);
  }
}

S5Settings settings() {
  S5Settings s = lorenz_settings();
  s.n_layers = 8;
  s.d_model = 12;
  s.batchnorm = false;
  s.p_dropout = 0.2;
  s.activation_fn = "half_glu1";
  return s;
}

TEST_CASE("recompute: a float batch keeps its bits, with dropout and with batch statistics over lanes") {
  for (const bool batchnorm : {false, true}) {
    CAPTURE(batchnorm);
    S5Settings s = settings();
    s.batchnorm = batchnorm;
    check(s, "");
  }
}

TEST_CASE("recompute: a batch of codes keeps its bits, also those of histograms, noise and learned ranges") {
  const std::string w8a8 = named_rules("w8a8");
  for (const char* const more : {"", "act:* 8 range=percentile alpha=99", "state:* 8 rounding=stochastic",
                                 "act:* 4 range=learned", "act:*.ssm.u none", "act:*residual none"}) {
    CAPTURE(more);
    for (const bool batchnorm : {false, true}) {
      CAPTURE(batchnorm);
      S5Settings s = settings();
      s.batchnorm = batchnorm;
      s.bidirectional = batchnorm;
      s.prenorm = !batchnorm;
      check(s, w8a8 + "\n" + more + "\n");
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::recompute_training_test

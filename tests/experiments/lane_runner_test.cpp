#include "experiments/lane_runner.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace bitstate::experiments {
namespace {

/// Runs training batches of one model on some lanes.
struct Rig {
  RunConfig config;
  datasets::Splits data;
  Model model;
  Inventory inventory;
  Workers workers{2};
  LaneRunner runner;
  std::vector<std::size_t> indices = std::vector<std::size_t>(8);

  Rig(std::size_t lanes, const char* dropout, bool batchnorm = false)
      : config(load_run_config("lorenz-small", {{"trajectories", "20"},
                                                {"d_model", "6"},
                                                {"p_dropout", dropout},
                                                {"batchnorm", batchnorm ? "true" : "false"}})),
        data(load_data(config)),
        model(make_model(config, data)),
        inventory(take_inventory(model)),
        runner(model, inventory, metric_of(data), {lanes, false, data.max_length, batchnorm}, workers) {
    std::iota(indices.begin(), indices.end(), std::size_t{0});
  }
  Rig(const Rig&) = delete;

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
  Rig rig(4, "0.3");
  const auto first = rig.gradient();
  CHECK(rig.gradient() == first);
  CHECK(rig.gradient(1) != first);  // another step, another dropout
}

TEST_CASE(
    "lanes: their number changes the rounding of the gradient and nothing else, with dropout and batch statistics") {
  for (const bool batchnorm : {false, true}) {
    CAPTURE(batchnorm);
    Rig one(1, "0.3", batchnorm);
    const auto expected = one.gradient();
    for (const std::size_t lanes : {3U, 8U, 16U}) {
      Rig rig(lanes, "0.3", batchnorm);
      CHECK(distance(rig.gradient(), expected) < 1e-5);
    }
  }
}

TEST_CASE("lanes: equal sequences at different places of the batch get different dropout masks") {
  Rig rig(8, "0.5");
  rig.indices.assign(8, 3);
  const auto& losses = rig.runner.run(LaneRunner::Mode::train, *rig.data.train, rig.indices, 5, 0).losses;
  std::size_t different = 0;
  for (const double loss : losses) different += loss != losses.front() ? 1 : 0;
  CHECK(different >= 6);
}

}  // namespace
}  // namespace bitstate::experiments

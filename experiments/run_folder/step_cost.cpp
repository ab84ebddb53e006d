#include "experiments/run_folder/step_cost.h"

#include "autograd/optimizer.h"
#include "experiments/host/machine.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/lane_runner.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

namespace bitstate::experiments {

StepCost measure_step(const RunConfig& config, const datasets::Splits& data) {
  using Clock = std::chrono::steady_clock;
  constexpr double enough_seconds = 2.0;
  Model model = make_model(config, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  Workers workers(config.run.threads);
  LaneRunner runner(model, inventory, metric_of(data),
                    {config.training.lanes, padded_length(config, data), inventory.has_batch_statistics(),
                     data.reading.target_units, config.run.memory == "small"},
                    workers);
  Optimizer optimizer(inventory.parameters, optimizer_settings(config));
  std::vector<std::size_t> batch(std::min(config.training.bsz, data.train->size()));
  std::iota(batch.begin(), batch.end(), std::size_t{0});
  if (needs_calibration(inventory)) {
    runner.run(LaneRunner::Mode::begin, *data.train, batch);
    calibrate_ranges(inventory, runner.observed());
  }
  const auto seconds_of = [](const auto& work) {
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::uint64_t step = 0;
  const auto train = [&] {
    runner.run(LaneRunner::Mode::train, *data.train, batch, config.training.seed, step++);
    optimizer.step(inventory.parameters, runner.gradient(), 1e-6, 1e-6);
    update_ranges(inventory, runner.observed());
  };
  double passed = seconds_of(train);  // makes the arenas, too
  double step_seconds = passed;
  for (int i = 0; i < 3 && passed < enough_seconds; ++i) {
    const double seconds = seconds_of(train);
    step_seconds = std::min(step_seconds, seconds);
    passed += seconds;
  }
  const double batch_seconds = seconds_of([&] { runner.run(LaneRunner::Mode::evaluate, *data.train, batch); });
  const double sequence_seconds = batch_seconds / static_cast<double>(batch.size());
  const datasets::Dataset& validation = data.validation ? *data.validation : *data.test;
  const std::size_t steps = data.train->size() / batch.size();
  return {step_seconds * static_cast<double>(steps), sequence_seconds * static_cast<double>(validation.size()),
          sequence_seconds * static_cast<double>(data.test->size()), resident_bytes()};
}

}  // namespace bitstate::experiments

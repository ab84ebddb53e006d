// A small run on generated data, and its model with what calibration and transforms read.
#pragma once

#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/lane_runner.h"
#include "models/model.h"

#include <cstddef>
#include <filesystem>
#include <numeric>
#include <vector>

namespace bitstate::tests {

/// lorenz-small on 40 trajectories for 2 epochs, with these options.
inline experiments::RunConfig small_lorenz(const experiments::Settings& options,
                                           const std::filesystem::path& out = {}) {
  experiments::Settings all{{"trajectories", "40"}, {"bsz", "4"}, {"epochs", "2"}};
  all.insert(all.end(), options.begin(), options.end());
  experiments::RunConfig c = experiments::load_run_config("lorenz-small", all);
  c.run.out = out.string();
  c.run.threads = 2;
  return c;
}

/// The untrained model of small_lorenz() under the rules of the run.
struct LorenzRig {
  experiments::RunConfig c;
  datasets::Splits data = experiments::load_data(c);
  Model model = experiments::make_model(c, data);
  Inventory inventory = take_inventory(model);
  Workers workers{2};
  LaneRunner runner{
      model, inventory, experiments::metric_of(data), {c.training.lanes, 0, c.model.s5.batchnorm}, workers};
  std::vector<std::size_t> order = std::vector<std::size_t>(data.train->size());

  explicit LorenzRig(const experiments::Settings& options) : c(small_lorenz(options)) {
    experiments::apply_quantization(c, inventory);
    std::iota(order.begin(), order.end(), std::size_t{0});
  }
  LorenzRig(const LorenzRig&) = delete;
};

}  // namespace bitstate::tests

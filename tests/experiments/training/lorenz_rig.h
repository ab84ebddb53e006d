// A small model of S5 and generated data, with what calibration and transforms read.
#pragma once

#include "autograd/quantizer.h"
#include "core/parallel.h"
#include "core/quant_spec.h"
#include "datasets/generators/dynamics.h"
#include "experiments/training/calibration.h"
#include "experiments/training/lane_runner.h"
#include "models/s5/settings.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::tests {

/// S5 for lorenz, with two layers of 4 states.
inline S5Settings lorenz_settings() {
  S5Settings settings;
  settings.n_layers = 2;
  settings.d_model = 3;
  settings.ssm_size_base = 8;
  settings.blocks = 2;
  settings.activation_fn = "gelu";
  settings.clip_eigs = true;
  return settings;
}

inline Model lorenz_model(const S5Settings& settings) {
  constexpr std::uint64_t seed = 1337;
  return make_model(settings, {.inputs = 3, .outputs = 3, .output = {Output::values_per_step}}, seed);
}

/// The untrained model of lorenz_settings() under `rules`.
struct LorenzRig {
  static constexpr std::size_t bsz = 4;
  datasets::Splits data = datasets::lorenz({.trajectories = 40});
  Model model = lorenz_model(lorenz_settings());
  Inventory inventory = take_inventory(model);
  Workers workers{2};
  LaneRunner runner{model, inventory, Metric::mse, {16, 0, true}, workers};
  std::vector<std::size_t> order = std::vector<std::size_t>(data.train->size());

  explicit LorenzRig(const std::string& rules) {
    quantize_sites(inventory, QuantConfig::parse(rules, "test"));
    std::iota(order.begin(), order.end(), std::size_t{0});
  }
  LorenzRig(const LorenzRig&) = delete;

  /// The training sequences for a calibration on so many batches.
  [[nodiscard]] CalibrationData calibration(std::size_t batches, bool trained = false) const {
    return {*data.train, order, bsz, batches, trained};
  }
};

}  // namespace bitstate::tests

// How a run trains, whatever its model is and whatever it learns.
#pragma once

#include "core/options.h"

#include <cstddef>
#include <cstdint>

namespace bitstate::experiments {

/// The defaults are those of S5's run_train.py.
struct TrainingSettings {
  std::size_t bsz = 64;      ///< sequences of a batch
  std::size_t epochs = 100;  ///< 0 only for weights of another run, which are calibrated and evaluated
  double ssm_lr_base = 1e-3;
  double lr_factor = 1.0;  ///< global learning rate = lr_factor · ssm_lr_base
  double lr_min = 0.0;
  std::size_t warmup_end = 1;  ///< epochs of linear warm-up
  bool cosine_anneal = true;
  double weight_decay = 0.05;
  std::uint64_t seed = 1919;
  std::size_t lanes = 16;               ///< lanes a batch is dealt to; part of the result, unlike threads
  std::size_t calibration_batches = 1;  ///< training batches that set the ranges before the first step
};

/// The table of TrainingSettings.
OptionTable<TrainingSettings> training_options();

}  // namespace bitstate::experiments

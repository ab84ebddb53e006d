// How a run trains, whatever its model is and whatever it learns.
#pragma once

#include "core/options.h"
#include "experiments/training/trainer_options.h"

namespace bitstate::experiments {

/// The options of the Trainer that are the user's; the rest of TrainerOptions follows from the run's model, its data
/// and its source. The defaults are those of S5's run_train.py.
struct TrainingSettings : LearningOptions {
  double lr_factor = 1.0;              ///< TrainerOptions::lr = lr_factor · second_lr
  std::string class_weights = "none";  ///< as class_weights() of experiments/training reads it
};

/// The table of TrainingSettings. `second_lr` has the name of S5's flag, ssm_lr_base.
OptionTable<TrainingSettings> training_options();

}  // namespace bitstate::experiments

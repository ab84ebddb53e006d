// How a run trains, whatever its model is and whatever it learns.
#pragma once

#include "core/options.h"
#include "experiments/training/trainer_options.h"

namespace bitstate::experiments {

/// The options of the Trainer, as far as they are the user's; the run fills in what follows from its model, its data
/// and its source. The defaults are those of S5's run_train.py.
struct TrainingSettings : TrainerOptions {
  double lr_factor = 1.0;  ///< learning rate = lr_factor · second_lr
};

/// The table of TrainingSettings. `second_lr` has the name of S5's flag, ssm_lr_base.
OptionTable<TrainingSettings> training_options();

}  // namespace bitstate::experiments

// A run for each fold of the user's own data.
#pragma once

#include "experiments/settings/run_config.h"
#include "experiments/training/team.h"

#include <memory>

namespace bitstate::experiments {

/// Trains each fold in the folder fold-0, fold-1, ... of config.run.out, one after the other, and says mean and sample
/// standard deviation of their errors, also as folds.csv. With config.run.resume folds that are done stay as they are.
/// Returns 75 where a signal ended a fold, 1 where one diverged or was given up, else 0. Throws what train() throws.
int train_folds(const RunConfig& config, const std::shared_ptr<Team>& team);

}  // namespace bitstate::experiments

// Fine-tuning with rules that were measured: an ordinary run that starts from the one that was measured.
#pragma once

#include "experiments/allocation/measured_run.h"
#include "experiments/run_folder/train.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::experiments {

struct Finetuning {
  MeasurementOptions measurement;
  bool holds_out = false;             ///< as MeasuredRun::holds_out()
  std::optional<std::size_t> epochs;  ///< none: a third of those of the run; 0: ranges are set, nothing is trained
};

/// Throws UsageError where the epochs must be given because the run itself was not trained.
void check_epochs(const Finetuning& tuning);

/// Trains in `folder` with a tenth of the learning rate of the run, as Q-S5 fine-tunes, or goes on there. The rules are
/// written to FOLDER.quant. Throws Stopped when it was interrupted, and as train() does.
TrainResult finetune(const Finetuning& tuning, const std::string& rules, const std::filesystem::path& folder);

}  // namespace bitstate::experiments

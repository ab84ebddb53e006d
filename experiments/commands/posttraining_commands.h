// The commands that make a quantized run of a float one without training it.
#pragma once

#include "experiments/run_folder/train.h"
#include "experiments/settings/command_line.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/team.h"

#include <memory>

namespace bitstate::experiments {

/// Says where the run is and how it ended, and returns its exit code.
int finish(const RunConfig& config, const TrainResult& result);

/// Both throw UsageError for a command line without a run or without what to change, and what train() throws.
int ptq_command(const CommandLine& line, const std::shared_ptr<Team>& team);
int evolve_command(const CommandLine& line);

}  // namespace bitstate::experiments

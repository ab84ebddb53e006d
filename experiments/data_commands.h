// The commands of bitstate that verify and generate data files.
#pragma once

#include "experiments/run_config.h"

namespace bitstate::experiments {

/// bitstate data: carries out the word after it and returns the exit code: 0, or 1 when files are missing or damaged.
int data_command(const CommandLine& line);

}  // namespace bitstate::experiments

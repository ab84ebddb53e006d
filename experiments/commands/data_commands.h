// The commands of bitstate that verify, download and generate data files.
#pragma once

#include "experiments/settings/command_line.h"

namespace bitstate::experiments {

/// bitstate data: carries out the word after it and returns the exit code: 0, 1 when files are missing or damaged,
/// or 75 when a download was interrupted, which the same command continues.
int data_command(const CommandLine& line);

}  // namespace bitstate::experiments

// The commands of bitstate that ask which part of a model needs its bits.
#pragma once

#include "experiments/settings/command_line.h"
#include "experiments/settings/options.h"

#include <vector>

namespace bitstate::experiments {

/// bitstate sensitivity and bitstate allocate; they return the exit code.
int sensitivity_command(const CommandLine& line);
int allocate_command(const CommandLine& line);

/// Their options, from those of all runs.
std::vector<OptionInfo> sensitivity_options(const std::vector<OptionInfo>& all);
std::vector<OptionInfo> allocate_options(const std::vector<OptionInfo>& all);

}  // namespace bitstate::experiments

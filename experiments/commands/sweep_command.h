// The command of bitstate that trains many runs.
#pragma once

#include "experiments/settings/command_line.h"

namespace bitstate::experiments {

/// bitstate sweep: plans, checks and trains, and returns the exit code.
int sweep_command(const CommandLine& line);

}  // namespace bitstate::experiments

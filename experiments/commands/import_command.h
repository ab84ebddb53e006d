// The command that makes a run of a published checkpoint.
#pragma once

#include "experiments/settings/command_line.h"

namespace bitstate::experiments {

/// Makes the folder of the run and says what is in it. Throws as import_run() does.
int import_command(const CommandLine& line);

}  // namespace bitstate::experiments

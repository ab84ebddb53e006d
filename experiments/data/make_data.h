// bitstate data make: data sets that are generated.
#pragma once

#include "experiments/settings/command_line.h"

#include <vector>

namespace bitstate::experiments {

/// The options of make.
std::vector<OptionInfo> make_options();

/// Makes the data set that the second positional argument names, in the folder --out. Returns the exit code:
/// exit_interrupted where a signal stopped it. UsageError for a name that is not generated and for options that are not
/// its own.
int make_data(const CommandLine& line);

}  // namespace bitstate::experiments

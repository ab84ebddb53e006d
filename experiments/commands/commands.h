// The commands of bitstate; command_table.h lists them.
#pragma once

#include <string>
#include <vector>

namespace bitstate::experiments {

/// Carries out `args` (without the program's name) and returns the exit code: 0, or 75 when a run was interrupted and
/// can be resumed, or 1 when runs of a sweep failed or files are damaged. Prints to the terminal. Throws UsageError for
/// mistakes in `args`, Error for everything else.
int run_command(const std::vector<std::string>& args);

}  // namespace bitstate::experiments

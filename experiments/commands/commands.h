// The commands of bitstate; command_table.h lists them.
#pragma once

#include "experiments/training/team.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Carries out `args` (without the program's name) and returns the exit code: 0, or 75 when a run was interrupted and
/// can be resumed, or 1 when runs of a sweep failed or files are damaged. Prints to the terminal. Throws UsageError for
/// mistakes in `args`, Error for everything else. Where `team` is given, all its ranks call it at the same time; then
/// every command but train and ptq is a UsageError.
int run_command(const std::vector<std::string>& args, const std::shared_ptr<Team>& team = nullptr);

/// The exit code of `command`, or that of the error that it throws. An error is a sentence on stderr that begins with
/// the name of the program; none is printed where that is empty.
int exit_code_of(std::string_view program, const std::function<int()>& command);

}  // namespace bitstate::experiments

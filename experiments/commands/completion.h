// Scripts that let a shell complete the command line, written from the table of commands.
#pragma once

#include "experiments/commands/command_table.h"

#include <string>
#include <vector>

namespace bitstate::experiments {

/// For bash: defines the function _bitstate and makes it the completion of bitstate.
std::string bash_completion(const std::vector<Command>& table);

/// For zsh: a file for a folder of $fpath, or to be sourced after compinit.
std::string zsh_completion(const std::vector<Command>& table);

}  // namespace bitstate::experiments

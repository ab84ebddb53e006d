// What every command is called, takes and does: the table behind --help and the completion of shells.
#pragma once

#include "experiments/settings/options.h"

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

struct Command {
  std::string name;
  std::string arguments;
  std::string summary;
  std::vector<std::string> examples;
  std::vector<OptionInfo> options;
  std::vector<std::vector<std::string>> words{};  ///< names that its first argument may be, its second, ...
  bool paths = true;                              ///< its arguments may be paths
  std::string notes{};                            ///< what --help says between options and examples
};

/// All commands; `run` are the options of runs with the values to show.
std::vector<Command> command_table(const std::vector<OptionInfo>& run = run_options());

/// The text of bitstate --help: the commands and the exit codes.
std::string command_line_help(const std::vector<Command>& table);

/// The text of bitstate COMMAND --help: options in groups with units and defaults, examples, exit codes. Where
/// `values_of`, a recipe or a run, is not empty, options that are not of the data set of `values` are left out.
std::string command_help(const Command& command, std::string_view values_of, const RunConfig& values);

}  // namespace bitstate::experiments

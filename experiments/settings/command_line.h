// A command line split into names and texts. What the options mean is for their tables.
#pragma once

#include "core/options.h"
#include "experiments/settings/ini.h"

#include <string>
#include <vector>

namespace bitstate::experiments {

/// A command line split into what it names and what it sets.
struct CommandLine {
  std::vector<std::string> positionals;
  Settings options;  ///< names with underscores, in order
  bool help = false;
  bool version = false;
};

/// Splits `args` (without program and command) by `options`. `--name=value` and `--name value` are the same, dashes in
/// names stand for underscores. Throws UsageError for an unknown name, suggesting the nearest one.
CommandLine parse_command_line(const std::vector<std::string>& args, const std::vector<OptionInfo>& options);

}  // namespace bitstate::experiments

// The table behind RunConfig: one row per option, with its unit, its help, how its text is read and how it is written.
#pragma once

#include "experiments/settings/run_config.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// One row. `set` throws UsageError naming the option, the value and what was expected; `text` is what set() reads
/// back.
struct Option : OptionInfo {
  bool affects_result = true;
  std::function<void(RunConfig&, std::string_view)> set;
  std::function<std::string(const RunConfig&)> text;
  bool verbatim = false;  ///< a path: white space at the ends of the value is part of it
  bool later = false;     ///< came after runs were named by their settings: at its default it is no part of their hash
};

/// The rows in the order of --help. Built once per call.
std::vector<Option> option_table();

}  // namespace bitstate::experiments

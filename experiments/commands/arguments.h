// What commands ask of their arguments.
#pragma once

#include "experiments/settings/command_line.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace bitstate::experiments {

/// The one positional argument, or "". Throws UsageError if there are more.
std::string only_positional(const CommandLine& line, std::string_view command);

/// The text of the option `name` as a whole number from 1 to `digits` nines. Throws UsageError for any other.
std::size_t count_of(std::string_view name, const std::string& text, std::size_t digits);

/// The command line as it can be given to a shell again.
std::string text_of(const CommandLine& line, std::string_view command);

}  // namespace bitstate::experiments

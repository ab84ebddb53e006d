// Text files of users and of runs, read whole.
#pragma once

#include "experiments/settings/ini.h"

#include <filesystem>
#include <string>

namespace bitstate::experiments {

/// The whole file. Throws UsageError if there is none, Error if it cannot be read.
std::string read_text(const std::filesystem::path& path);

/// parse_ini of a file. Throws as read_text does, and as parse_ini does.
Settings read_ini(const std::filesystem::path& path);

}  // namespace bitstate::experiments

// The text files that are compiled into bitstate: recipes, presets, quantization configurations, sweeps
// (cmake/embed.cmake).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// The text of "recipes/smnist.ini" and its like, or nothing.
std::optional<std::string_view> embedded_file(std::string_view name);

/// The stems of the files in a folder ("recipes", "configs", "presets", "sweeps"), sorted.
std::vector<std::string> embedded_names(std::string_view folder);

}  // namespace bitstate::experiments

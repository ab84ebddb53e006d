// What there is by name: recipes, quantization configurations, presets, sweeps and data sets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// "recipes", "configs", ...
std::vector<std::string> list_kinds();

/// One line per thing of this kind: its name and what it is. "" is for the kinds themselves. Throws UsageError.
std::string list_text(std::string_view kind);

/// The first comment of a recipe, configuration or sweep: one line that says what it is. "" where there is none.
std::string description_of(std::string_view text);

}  // namespace bitstate::experiments

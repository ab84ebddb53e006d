// The built-in quantization configurations (experiments/configs), as rules for any model.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate {

/// The rules of the configuration "w8a8" and its like, or of a preset's own "qs5/w8a8", in .quant syntax. They name
/// parts of S5; each is marked with ?, so that a model may lack them. Throws UsageError, suggesting the nearest name,
/// when there is none of this name.
std::string named_rules(std::string_view name);

/// `rules` with a ? before each glob: a model may lack any of their sites.
std::string optional_rules(std::string_view rules);

/// Path below experiments/ and text of every configuration, those of presets included.
std::vector<std::pair<std::string_view, std::string_view>> embedded_configs();

}  // namespace bitstate

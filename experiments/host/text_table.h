// Tables for a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

using Cells = std::vector<std::vector<std::string>>;

/// What stands in a cell that has no value.
inline constexpr std::string_view no_value = "–";

/// The rows with their columns aligned, the first row underlined. Column i is aligned to the left where `sides`[i] is
/// 'l', to the right where it is anything else or absent.
std::string aligned(const Cells& cells, std::string_view sides = "");

}  // namespace bitstate::experiments

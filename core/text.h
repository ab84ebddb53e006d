// Text between separators, and without the white space around it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// `text` without white space at both ends.
std::string_view trimmed(std::string_view text);

/// The non-empty, trimmed parts of `text` between separators.
std::vector<std::string> split(std::string_view text, std::string_view separators);

}  // namespace bitstate

// Text between separators, without the white space around it, and as a name of a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// `text` without white space at both ends.
std::string_view trimmed(std::string_view text);

/// The non-empty, trimmed parts of `text` between separators.
std::vector<std::string> split(std::string_view text, std::string_view separators);

/// `text` in small letters, digits, dots and single dashes for all else, with neither a dot nor a dash at its ends.
std::string slug_of(std::string_view text);

}  // namespace bitstate

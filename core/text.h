// Text between separators, without the white space around it, fit to be printed, and as a name of a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// `text` without white space at both ends.
std::string_view trimmed(std::string_view text);

/// The non-empty, trimmed parts of `text` between separators.
std::vector<std::string> split(std::string_view text, std::string_view separators);

/// `text` as a terminal and XML may have it: control characters, those that turn the direction of writing, and bytes
/// that are no UTF-8 are written as \x1B.
std::string printable(std::string_view text);

/// `text` in small letters, digits, dots and single dashes for all else, with neither a dot nor a dash at its ends.
std::string slug_of(std::string_view text);

}  // namespace bitstate

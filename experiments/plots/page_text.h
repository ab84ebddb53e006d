// What pages are made of: escaped text, and the report's style and script, inline, so that it needs nothing else.
#pragma once

#include <string>
#include <string_view>

namespace bitstate::experiments {

/// The page's CSS, with the palette of the plots for light and dark.
std::string page_style();

/// Sorts and filters the table; without it the table is as it is.
std::string_view page_script();

/// Text with &, <, >, " and ' replaced by entities.
std::string html_escaped(std::string_view text);

}  // namespace bitstate::experiments

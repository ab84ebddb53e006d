// What the report's page is dressed in: style and script, inline, so that it needs nothing else.
#pragma once

#include <string>
#include <string_view>

namespace bitstate::experiments {

/// The page's CSS, with the palette of the plots for light and dark.
std::string page_style();

/// Sorts and filters the table; without it the table is as it is.
std::string_view page_script();

}  // namespace bitstate::experiments

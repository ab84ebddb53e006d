// bitstate data show: what the user's own data hold.
#pragma once

#include "datasets/data_settings.h"

#include <filesystem>

namespace bitstate::experiments {

/// Prints what settings.path, or the parts of settings.own, hold: a table of columns, a plot of each, and what a
/// training would read, or why it would not. With `svg` also writes the plots to this file. Control characters in the
/// data are not printed as they are. Throws what own_content() throws, and Error where the file cannot be written.
void show_own_data(const datasets::DataSettings& settings, const std::filesystem::path& svg);

}  // namespace bitstate::experiments

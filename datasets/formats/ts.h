// .ts files, in which the UEA and UCR archives of time series come (sktime and aeon write them).
#pragma once

#include "datasets/formats/labelled_sequences.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::datasets {

/// Reads a .ts file: lines @keyword value, a line @data, then a sequence per line, of which the dimensions, and last
/// its label, are separated by colons, numbers by commas. Blank lines and those that begin with # or % are skipped.
/// @classLabel true a b c lists the classes (false: there are no labels), @targetLabel true says that labels are
/// numbers. @seriesLength n, and @equalLength true, say that all sequences have n steps, or as many as the first.
/// Throws Error naming file, line and reason for what is damaged, for a sequence of another length than that, for a
/// label that is missing or not in the list, and for a file with time stamps (@timeStamps true).
LabelledSequences read_ts(const std::filesystem::path& file, std::size_t max_bytes = std::size_t{1} << 32);

}  // namespace bitstate::datasets

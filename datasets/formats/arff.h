// .arff files of Weka, in which the UEA and UCR archives of time series come, too.
#pragma once

#include "datasets/formats/labelled_sequences.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::datasets {

/// Reads an ARFF file with a sequence per row. The last attribute is the label: nominal {a,b,c}, which lists the
/// classes, a string, or a number to be predicted. Those before it are the steps, one numeric attribute each; or there
/// is one relational attribute, whose text in quotes has a line per dimension. Steps that are ? at the end are padding.
/// Throws Error naming file, line and reason for what is damaged, for sparse rows, and for other attributes.
LabelledSequences read_arff(const std::filesystem::path& file, std::size_t max_bytes = std::size_t{1} << 32);

}  // namespace bitstate::datasets

// Text with a sequence per row, as the UCR archive comes: the label, then its numbers.
#pragma once

#include "datasets/formats/labelled_sequences.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::datasets {

/// Reads a table (read_text of text_file.h, CsvRows of csv_text.h) whose rows are sequences of one column: the first
/// cell is the label, the others are its steps. Cells at the end that are empty or NaN are padding. A first row in
/// which the second cell is neither a number nor missing is one of names. All other rows have as many cells. Throws
/// Error naming file, line and reason for what is damaged.
LabelledSequences read_sequence_rows(const std::filesystem::path& file, std::size_t max_bytes = std::size_t{1} << 32);

}  // namespace bitstate::datasets

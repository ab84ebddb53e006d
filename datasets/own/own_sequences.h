// The user's own sequences with their labels: .ts, .arff, text with a sequence per row, and folders of .wav files.
#pragma once

#include "datasets/dataset.h"
#include "datasets/formats/labelled_sequences.h"
#include "datasets/own/own.h"
#include "datasets/own/own_parts.h"

#include <filesystem>
#include <optional>

namespace bitstate::datasets {

/// Whether a file is one of sequences, or a folder holds one: a .ts, an .arff, or a table whose rows are sequences by
/// own.rows, or, where that says nothing, by its ending .tsv if no columns are named; or a folder holds folders of
/// .wav files.
bool holds_sequences(const std::filesystem::path& file_or_folder, const OwnSettings& own);

/// The sequences of such a file, or of a .wav, which has no label. Throws what the reader of its format throws.
LabelledSequences read_sequences(const std::filesystem::path& file);

/// Data from such files: a part is one, a folder of them, or a folder of folders of .wav files, whose names are labels.
/// Without parts their sequences are split by split_by_chance() into 80, 10 and 10 %. Inputs and values are
/// standardised by the training part. Throws UsageError for options that are not for sequences, Error for damaged
/// files, and for files without labels.
Splits own_sequences(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                     const std::optional<Reading>& reading);

}  // namespace bitstate::datasets

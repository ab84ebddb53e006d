// The user's own arrays x, y and length in HDF5, .npz and .mat files; docs/own-data.md describes them.
#pragma once

#include "core/io/rehearsal.h"
#include "datasets/dataset.h"
#include "datasets/formats/array_file.h"
#include "datasets/formats/labelled_sequences.h"
#include "datasets/own/own.h"
#include "datasets/own/own_parts.h"

#include <filesystem>
#include <memory>
#include <optional>

namespace bitstate::datasets {

std::unique_ptr<ArrayFile> open_arrays(const std::filesystem::path& path);

/// What `read` makes of the arrays of a file. HDF5 and libmatio crash on some damaged files: all but .npz are read in a
/// child process first.
template <class Read>
auto with_arrays(const std::filesystem::path& path, const Read& read) {
  const auto open_and_read = [&] { return read(*open_arrays(path)); };
  if (has_ending(path, {".npz"})) return open_and_read();
  return rehearsed(path, open_and_read);
}

/// Data from such files: a part is one, a folder of them, or, of a file that holds all, its group or the arrays with
/// its name. Without parts their sequences are split by split_by_chance() into 80, 10 and 10 %; a file of steps
/// (own.rows) is cut in time as a table is, and files of steps are split as sequences are. Throws UsageError for what
/// may be read in two ways, Error for damaged data.
Splits own_arrays(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                  const std::optional<Reading>& reading);

/// The sequences in x of a file, of each its true steps, for a model that is trained.
LabelledSequences read_array_inputs(const std::filesystem::path& file, const OwnSettings& own);

}  // namespace bitstate::datasets

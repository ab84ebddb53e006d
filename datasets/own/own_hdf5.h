// The user's own sequences in HDF5 files; the layout is described in docs/own-data.md.
#pragma once

#include "core/io/hdf5.h"
#include "datasets/dataset.h"
#include "datasets/own/own_parts.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The true lengths of the sequences of x, from the array `path`: all `longest` where there is none.
std::vector<std::size_t> read_lengths(const Hdf5Reader& file, std::string_view path, std::size_t sequences,
                                      std::size_t longest);

/// HDF5 1.10 crashes on some damaged files: these are read in a child process first (core/io/rehearsal.h).
///
/// A file with groups train, validation (or val; optional) and test, or with x, y and length at its root, which are
/// split by random_split of seed 42 into 80 %, 10 % and 10 %. `task` is auto, classification, regression or value.
/// Values are standardised by the units of `reading`, if it is given.
Splits own_hdf5(const std::filesystem::path& file, const std::string& task, const std::optional<Reading>& reading = {});

/// Files with x, y and length at their roots. Attributes are those of the training file.
Splits own_hdf5(const OwnFiles& files, const std::string& task, const std::optional<Reading>& reading = {});

}  // namespace bitstate::datasets

// The user's own sequences in HDF5 files; the layout is described in docs/own-data.md.
#pragma once

#include "datasets/dataset.h"

#include <filesystem>
#include <string>

namespace bitstate::datasets {

/// The file of each part; `validation` may be empty.
struct OwnFiles {
  std::filesystem::path train, validation, test;
};

/// HDF5 1.10 crashes on some damaged files: these are read in a child process first (core/rehearsal.h).
///
/// A file with groups train, validation (optional) and test, or with x, y and length at its root, which are split by
/// random_split of seed 42 into 80 %, 10 % and 10 %. `task` is auto, classification, regression or value.
Splits own_hdf5(const std::filesystem::path& file, const std::string& task);

/// Files with x, y and length at their roots. Attributes are those of the training file.
Splits own_hdf5(const OwnFiles& files, const std::string& task);

}  // namespace bitstate::datasets

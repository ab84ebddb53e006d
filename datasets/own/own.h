// The user's own data, from CSV and HDF5 files; docs/own-data.md is the guide.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::datasets {

/// What a run says of them, besides SeriesSettings.
struct OwnSettings {
  std::string input;          ///< columns of a .csv, with commas between
  std::string target;         ///< likewise
  std::string task = "auto";  ///< or classification, regression, value: see OwnOptions
};

/// The table of OwnSettings.
OptionTable<OwnSettings> own_options();

struct OwnOptions {                            // of CSV unless said otherwise
  std::vector<std::string> input{}, target{};  ///< names of columns, or their numbers from 0 on
  std::size_t window = 0;                      ///< steps of a sequence; 0: whole series
  std::size_t stride = 0;                      ///< distance of the starts of training sequences; 0: window
  std::size_t horizon = 0;                     ///< the target at step t is that of row t + horizon: forecasting
  /// Also of HDF5. classification: a class a sequence, regression: a value a step, value: one a sequence (of CSV the
  /// last row's); auto: of CSV regression, of HDF5 what type and shape of y say.
  std::string task = "auto";
  std::optional<Reading> reading{};  ///< units to take instead of those of the training part
};

/// Data from
///   a .csv   a series: its first 80 % are the training part, the next 10 % validation, the last 10 % the test part
///   a .h5    own_hdf5()
///   a folder with train, test and, optionally, validation (or val, valid, dev): each a .csv, a .h5, or a folder of
///            .csv files, of which each is a series (own_parts.h)
/// Windows of the training part begin every `stride` steps; those of the other parts follow each other, the last may be
/// shorter. Columns of CSV files are standardised by the training part (not classes), HDF5 arrays if the root has an
/// attribute standardize = 1. Everything is kept in memory.
/// Throws UsageError for options that fit neither each other nor the data, as a target among the inputs without a
/// horizon; Error for damaged data, and for what can be read in two ways.
Splits own_data(const std::filesystem::path& file_or_folder, const OwnOptions& options);

}  // namespace bitstate::datasets

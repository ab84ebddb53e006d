// The user's own data, from tables as text, HDF5, .npy and text files; docs/own-data.md is the guide.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"
#include "datasets/formats/table_settings.h"
#include "datasets/sequences.h"
#include "datasets/windows.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::datasets {

/// What a run says of them, besides SeriesSettings.
struct OwnSettings {
  std::string input{};   ///< of tables: columns with commas between, by name or by number from 0 on
  std::string target{};  ///< likewise
  /// classification: a class per sequence, regression: a value per step, value: one per sequence (of tables the last
  /// row's); auto: of tables regression, of HDF5 what type and shape of y say.
  std::string task = "auto";
  std::size_t vocabulary = 0;                 ///< of token files: ids are below; 0: what they hold, of bytes 256
  std::optional<std::size_t> document_end{};  ///< of token files: the id that ends a document
  TableSettings table{};                      ///< how tables are read
};

/// The table of OwnSettings.
OptionTable<OwnSettings> own_options();

/// Data from
///   a table (.csv, .tsv, .dat, perhaps .gz; with input or target .txt, too)
///            a series: its first 80 % are the training part, the next 10 % validation, the last 10 % the test part
///   a .h5    own_hdf5()
///   a .npy or .txt  own_tokens()
///   a folder with train, test and, optionally, validation (or val, valid, dev): each such a file, or a
///            folder of tables, of which each is a series, or of .npy or .txt files (own_parts.h)
/// A .txt file beside other tables of a part is not read. Rows of a table that do not follow each other in time
/// (Csv::starts) part it into several series. Windows of series have series.window steps (0: the whole series). Those
/// of the training part begin every series.stride steps (0: window); those of the other parts follow each other, the
/// last may be shorter. Columns of tables are standardised by the training part (not classes), HDF5 arrays if the root
/// has an attribute standardize = 1. Everything is kept in memory. `reading`: units to take instead of those of the
/// training part. Throws UsageError for options that fit neither each other nor the data, as a target among the inputs
/// without a horizon; Error for damaged data, and for what can be read in two ways.
Splits own_data(const std::filesystem::path& file_or_folder, const OwnSettings& own, const SeriesSettings& series = {},
                const std::optional<Reading>& reading = {}, const StreamSettings& stream = {});

}  // namespace bitstate::datasets

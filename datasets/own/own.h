// The user's own data, from tables as text, HDF5, .npy and text files; docs/own-data.md is the guide.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"
#include "datasets/formats/table_settings.h"
#include "datasets/own/folds.h"
#include "datasets/own/own_parts.h"
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
  /// What the rows of a table or an array are: steps, sequences (in a table their label, then their numbers), or auto:
  /// steps of tables, but sequences of a .tsv of which no columns are named, and of arrays.
  std::string rows = "auto";
  OwnFiles parts{};        ///< in place of one file or folder
  std::string x{};         ///< of files of arrays: the name of the inputs; empty: x
  std::string y{};         ///< likewise of what is learnt; empty: y
  FoldSettings folding{};  ///< of series and sequences
};

/// The table of OwnSettings.
OptionTable<OwnSettings> own_options();

enum class OwnKind { tables, arrays, sequences, tokens };

/// What a file, or a folder of files, holds. Throws UsageError for a file of another kind.
OwnKind own_kind(const std::filesystem::path& file_or_folder, const OwnSettings& own);

/// Data from
///   a table (.csv, .tsv, .dat, perhaps .gz; with input or target .txt, too)
///            a series: its first 80 % are the training part, the next 10 % validation, the last 10 % the test part
///   a .h5, .npz or .mat  own_arrays()
///   a .npy or .txt  own_tokens()
///   a .ts, an .arff, a table of sequences or folders of .wav files  own_sequences()
///   parts, own.parts or those in a folder (find_parts): each such a file, or a folder of tables, of which each is a
///            series, of .npy or .txt files, or of files of arrays or sequences
/// A model that is trained (`reading`) may read the test part alone; it then stands for the training part, too.
/// A .txt file beside other tables of a part is not read. Rows of a table that do not follow each other in time
/// (Csv::starts) part it into several series. Windows of series have series.window steps (0: the whole series). Those
/// of the training part begin every series.stride steps (0: window); those of the other parts follow each other, the
/// last may be shorter. Columns of tables and sequences are standardised by the training part (not classes), HDF5
/// arrays if the root has an attribute standardize = 1. Everything is kept in memory. `reading`: units to take instead
/// of those of the training part. Throws UsageError for options that fit neither each other nor the data, as a target
/// among the inputs without a horizon; Error for damaged data, and for what can be read in two ways.
Splits own_data(const std::filesystem::path& file_or_folder, const OwnSettings& own, const SeriesSettings& series = {},
                const std::optional<Reading>& reading = {}, const StreamSettings& stream = {});

}  // namespace bitstate::datasets

#include "datasets/own.h"

#include "core/error.h"
#include "datasets/csv.h"
#include "datasets/own_hdf5.h"
#include "datasets/sequences.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

bool is_csv(const fs::path& file) { return file.extension() == ".csv"; }
bool is_hdf5(const fs::path& file) { return file.extension() == ".h5" || file.extension() == ".hdf5"; }

Task csv_task(const OwnOptions& options) {
  if (options.task == "classification") return Task::classification;
  return options.task == "value" ? Task::value : Task::regression;
}

void check_task(const std::string& task) {
  constexpr std::array<std::string_view, 4> allowed = {"auto", "classification", "regression", "value"};
  require<UsageError>(std::find(allowed.begin(), allowed.end(), task) != allowed.end(), "task",
                      "expected one of {}, got \"{}\"", fmt::join(allowed, ", "), task);
}

void check_csv_options(const OwnOptions& options) {
  for (const auto& [key, columns] : {std::pair{"input", &options.input}, {"target", &options.target}}) {
    require<UsageError>(!columns->empty(), key, "a CSV file needs --{}=COLUMN,... (names, or numbers from 0 on)", key);
  }
  require<UsageError>(options.stride == 0 || options.window > 0, "stride", "is {}, but there is no window to move",
                      options.stride);
  require<UsageError>(csv_task(options) != Task::classification || options.target.size() == 1, "target",
                      "classification needs one column, but there are {}: {}", options.target.size(),
                      fmt::join(options.target, ", "));
}

void check_hdf5_options(const OwnOptions& options) {
  const bool none = options.input.empty() && options.target.empty() && options.window == 0 && options.stride == 0 &&
                    options.horizon == 0;
  require<UsageError>(none, "data", "input, target, window, stride and horizon are for CSV files, not for HDF5");
}

/// The columns of a file: those of the input, then those of the target.
Csv read_columns(const fs::path& file, const OwnOptions& options) {
  std::vector<std::string> columns = options.input;
  columns.insert(columns.end(), options.target.begin(), options.target.end());
  return read_csv(file, columns);
}

/// The splits of series of the columns that `options` name.
Splits cut_columns(SeriesParts parts, const OwnOptions& options) {
  const Cutting cutting{csv_task(options), options.window,  options.stride,
                        options.window,    options.horizon, options.reading};
  return cut_series("own", std::move(parts), options.input.size(), options.target.size(), cutting);
}

/// One file, cut in time.
Splits from_csv(const fs::path& file, const OwnOptions& options) {
  check_csv_options(options);
  const Csv table = read_columns(file, options);
  const std::size_t d_input = options.input.size();
  const std::size_t train = table.rows * 8 / 10;
  const std::size_t validation = table.rows * 9 / 10;
  require(table.rows >= 10, "own", "{} has {} rows, but splitting them takes at least 10", file.string(), table.rows);
  const auto part = [&](std::string_view name, std::size_t first, std::size_t last) {
    return series_of(table, d_input, first, last, fmt::format("own: {}, the {} part", file.string(), name));
  };
  return cut_columns(
      {{part("training", 0, train)}, {part("validation", train, validation)}, {part("test", validation, table.rows)}},
      options);
}

/// The file or folder of one part; empty if there is none.
fs::path find_part(const fs::path& folder, const std::vector<std::string_view>& names) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const std::string_view name : names) {
    for (const std::string_view ending : {"", ".csv", ".h5", ".hdf5"}) {
      fs::path path = folder / fmt::format("{}{}", name, ending);
      if (ending.empty() ? fs::is_directory(path, ignored) : fs::is_regular_file(path, ignored)) {
        found.push_back(std::move(path));
      }
    }
  }
  require(found.size() < 2, "own", "{} and {} are the same part", found.empty() ? "" : found.front().string(),
          found.empty() ? "" : found.back().string());
  return found.empty() ? fs::path() : found.front();
}

/// The .csv files of a part, by name.
std::vector<fs::path> files_of(const fs::path& part) {
  if (!fs::is_directory(part)) return {part};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(part)) {
    if (is_csv(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  require(!files.empty(), "own", "{} holds no .csv file", part.string());
  return files;
}

std::vector<Series> read_part(const fs::path& part, const OwnOptions& options) {
  std::vector<Series> all;
  if (part.empty()) return all;
  for (const fs::path& file : files_of(part)) {
    const Csv table = read_columns(file, options);
    all.push_back(series_of(table, options.input.size(), 0, table.rows, "own: " + file.string()));
  }
  return all;
}

Splits from_folder(const fs::path& folder, const OwnOptions& options) {
  const OwnFiles files{find_part(folder, {"train"}), find_part(folder, {"validation", "val"}),
                       find_part(folder, {"test"})};
  require(!files.train.empty() && !files.test.empty(), "own",
          "{} holds no {}: a folder of data has train and test, each a .csv, a .h5 or a folder of .csv files",
          folder.string(), files.train.empty() ? "train" : "test");
  const bool hdf5 = is_hdf5(files.train);
  for (const fs::path& file : {files.validation, files.test}) {
    require(file.empty() || is_hdf5(file) == hdf5, "own", "{} and {} are files of different kinds",
            files.train.string(), file.string());
  }
  if (hdf5) {
    check_hdf5_options(options);
    return own_hdf5(files, options.task, options.reading);
  }
  check_csv_options(options);
  return cut_columns(
      {read_part(files.train, options), read_part(files.validation, options), read_part(files.test, options)}, options);
}

}  // namespace

Splits own_data(const fs::path& file_or_folder, const OwnOptions& options) {
  check_task(options.task);
  std::error_code ignored;
  if (fs::is_directory(file_or_folder, ignored)) return from_folder(file_or_folder, options);
  require<UsageError>(is_csv(file_or_folder) || is_hdf5(file_or_folder), "data",
                      "{} is neither a folder nor a .csv or .h5 file", file_or_folder.string());
  if (is_csv(file_or_folder)) return from_csv(file_or_folder, options);
  check_hdf5_options(options);
  return own_hdf5(file_or_folder, options.task, options.reading);
}

}  // namespace bitstate::datasets

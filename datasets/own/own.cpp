#include "datasets/own/own.h"

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/csv.h"
#include "datasets/own/own_hdf5.h"
#include "datasets/own/own_parts.h"
#include "datasets/own/own_tokens.h"
#include "datasets/sequences.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

/// What is asked for, with the columns one by one.
struct Request {
  std::vector<std::string> input, target;
  std::string task;
  TableSettings table;
  SeriesSettings series;
  std::optional<Reading> reading;
};

Task csv_task(const Request& options) {
  if (options.task == "classification") return Task::classification;
  return options.task == "value" ? Task::value : Task::regression;
}

void check_task(const std::string& task) {
  constexpr std::array<std::string_view, 4> allowed = {"auto", "classification", "regression", "value"};
  require<UsageError>(std::find(allowed.begin(), allowed.end(), task) != allowed.end(), "task",
                      "expected one of {}, got \"{}\"", fmt::join(allowed, ", "), task);
}

void check_csv_options(const Request& options) {
  for (const auto& [key, columns] : {std::pair{"input", &options.input}, {"target", &options.target}}) {
    require<UsageError>(!columns->empty(), key, "a CSV file needs --{}=COLUMN,... (names, or numbers from 0 on)", key);
  }
  require<UsageError>(options.series.stride == 0 || options.series.window > 0, "stride",
                      "is {}, but there is no window to move", options.series.stride);
  require<UsageError>(csv_task(options) != Task::classification || options.target.size() == 1, "target",
                      "classification needs one column, but there are {}: {}", options.target.size(),
                      fmt::join(options.target, ", "));
}

void check_hdf5_options(const Request& options) {
  const bool none = options.input.empty() && options.target.empty() && options.series.window == 0 &&
                    options.series.stride == 0 && options.series.horizon == 0 && options.table == TableSettings{};
  require<UsageError>(none, "data",
                      "input, target, window, stride, horizon and how tables are read are for CSV files, not for HDF5");
}

/// Reads series, and notes what was read.
class SeriesReader {
 public:
  explicit SeriesReader(const Request& options) : options_(options) {}

  /// The columns of a file: those of the input, then those of the target.
  Csv read(const fs::path& file) {
    std::vector<std::string> columns = options_.input;
    columns.insert(columns.end(), options_.target.begin(), options_.target.end());
    const std::size_t classes = csv_task(options_) == Task::classification ? options_.target.size() : 0;
    Csv table = read_csv(file, columns, options_.table, classes);
    check_target(table, file);
    if (files_ == 0) {
      name_ = file.filename().string();
      header_ = table.header;
    }
    ++files_;
    rows_ += table.rows;
    if (table.header.empty()) ++without_header_;
    for (const std::string& note : table.notes) {
      if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) notes_.push_back(note);
    }
    return table;
  }

  /// "1000 rows of a.csv with the header t, u, y, input u, target y (decimal comma)"
  [[nodiscard]] std::string origin() const {
    const std::string where = files_ == 1 ? name_ : fmt::format("{} files", files_);
    std::string header = "without a header";
    if (without_header_ == 0) {
      constexpr std::size_t shown = 20;
      const std::size_t count = std::min(header_.size(), shown);
      header = fmt::format("with the header {}{}", fmt::join(std::span(header_).first(count), ","),
                           count < header_.size() ? ",..." : "");
    } else if (without_header_ < files_) {
      header = fmt::format("{} of them without a header", without_header_);
    }
    constexpr std::size_t shown_notes = 8;
    const auto notes = std::span(notes_).first(std::min(notes_.size(), shown_notes));
    return fmt::format("{} rows of {} {}, input {}, target {}{}", rows_, where, header, fmt::join(options_.input, ","),
                       fmt::join(options_.target, ","),
                       notes.empty() ? "" : fmt::format(" ({})", fmt::join(notes, ", ")));
  }

 private:
  /// With a horizon the model knows the present value of what it predicts; without one it would copy it.
  void check_target(const Csv& table, const fs::path& file) const {
    if (options_.series.horizon > 0) return;
    const auto inputs = std::span(table.positions).first(options_.input.size());
    for (std::size_t c = inputs.size(); c < table.positions.size(); ++c) {
      require<UsageError>(
          std::find(inputs.begin(), inputs.end(), table.positions[c]) == inputs.end(), "target",
          "column {} of {} is an input, too, so that a model would only copy it: leave it out of --input, "
          "or let it be predicted with --horizon=1 or more",
          table.names[c], file.string());
    }
  }

  const Request& options_;
  std::size_t files_ = 0, rows_ = 0, without_header_ = 0;
  std::string name_;                 // of the first file
  std::vector<std::string> header_;  // likewise
  std::vector<std::string> notes_;   // of all files, each once
};

/// The splits of series of the columns that `options` name.
Splits cut_columns(const SeriesParts& parts, const Request& options, std::string origin) {
  const Cutting cutting{csv_task(options),     options.series.window,  options.series.stride,
                        options.series.window, options.series.horizon, options.reading};
  Splits splits = cut_series("own", parts, options.input.size(), options.target.size(), cutting);
  splits.origin = std::move(origin);
  return splits;
}

/// One file, cut in time.
Splits from_csv(const fs::path& file, const Request& options) {
  check_csv_options(options);
  SeriesReader reader(options);
  const Csv table = reader.read(file);
  const std::size_t d_input = options.input.size();
  const std::size_t train = table.rows * 8 / 10;
  const std::size_t validation = table.rows * 9 / 10;
  require(table.rows >= 10, "own", "{} has {} rows, but splitting them takes at least 10", file.string(), table.rows);
  const auto part = [&](std::string_view name, std::size_t first, std::size_t last) {
    return all_series_of(table, d_input, first, last, options.series.horizon,
                         fmt::format("own: {}, the {} part", file.string(), name));
  };
  return cut_columns(
      {part("training", 0, train), part("validation", train, validation), part("test", validation, table.rows)},
      options, reader.origin());
}

Splits from_folder(const fs::path& folder, const Request& options) {
  std::vector<std::string> ignored;
  const OwnFiles files = find_parts(folder, ignored);
  const bool hdf5 = is_hdf5(files.train);
  for (const fs::path& file : {files.validation, files.test}) {
    require(file.empty() || is_hdf5(file) == hdf5, "own", "{} and {} are files of different kinds",
            files.train.string(), file.string());
  }
  if (hdf5) {
    check_hdf5_options(options);
    Splits splits = own_hdf5(files, options.task, options.reading);
    splits.origin += not_read(ignored);
    return splits;
  }
  check_csv_options(options);
  SeriesReader reader(options);
  const auto read_part = [&](const fs::path& part) {
    std::vector<Series> all;
    if (part.empty()) return all;
    for (const fs::path& file : table_files(part, ignored)) {
      const Csv table = reader.read(file);
      for (Series& series :
           all_series_of(table, options.input.size(), 0, table.rows, options.series.horizon, "own: " + file.string())) {
        all.push_back(std::move(series));
      }
    }
    return all;
  };
  const SeriesParts parts{read_part(files.train), read_part(files.validation), read_part(files.test)};
  return cut_columns(parts, options, reader.origin() + not_read(ignored));
}

/// A folder is what its training part is. Columns are those of tables, so with them a .txt is one.
bool is_of_tokens(const fs::path& file_or_folder, const OwnSettings& own) {
  std::error_code error;
  const bool columns = !own.input.empty() || !own.target.empty();
  if (!fs::is_directory(file_or_folder, error))
    return is_tokens(file_or_folder) && !(columns && is_text(file_or_folder));
  std::vector<std::string> ignored;
  const fs::path train = find_parts(file_or_folder, ignored).train;
  return holds_tokens(train) && !(columns && holds_texts(train));
}

/// "none" or an id.
void add_document_end(OptionTable<OwnSettings>& table) {
  auto& end = table.add(
      "document_end", "ID", "of .npy and .txt files: the id that ends a document, or none",
      [](OwnSettings& s, std::string_view value) {
        s.document_end.reset();
        if (value != "none") s.document_end = options::read_whole("document_end", value, 0, max_id);
      },
      [](const OwnSettings& s) { return s.document_end ? options::whole_text(*s.document_end) : "none"; });
  end.decides_test = true;
  end.of_evaluation = true;
}

}  // namespace

OptionTable<OwnSettings> own_options() {
  OptionTable<OwnSettings> table("data");
  table.text("input", "COLUMNS", &OwnSettings::input, "columns of a table that are inputs: a,b");
  table.text("target", "COLUMNS", &OwnSettings::target, "columns of a table that are targets").decides_test = true;
  table.word("task", &OwnSettings::task, {"auto", "classification", "regression", "value"}, "what is learnt")
      .decides_test = true;
  table.whole("vocabulary", "IDS", &OwnSettings::vocabulary, 0, std::size_t{max_id} + 1,
              "of .npy and .txt files; 0: one more than the largest id, of bytes 256");
  add_document_end(table);
  table.nested(table_options(), &OwnSettings::table);
  return table;
}

Splits own_data(const fs::path& file_or_folder, const OwnSettings& own, const SeriesSettings& series,
                const std::optional<Reading>& reading, const StreamSettings& stream) {
  check_task(own.task);
  if (is_of_tokens(file_or_folder, own)) return own_tokens(file_or_folder, own, series, stream, reading);
  require<UsageError>(own.vocabulary == 0 && !own.document_end && !stream.carries(), "data",
                      "vocabulary, document_end and stream are for .npy and .txt files");
  const Request options{split(own.input, ","), split(own.target, ","), own.task, own.table, series, reading};
  std::error_code ignored;
  if (fs::is_directory(file_or_folder, ignored)) return from_folder(file_or_folder, options);
  const bool table = is_table(file_or_folder) || is_text(file_or_folder);
  require<UsageError>(table || is_hdf5(file_or_folder), "data",
                      "{} is neither a folder nor a .csv, .tsv, .dat, .h5, .npy or .txt file", file_or_folder.string());
  if (table) return from_csv(file_or_folder, options);
  check_hdf5_options(options);
  return own_hdf5(file_or_folder, options.task, options.reading);
}

}  // namespace bitstate::datasets

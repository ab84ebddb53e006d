#include "datasets/own/own.h"

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/csv.h"
#include "datasets/formats/csv_numbers.h"
#include "datasets/labels.h"
#include "datasets/own/own_arrays.h"
#include "datasets/own/own_part.h"
#include "datasets/own/own_parts.h"
#include "datasets/own/own_sequences.h"
#include "datasets/own/own_series.h"
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

constexpr std::size_t max_csv_bytes = std::size_t{1} << 30;

/// What is asked for, with the columns one by one.
struct Request {
  std::vector<std::string> input, target;
  std::string task;
  TableSettings table;
  SeriesSettings series;
  std::optional<Reading> reading;
  FoldSettings folding;
};

Task csv_task(const Request& options) { return series_task(options.task); }

void check_task(const std::string& task) {
  constexpr std::array<std::string_view, 4> allowed = {"auto", "classification", "regression", "value"};
  require<UsageError>(std::find(allowed.begin(), allowed.end(), task) != allowed.end(), "task",
                      "expected one of {}, got \"{}\"", fmt::join(allowed, ", "), task);
}

void check_csv_options(const Request& options) {
  for (const auto& [key, columns] : {std::pair{"input", &options.input}, {"target", &options.target}}) {
    require<UsageError>(
        !columns->empty(), key,
        "a table needs --{}=COLUMN,... (names, or numbers from 0 on), or --rows=sequences where a row is one", key);
  }
  check_windows(options.series);
  require<UsageError>(csv_task(options) != Task::classification || options.target.size() == 1, "target",
                      "classification needs one column, but there are {}: {}", options.target.size(),
                      fmt::join(options.target, ", "));
}

/// Reads series, and notes what was read.
class SeriesReader {
 public:
  explicit SeriesReader(const Request& options) : options_(options) {}

  /// The columns of a file: those of the input, then those of the target.
  Csv read(const fs::path& file) {
    std::vector<std::string> columns = options_.input;
    columns.insert(columns.end(), options_.target.begin(), options_.target.end());
    Csv table = read_columns(file, columns);
    check_target(table, file);
    if (files_ == 0) {
      name_ = file.filename().string();
      header_ = table.header;
      names_ = table.names;
    }
    if (table.names != names_) other_names_ = true;
    ++files_;
    rows_ += table.rows;
    if (table.header.empty()) ++without_header_;
    for (const std::string& note : table.notes) {
      if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) notes_.push_back(note);
    }
    return table;
  }

  /// Of what was read, for classification: targets are places in them.
  [[nodiscard]] const Labels& labels() const { return labels_; }
  /// Of the columns; empty where a file has no header, or other names than another.
  [[nodiscard]] std::vector<std::string> names() const {
    const auto is_text = [](const std::string& name) { return name.find('\0') == std::string::npos; };
    const bool usable = without_header_ == 0 && !other_names_ && std::all_of(names_.begin(), names_.end(), is_text);
    return usable ? names_ : std::vector<std::string>();
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
  Csv read_columns(const fs::path& file, const std::vector<std::string>& columns) {
    if (csv_task(options_) == Task::classification) {
      return read_csv(file, columns, options_.table, 1, max_csv_bytes, &labels_);
    }
    try {
      return read_csv(file, columns, options_.table, 0, max_csv_bytes);
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      if (!holds_names(file, columns)) throw;
      throw Error(fmt::format("{}; if the target is a class, say --task=classification", error.what()));
    }
  }

  /// Whether the table can be read with classes as its one target, of which one is a name.
  [[nodiscard]] bool holds_names(const fs::path& file, const std::vector<std::string>& columns) const {
    if (options_.target.size() != 1) return false;
    Labels labels;
    try {
      (void)read_csv(file, columns, options_.table, 1, max_csv_bytes, &labels);
    } catch (const Error&) {
      return false;
    }
    const std::vector<std::string>& names = labels.texts();
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return !number_in(name) && !is_missing(name); });
  }

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
  Labels labels_;
  std::size_t files_ = 0, rows_ = 0, without_header_ = 0;
  std::string name_;                 // of the first file
  std::vector<std::string> header_;  // likewise
  std::vector<std::string> names_;   // of the columns that are read, likewise
  bool other_names_ = false;         // in another file
  std::vector<std::string> notes_;   // of all files, each once
};

/// The splits of series of the columns that `options` name.
Splits cut_columns(SeriesParts parts, const Request& options, const SeriesReader& reader, std::string origin) {
  const std::size_t inputs = options.input.size(), targets = options.target.size();
  Splits splits = cut_own_series(std::move(parts), inputs, targets, csv_task(options), reader.labels(), options.series,
                                 options.reading, options.folding);
  splits.origin = std::move(origin);
  const std::vector<std::string> names = reader.names();
  if (names.empty()) return splits;
  const auto first_target = names.begin() + static_cast<std::ptrdiff_t>(inputs);
  splits.input_names.assign(names.begin(), first_target);
  splits.target_names.assign(first_target, first_target + static_cast<std::ptrdiff_t>(targets));
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
  require(table.rows >= least_to_split, "own", "{} has {} rows, but splitting them takes at least {}", file.string(),
          table.rows, least_to_split);
  const auto part = [&](std::string_view name, std::size_t first, std::size_t last) {
    return all_series_of(table, d_input, first, last, options.series.horizon,
                         fmt::format("own: {}, the {} part", file.string(), name));
  };
  const bool folds = options.folding.folds > 0;
  SeriesParts parts{part("training", 0, folds ? validation : train), {}, part("test", validation, table.rows)};
  if (!folds) parts.validation = part("validation", train, validation);
  return cut_columns(std::move(parts), options, reader, reader.origin());
}

/// The series of the tables of a part.
std::vector<Series> series_in(const fs::path& part, const Request& options, SeriesReader& reader,
                              std::vector<std::string>& ignored) {
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
}

/// Parts, or a folder without them.
Splits from_files(const OwnSource& source, const Request& options) {
  check_csv_options(options);
  std::vector<std::string> ignored = source.ignored;
  SeriesReader reader(options);
  const auto series = [&](const fs::path& part) { return series_in(part, options, reader, ignored); };
  SeriesParts parts;
  if (source.whole.empty()) {
    parts = {series(source.parts.train), series(source.parts.validation), series(source.parts.test)};
  } else {
    parts = split_files(series(source.whole), csv_task(options), source.whole.string(), options.folding);
  }
  return cut_columns(std::move(parts), options, reader, reader.origin() + not_read(ignored));
}

/// Series in tables.
Splits own_tables(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                  const std::optional<Reading>& reading) {
  require<UsageError>(own.x.empty() && own.y.empty(), "data", "x and y name arrays of .h5, .npz and .mat files");
  const Request options{
      split(own.input, ","), split(own.target, ","), own.task, own.table, series, reading, own.folding};
  const fs::path& file = source.whole;
  std::error_code error;
  if (file.empty() || fs::is_directory(file, error)) return from_files(source, options);
  return from_csv(file, options);
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

OwnKind own_kind(const fs::path& file_or_folder, const OwnSettings& own) {
  if (holds_sequences(file_or_folder, own)) return OwnKind::sequences;
  if (holds_arrays(file_or_folder)) return OwnKind::arrays;
  // columns and rows are those of tables, so with them a .txt is one
  const bool is_of_rows = !own.input.empty() || !own.target.empty() || own.rows == "steps";
  if (is_of_rows && holds_texts(file_or_folder)) return OwnKind::tables;
  if (holds_tokens(file_or_folder)) return OwnKind::tokens;
  std::error_code error;
  require<UsageError>(is_table(file_or_folder) || is_text(file_or_folder) || fs::is_directory(file_or_folder, error),
                      "data",
                      "{} is neither a folder nor a .csv, .tsv, .dat, .h5, .npz, .mat, .npy, .txt, .ts or .arff file",
                      file_or_folder.string());
  return OwnKind::tables;
}

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
  table.nested(fold_options(), &OwnSettings::folding);
  table.word("rows", &OwnSettings::rows, {"auto", "steps", "sequences"},
             "of tables and arrays; auto: steps of tables with input and target, else sequences");
  table.text("x", "NAME", &OwnSettings::x, "of files of arrays: the one of the inputs, if it is not called x");
  table.text("y", "NAME", &OwnSettings::y, "likewise the one of what is learnt");
  for (const char* const name : {"rows", "x", "y"}) {
    OptionInfo& option = *find_option(table.rows(), name);
    option.decides_test = true;
    option.of_evaluation = true;
  }
  return table;
}

Splits own_data(const fs::path& file_or_folder, const OwnSettings& own, const SeriesSettings& series,
                const std::optional<Reading>& reading, const StreamSettings& stream) {
  check_task(own.task);
  check_folds(own.folding);
  const OwnSource source = source_of(file_or_folder, own.parts, reading.has_value());
  const OwnKind kind = own_kind(source.first(), own);
  for (const fs::path& part : {source.parts.validation, source.parts.test}) {
    require(part.empty() || own_kind(part, own) == kind, "own", "{} and {} are files of different kinds",
            source.first().string(), part.string());
  }
  require<UsageError>(kind != OwnKind::tokens || own.folding.folds == 0, "folds",
                      "are for series and sequences, not for .npy and .txt files");
  if (kind == OwnKind::tokens) return own_tokens(source, own, series, stream, reading);
  require<UsageError>(kind == OwnKind::tables || own.table == TableSettings{}, "data",
                      "{} is no table of steps, but there are options of how tables are read", source.first().string());
  require<UsageError>(own.vocabulary == 0 && !own.document_end && !stream.carries(), "data",
                      "vocabulary, document_end and stream are for .npy and .txt files");
  Splits splits = kind == OwnKind::sequences ? own_sequences(source, own, series, reading)
                  : kind == OwnKind::arrays  ? own_arrays(source, own, series, reading)
                                             : own_tables(source, own, series, reading);
  if (own.folding.folds > 0 && splits.validation != nullptr) {
    splits.origin +=
        fmt::format("; fold {} of 0 to {} is the validation part", *own.folding.fold, own.folding.folds - 1);
  }
  // what pads sequences begins where it began in the training
  if (source.whole.empty() && source.parts.train.empty()) {
    splits.max_length = std::max(splits.max_length, reading->max_length);
  }
  return splits;
}

}  // namespace bitstate::datasets

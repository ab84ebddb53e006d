#include "datasets/own/own_sequences.h"

#include "core/error.h"
#include "datasets/formats/arff.h"
#include "datasets/formats/csv_numbers.h"
#include "datasets/formats/csv_text.h"
#include "datasets/formats/sequence_rows.h"
#include "datasets/formats/ts.h"
#include "datasets/formats/wav.h"
#include "datasets/own/own_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

/// Whether a file is one of sequences.
bool is_of_sequences(const fs::path& file, const OwnSettings& own) {
  if (has_ending(file, {".ts", ".arff"})) return true;
  if (own.rows != "auto") return own.rows == "sequences" && (is_table(file) || is_text(file));
  const bool tabs = has_ending(file, {".tsv"}) || (has_ending(file, {".gz"}) && has_ending(file.stem(), {".tsv"}));
  return tabs && own.input.empty() && own.target.empty();
}

/// Appends the samples of a .wav file, from -1 to 1; returns how many there are per second.
std::uint32_t append_sound(const fs::path& file, LabelledSequences& to) {
  constexpr std::size_t max_samples = std::size_t{1} << 26;
  constexpr double full_scale = 32768.0;
  const Wav sound = read_wav(file, max_samples);
  to.columns = 1;
  to.lengths.push_back(sound.samples.size());
  for (const std::int16_t sample : sound.samples) to.x.push_back(sample / full_scale);
  return sound.rate;
}

/// The parts of files of sequences, and what was read.
class SequenceReader {
 public:
  SequenceReader(const OwnSettings& own, std::vector<std::string>& ignored) : own_(own), ignored_(ignored) {}

  /// The sequences of a file, or of all files of a folder.
  Part read(const fs::path& file_or_folder) {
    Part part{file_or_folder.string(), std::make_shared<Steps>(), std::make_shared<Numbers>(), {}, ""};
    if (const std::vector<fs::path> classes = class_folders(file_or_folder); !classes.empty()) {
      for (const fs::path& folder : classes) append(folder.string(), read_sounds(folder), part);
    } else {
      const auto is_data = [&](const fs::path& file) { return is_of_sequences(file, own_); };
      for (const fs::path& file : data_files(file_or_folder, is_data, ".ts, .arff or .tsv", ignored_)) {
        append(file.string(), read_file(file), part);
        if (files_++ == 0) name_ = file.filename().string();
      }
    }
    part.read =
        fmt::format("{} column{} of numbers, {} per sequence", part.steps->d_input, part.steps->d_input == 1 ? "" : "s",
                    part.steps->task == Task::classification ? "a class" : "one value");
    return part;
  }

  [[nodiscard]] const Labels& labels() const { return labels_; }
  [[nodiscard]] Notes notes() const { return {files_ == 1 ? name_ : fmt::format("{} files", files_), 0, 0, true}; }

 private:
  /// The sequences of a file. Where only the ending .tsv says that a row is one, it has to look so, too.
  LabelledSequences read_file(const fs::path& file) const {
    if (!is_table(file) || own_.rows != "auto") return read_sequences(file);
    constexpr std::string_view both =
        "if a row is a step, name columns with --input and --target; if it is a sequence, say --rows=sequences";
    try {
      LabelledSequences found = read_sequences(file);
      require<UsageError>(!found.named, file.string(), "begins with names of columns; {}", both);
      constexpr std::size_t most_classes_of_few = 10;
      const std::size_t classes = std::set<std::string>(found.labels.begin(), found.labels.end()).size();
      require<UsageError>(own_.task == "value" || classes <= most_classes_of_few || 2 * classes <= found.labels.size(),
                          file.string(), "its first cells would be {} classes of {} sequences; {}", classes,
                          found.labels.size(), both);
      return found;
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      throw Error(fmt::format("{}; {}", error.what(), both));
    }
  }

  /// The .wav files of a class, of one rate for all.
  LabelledSequences read_sounds(const fs::path& folder) {
    LabelledSequences found;
    const auto is_sound = [](const fs::path& file) { return has_ending(file, {".wav"}); };
    for (const fs::path& file : data_files(folder, is_sound, ".wav", ignored_)) {
      const std::uint32_t rate = append_sound(file, found);
      if (rate_ == 0) rate_ = rate;
      require(rate == rate_, file.string(), "has {} samples per second, but files before it have {}", rate, rate_);
      if (files_++ == 0) name_ = file.filename().string();
      found.labels.push_back(folder.filename().string());
    }
    return found;
  }

  [[nodiscard]] Task task_of(const LabelledSequences& found) const {
    if (own_.task == "auto") return found.values ? Task::value : Task::classification;
    return own_.task == "value" ? Task::value : Task::classification;
  }

  void append(const std::string& file, LabelledSequences found, Part& part) {
    require(!found.labels.empty(), file, "its sequences have no labels, so there is nothing to learn of them");
    Steps& steps = *part.steps;
    const bool first = part.cuts.empty();
    const Task task = task_of(found);
    require(first || (steps.d_input == found.columns && steps.task == task), file,
            "has {} columns and {} per sequence, but files before it have {} and {}", found.columns, name_of(task),
            steps.d_input, name_of(steps.task));
    steps.d_input = found.columns;
    steps.task = task;
    steps.d_output = 1;
    std::size_t at = part.numbers->x.size() / found.columns;
    for (const std::size_t length : found.lengths) {
      part.cuts.push_back({at, length, part.cuts.size()});
      at += length;
    }
    part.numbers->x.insert(part.numbers->x.end(), found.x.begin(), found.x.end());
    if (task == Task::classification && !found.declared.empty()) labels_.declare(found.declared, file);
    for (std::size_t n = 0; n < found.labels.size(); ++n) append_label(found.place(file, n), found.labels[n], part);
  }

  void append_label(const std::string& place, const std::string& text, Part& part) {
    if (part.steps->task == Task::classification) {
      const std::optional<std::string> label = label_in(text);
      require(label.has_value(), place, "expected {}, got \"{}\"", label_expected, text.substr(0, shown_bytes));
      part.steps->classes.push_back(static_cast<std::int32_t>(labels_.add(*label)));
    } else {
      const std::optional<double> number = number_in(text);
      require(number && std::isfinite(*number), place, "expected a finite number to predict, got \"{}\"",
              text.substr(0, shown_bytes));
      part.numbers->target.push_back(*number);
    }
  }

  const OwnSettings& own_;
  std::vector<std::string>& ignored_;
  Labels labels_;
  std::size_t files_ = 0;
  std::uint32_t rate_ = 0;  // samples per second of .wav files
  std::string name_;        // of the first file
};

void check_sequence_options(const OwnSettings& own, const SeriesSettings& series) {
  require<UsageError>(own.input.empty() && own.target.empty() && series.horizon == 0 && own.x.empty() && own.y.empty(),
                      "data",
                      "input, target and horizon are for series, x and y for arrays, not for files of sequences");
  require<UsageError>(own.task != "regression", "task",
                      "expected classification or value for sequences with a label each, got \"regression\"");
}

}  // namespace

bool holds_sequences(const fs::path& file_or_folder, const OwnSettings& own) {
  std::error_code error;
  if (!fs::is_directory(file_or_folder, error)) return is_of_sequences(file_or_folder, own);
  if (!class_folders(file_or_folder).empty()) return true;
  fs::directory_iterator entries(file_or_folder, error);
  return !error &&
         std::any_of(begin(entries), end(entries), [&](const fs::path& file) { return is_of_sequences(file, own); });
}

LabelledSequences read_sequences(const fs::path& file) {
  if (has_ending(file, {".wav"})) {
    LabelledSequences sound;
    append_sound(file, sound);
    return sound;
  }
  if (has_ending(file, {".ts"})) return read_ts(file);
  return has_ending(file, {".arff"}) ? read_arff(file) : read_sequence_rows(file);
}

Splits own_sequences(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                     const std::optional<Reading>& reading) {
  check_sequence_options(own, series);
  std::vector<std::string> ignored = source.ignored;
  SequenceReader reader(own, ignored);
  std::vector<Part> parts;
  if (!source.whole.empty()) {
    parts = split_by_chance(reader.read(source.whole), own.folding);
  } else {
    for (const fs::path& part : {source.parts.train, source.parts.test, source.parts.validation}) {
      if (!part.empty()) parts.push_back(reader.read(part));
    }
  }
  Splits splits = splits_of(std::move(parts), reader.labels(), reader.notes(), series, reading, own.folding);
  splits.origin += not_read(ignored);
  return splits;
}

}  // namespace bitstate::datasets

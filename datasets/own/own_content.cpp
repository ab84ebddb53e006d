#include "datasets/own/own_content.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/npy_ids.h"
#include "datasets/labels.h"
#include "datasets/own/own_arrays.h"
#include "datasets/own/own_arrays_part.h"
#include "datasets/own/own_sequences.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;
using Files = std::vector<fs::path>;

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// A column of labels, the most frequent first.
ColumnContent column_of_labels(const std::map<std::string, std::size_t>& counts) {
  ColumnContent column = column_of_texts("label", counts);
  column.kind = "labels";
  column.role = "target";
  return column;
}

/// Columns and labels of sequences.
class SequenceContent {
 public:
  void add(const LabelledSequences& found, const std::string& label = "") {
    columns_.resize(std::max(columns_.size(), found.columns));
    for (std::size_t i = 0; i < found.x.size(); ++i) columns_[i % found.columns].push_back(found.x[i]);
    for (const std::size_t length : found.lengths) {
      shortest_ = std::min(shortest_, length);
      longest_ = std::max(longest_, length);
    }
    sequences_ += found.lengths.size();
    values_ = values_ || found.values;
    for (const std::string& text : found.declared) labels_[text] += 0;
    if (label.empty()) {
      for (const std::string& text : found.labels) ++labels_[label_in(text).value_or(text)];
    } else {
      labels_[label] += found.lengths.size();
    }
    ++files_;
  }

  [[nodiscard]] PartContent content() const {
    PartContent part;
    part.what = fmt::format(
        "{} of {} in {}", counted(sequences_, "sequence"),
        shortest_ == longest_ ? counted(longest_, "step") : fmt::format("{} to {} steps", shortest_, longest_),
        counted(files_, "file"));
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      part.columns.push_back(column_of_numbers(std::to_string(c), columns_[c]));
      part.columns.back().role = "input";
    }
    if (!labels_.empty()) part.columns.push_back(column_of_labels(labels_));
    if (values_) part.columns.back().note = "numbers that are predicted";
    return part;
  }

 private:
  std::vector<std::vector<double>> columns_;
  std::map<std::string, std::size_t> labels_;
  std::size_t sequences_ = 0, files_ = 0, longest_ = 0;
  std::size_t shortest_ = std::numeric_limits<std::size_t>::max();
  bool values_ = false;
};

PartContent content_of_sequences(const fs::path& part, const OwnSettings& own) {
  SequenceContent sequences;
  std::vector<std::string> ignored;
  const auto is_sound = [](const fs::path& file) { return has_ending(file, {".wav"}); };
  for (const fs::path& folder : class_folders(part)) {
    for (const fs::path& file : data_files(folder, is_sound, ".wav", ignored)) {
      sequences.add(read_sequences(file), folder.filename().string());
    }
  }
  if (!class_folders(part).empty()) return sequences.content();
  const auto is_data = [&](const fs::path& file) { return holds_sequences(file, own); };
  for (const fs::path& file : data_files(part, is_data, ".ts, .arff or .tsv", ignored)) {
    sequences.add(read_sequences(file));
  }
  return sequences.content();
}

std::string_view name_of(Stored stored) {
  constexpr std::array<std::string_view, 4> names = {"numbers", "integers", "booleans", "texts"};
  return names.at(static_cast<std::size_t>(stored));
}

/// How many columns an array has: the last dimension of [sequences, steps, columns] and, of a series, of [steps,
/// columns]. 1 where there are none, or too many to show.
std::size_t columns_in(const std::vector<std::size_t>& shape, bool series) {
  constexpr std::size_t most_columns = 100;
  const bool has_columns = shape.size() == 3 || (shape.size() == 2 && series);
  return has_columns && shape.back() <= most_columns ? std::max<std::size_t>(shape.back(), 1) : 1;
}

/// An array, or each of its columns.
std::vector<ColumnContent> columns_of_array(const ArrayFile& file, const std::string& name, bool series) {
  ColumnContent unread{name};
  try {
    const std::vector<std::size_t> shape = file.shape(name);
    const Stored stored = file.stored(name);
    const std::string kind = fmt::format("{} [{}]", name_of(stored), fmt::join(shape, ", "));
    unread.kind = kind;
    std::vector<ColumnContent> columns;
    if (stored == Stored::texts) {
      std::map<std::string, std::size_t> counts;
      for (const std::string& text : file.texts(name)) ++counts[text];
      columns.push_back(column_of_texts(name, counts));
    } else {
      const std::vector<double> numbers = file.numbers(name);
      const std::size_t count = columns_in(shape, series);
      for (std::size_t c = 0; c < count; ++c) {
        std::vector<double> column;
        for (std::size_t i = c; i < numbers.size(); i += count) column.push_back(numbers[i]);
        columns.push_back(column_of_numbers(count == 1 ? name : fmt::format("{}[..., {}]", name, c), column));
      }
    }
    for (ColumnContent& column : columns) column.kind = kind;
    return columns;
  } catch (const Error& error) {
    unread.note = fmt::format("cannot be read: {}", error.what());
    return {unread};
  }
}

/// The role of an array in the file, if its names tell it.
std::string role_of(const ArrayFile& file, const std::string& name, const OwnSettings& own) {
  const auto same = [&](const std::string& other) {
    return name == (other.starts_with('/') ? other.substr(1) : other) && !other.empty();
  };
  std::vector<std::string_view> parts{"", "train", "test"};
  parts.insert(parts.end(), std::begin(validation_names), std::end(validation_names));
  for (const std::string_view part : parts) {
    try {
      const ArrayNames names = array_names(file, part, own);
      if (same(names.x)) return "input";
      if (same(names.y)) return "target";
      if (same(names.length)) return "length";
    } catch (const UsageError&) {  // several fit
      continue;
    }
  }
  return "";
}

PartContent content_of_arrays(const Files& files, const OwnSettings& own) {
  PartContent part;
  for (const fs::path& path : files) {
    const auto columns = with_arrays(path, [&](const ArrayFile& file) {
      std::vector<ColumnContent> found;
      for (const std::string& name : file.arrays()) {
        const std::string role = role_of(file, name, own);
        const bool series = own.rows == "steps" && (role == "input" || role == "target");
        for (ColumnContent& column : columns_of_array(file, name, series)) {
          column.role = role;
          if (files.size() > 1) column.name = path.filename().string() + ": " + column.name;
          found.push_back(std::move(column));
        }
      }
      return found;
    });
    part.columns.insert(part.columns.end(), columns.begin(), columns.end());
  }
  part.what = fmt::format("arrays of {}", counted(files.size(), "file"));
  return part;
}

/// A letter, digit or sign as it is, and other bytes as \x09.
std::string name_of_byte(std::size_t byte) {
  return byte > ' ' && byte <= '~' ? std::string(1, static_cast<char>(byte)) : fmt::format("\\x{:02X}", byte);
}

PartContent content_of_tokens(const Files& files) {
  std::vector<std::uint16_t> ids;
  std::map<std::string, std::size_t> counts;
  const bool bytes = is_text(files.front());
  constexpr std::size_t max_text = std::size_t{1} << 34U;
  std::vector<std::size_t> often(std::size_t{max_id} + 1);
  std::size_t texts = 0;
  for (const fs::path& file : files) {
    if (is_text(file)) {
      for (const char c : read_file(file, max_text)) ids.push_back(static_cast<unsigned char>(c));
      ++texts;
    } else {
      const NpyIds found = read_ids(file);
      ids.insert(ids.end(), found.ids.begin(), found.ids.end());
      texts += found.columns > 0 ? found.ids.size() / found.columns : 1;
    }
  }
  for (const std::uint16_t id : ids) ++often[id];
  for (std::size_t id = 0; id < often.size(); ++id) {
    if (often[id] > 0) counts[bytes ? name_of_byte(id) : std::to_string(id)] = often[id];
  }
  ColumnContent column = column_of_numbers(bytes ? "byte" : "id", std::span<const std::uint16_t>(ids));
  const ColumnContent frequent = column_of_texts("", counts);
  column.kind = bytes ? "bytes" : "token ids";
  column.role = "input";
  column.distinct = frequent.distinct;
  column.values = frequent.values;
  PartContent part;
  part.what = fmt::format("{} of {} in {}{}", counted(ids.size(), bytes ? "byte" : "id"), counted(texts, "text"),
                          counted(files.size(), "file"), bytes ? "; with --rows=steps it is read as a table" : "");
  part.columns.push_back(std::move(column));
  return part;
}

PartContent content_of(const fs::path& part, const OwnSettings& own) {
  std::vector<std::string> ignored;
  switch (own_kind(part, own)) {
    case OwnKind::sequences:
      return content_of_sequences(part, own);
    case OwnKind::arrays:
      return content_of_arrays(data_files(part, is_arrays, ".h5, .npz or .mat", ignored), own);
    case OwnKind::tokens:
      return content_of_tokens(data_files(part, is_tokens, ".npy or .txt", ignored));
    case OwnKind::tables:
      break;
  }
  return content_of_tables(table_files(part, ignored), own);
}

/// As own_data() finds it; a folder that is no whole for it is one here.
OwnSource source_to_show(const fs::path& file_or_folder, const OwnFiles& parts) {
  constexpr bool trained = true;
  std::error_code error;
  try {
    return source_of(file_or_folder, parts, trained);
  } catch (const UsageError&) {
    throw;
  } catch (const Error&) {
    if (!fs::is_directory(file_or_folder, error)) throw;
    return {file_or_folder};
  }
}

}  // namespace

std::vector<PartContent> own_content(const fs::path& file_or_folder, const OwnSettings& own) {
  const OwnSource source = source_to_show(file_or_folder, own.parts);
  if (!source.whole.empty()) return {content_of(source.whole, own)};
  std::vector<PartContent> parts;
  for (const auto& [name, path] : {std::pair<const char*, const fs::path&>{"training", source.parts.train},
                                   {"validation", source.parts.validation},
                                   {"test", source.parts.test}}) {
    if (path.empty()) continue;
    parts.push_back(content_of(path, own));
    parts.back().name = name;
  }
  return parts;
}

}  // namespace bitstate::datasets

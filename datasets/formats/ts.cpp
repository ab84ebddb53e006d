#include "datasets/formats/ts.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "datasets/formats/csv_text.h"
#include "datasets/labels.h"
#include "datasets/splits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

std::string small_letters(std::string_view text) {
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return small;
}

/// The pieces of a text between separators, without blanks around them, empty ones too.
std::vector<std::string_view> cut_at(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(std::min(end + 1, text.size()))) {
    end = text.find(separator);
    pieces.push_back(trimmed(text.substr(0, end)));
  }
  return pieces;
}

class TsReader {
 public:
  explicit TsReader(std::string file) : file_(std::move(file)) {}

  LabelledSequences read(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      const std::size_t end = text.find('\n');
      take(trimmed(text.substr(0, end)));
      text.remove_prefix(std::min(end, text.size() - 1) + 1);
    }
    require(in_data_, file_, "has no line @data");
    require(!read_.lengths.empty(), file_, "holds no sequence");
    return std::move(read_);
  }

 private:
  void take(std::string_view line) {
    if (line.empty() || line.front() == '#' || line.front() == '%') return;
    if (in_data_) return take_sequence(line);
    require(line.front() == '@', where(), "expected a line that begins with @ or #, got \"{}\"",
            line.substr(0, shown_bytes));
    const std::vector<std::string> words = split(line, " \t");
    const std::string keyword = small_letters(words.front());
    const std::string value = words.size() > 1 ? small_letters(words[1]) : "";
    if (keyword == "@data") in_data_ = true;
    if (keyword == "@equallength") equal_lengths_ = value == "true";
    if (keyword == "@serieslength") take_length(value);
    require(keyword != "@timestamps" || value != "true", where(),
            "time stamps are not read; store the values at equal distances");
    if (keyword != "@classlabel" && keyword != "@targetlabel") return;
    require(value == "true" || value == "false", where(), "expected true or false behind {}, got \"{}\"", words.front(),
            value);
    if (value == "true") labelled_ = true;
    if (keyword == "@targetlabel") read_.values = value == "true";
    if (keyword == "@classlabel" && value == "true") declare({words.begin() + 2, words.end()});
  }

  /// Files of several lengths may have 0 or -1 here.
  void take_length(const std::string& value) {
    std::int64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    require(error == std::errc() && end == value.data() + value.size(), where(),
            "expected a number of steps behind @seriesLength, got \"{}\"", value.substr(0, shown_bytes));
    stated_ = length > 0;
    length_ = stated_ ? static_cast<std::size_t>(length) : 0;
  }

  void declare(const std::vector<std::string>& labels) {
    require(!labels.empty(), where(), "@classLabel true lists no class");
    for (const std::string& text : labels) {
      const auto label = label_in(text);
      require(label.has_value(), where(), "expected {}, got \"{}\"", label_expected, text);
      if (known_.insert(*label).second) read_.declared.push_back(*label);
    }
  }

  void take_sequence(std::string_view line) {
    const std::string place = where();
    std::vector<std::string_view> pieces = cut_at(line, ':');
    if (labelled_) {
      take_label(pieces.back(), place);
      pieces.pop_back();
    }
    require(!pieces.empty(), place, "expected the numbers of a sequence before its label");
    std::vector<std::vector<double>> dimensions;
    for (const std::string_view piece : pieces) {
      require(!piece.starts_with('('), place, "time stamps are not read; store the values at equal distances");
      auto& dimension = dimensions.emplace_back();
      for (const std::string_view cell : cut_at(piece, ',')) dimension.push_back(sequence_value(cell, place));
    }
    check_length(dimensions.front().size(), place);
    append_sequence(read_, dimensions, line_, place);
  }

  /// Of a sequence, with what pads it.
  void check_length(std::size_t steps, const std::string& place) {
    if (!equal_lengths_.value_or(length_ > 0)) return;
    if (length_ == 0) length_ = steps;
    require(steps == length_, place, "the sequence has {} steps, but {} says that all have {}", steps,
            stated_ ? "@seriesLength" : "@equalLength", length_);
  }

  /// Numbers in its place, or nothing, are those of a line without a label.
  void take_label(std::string_view text, const std::string& place) {
    const auto label = label_in(text);
    const bool known = label && known_.contains(*label);
    require(known || (!is_missing_label(text) && text.find(',') == std::string_view::npos), place,
            "the label is missing: expected it behind the last colon, got \"{}\"", text.substr(0, shown_bytes));
    require(known || read_.declared.empty(), place, "the label \"{}\" is not one that @classLabel lists: {}",
            text.substr(0, shown_bytes), class_list(read_.declared));
    read_.labels.emplace_back(text);
  }

  [[nodiscard]] std::string where() const { return fmt::format("{}, line {}", file_, line_); }

  std::string file_;
  std::size_t line_ = 0;
  bool in_data_ = false;
  bool labelled_ = false;
  std::optional<bool> equal_lengths_;  // as the file says
  std::size_t length_ = 0;             // of all sequences; 0: not known
  bool stated_ = false;                // the file says which
  std::set<std::string> known_;
  LabelledSequences read_;
};

}  // namespace

LabelledSequences read_ts(const std::filesystem::path& file, std::size_t max_bytes) {
  const std::string text = read_file(file, max_bytes);
  return TsReader(file.string()).read(text);
}

}  // namespace bitstate::datasets

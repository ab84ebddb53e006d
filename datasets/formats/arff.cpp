#include "datasets/formats/arff.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "datasets/formats/csv_text.h"
#include "datasets/labels.h"
#include "datasets/splits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

enum class ArffKind { number, text, nominal, relational };

struct ArffAttribute {
  std::string name;
  ArffKind kind = ArffKind::number;
  std::vector<std::string> values{};  // of a nominal one
};

/// Whether a text begins with a word, in small or capital letters.
bool begins(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

class ArffReader {
 public:
  explicit ArffReader(std::string file) : file_(std::move(file)) {}

  LabelledSequences read(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      const std::size_t end = text.find('\n');
      const std::string_view line = trimmed(text.substr(0, end));
      if (!line.empty() && line.front() != '%') (in_data_ ? take_row(line) : take_header(line));
      text.remove_prefix(std::min(end, text.size() - 1) + 1);
    }
    require(in_data_, file_, "has no line @data");
    require(!read_.lengths.empty(), file_, "holds no sequence");
    return std::move(read_);
  }

 private:
  void take_header(std::string_view line) {
    if (begins(line, "@data")) return begin_data();
    if (begins(line, "@end")) {
      inside_ = false;
    } else if (begins(line, "@attribute")) {
      ArffAttribute found = attribute_of(line.substr(std::string_view("@attribute").size()));
      if (inside_) {
        require(found.kind == ArffKind::number, where(), "the attribute {} of a relational one is not numeric",
                found.name);
        return;
      }
      inside_ = found.kind == ArffKind::relational;
      attributes_.push_back(std::move(found));
    } else {
      require(begins(line, "@relation"), where(), "expected @relation, @attribute or @data, got \"{}\"",
              line.substr(0, shown_bytes));
    }
  }

  /// From "name type" or "'a name' {a, b}".
  [[nodiscard]] ArffAttribute attribute_of(std::string_view text) const {
    ArffAttribute attribute{std::string(take_cell(text, ' '))};
    const std::string_view type = trimmed(text);
    if (begins(type, "{")) {
      require(type.ends_with('}'), where(), "the list of the values of {} has no end", attribute.name);
      attribute.kind = ArffKind::nominal;
      std::string_view list = type.substr(1, type.size() - 2);
      while (!trimmed(list).empty()) attribute.values.push_back(take_cell(list, ','));
      return attribute;
    }
    if (begins(type, "string")) attribute.kind = ArffKind::text;
    if (begins(type, "relational")) attribute.kind = ArffKind::relational;
    const bool number = begins(type, "numeric") || begins(type, "real") || begins(type, "integer");
    require(number || attribute.kind != ArffKind::number, where(),
            "the attribute {} has the type \"{}\"; expected numeric, string, relational or a list of values",
            attribute.name, type.substr(0, shown_bytes));
    return attribute;
  }

  void begin_data() {
    in_data_ = true;
    require(!attributes_.empty(), where(), "expected attributes of a sequence and, behind them, its label");
    const ArffAttribute& label = attributes_.back();
    require(!inside_, where(), "the relational attribute {} has no @end", label.name);
    require(attributes_.size() >= 2, where(), "expected attributes of a sequence and, behind them, its label");
    require(label.kind != ArffKind::relational, where(), "the last attribute, {}, is to be the label", label.name);
    relational_ = attributes_.front().kind == ArffKind::relational;
    for (std::size_t i = 0; i + 1 < attributes_.size(); ++i) {
      require(attributes_[i].kind == ArffKind::number || (relational_ && attributes_.size() == 2), where(),
              "expected numeric attributes, or one relational one, before the label, but {} is none",
              attributes_[i].name);
    }
    read_.values = label.kind == ArffKind::number;
    for (const std::string& value : label.values) read_.declared.push_back(label_of(value));
  }

  void take_row(std::string_view line) {
    require(line.front() != '{', where(), "sparse rows are not read");
    const std::string place = where();
    std::vector<std::string> cells;
    bool more = true;
    while (more) {
      more = false;
      cells.push_back(take_cell(line, ',', &more));
    }
    require(cells.size() == attributes_.size(), place, "the row has {} cells for {} attributes", cells.size(),
            attributes_.size());
    std::vector<std::vector<double>> dimensions;
    if (relational_) {
      std::string_view text = cells.front();
      for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(std::min(end + 1, text.size()))) {
        end = text.find('\n');
        dimensions.push_back(numbers_in(text.substr(0, end), place));
      }
    } else {
      dimensions.emplace_back();
      for (std::size_t i = 0; i + 1 < cells.size(); ++i) dimensions[0].push_back(sequence_value(cells[i], place));
    }
    append_sequence(read_, dimensions, line_, place);
    read_.labels.push_back(read_.values ? cells.back() : label_of(cells.back()));
    require(read_.declared.empty() ||
                std::find(read_.declared.begin(), read_.declared.end(), read_.labels.back()) != read_.declared.end(),
            place, "the label \"{}\" is not one of {}: {}", read_.labels.back(), attributes_.back().name,
            class_list(read_.declared));
  }

  static std::vector<double> numbers_in(std::string_view text, std::string_view place) {
    std::vector<double> numbers;
    for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(std::min(end + 1, text.size()))) {
      end = text.find(',');
      numbers.push_back(sequence_value(trimmed(text.substr(0, end)), place));
    }
    return numbers;
  }

  [[nodiscard]] std::string label_of(std::string_view text) const {
    auto label = label_in(text);
    require(label.has_value(), where(), "expected {}, got \"{}\"", label_expected, text.substr(0, shown_bytes));
    return *std::move(label);
  }

  /// Takes the first cell off a text, with the separator behind it; of a quoted one what is inside, where \n is the end
  /// of a line. `more`: whether there was a separator.
  [[nodiscard]] std::string take_cell(std::string_view& text, char separator, bool* more = nullptr) const {
    text = trimmed(text);
    std::string cell;
    if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
      const std::size_t end = separator == ' ' ? text.find_first_of(" \t") : text.find(separator);
      cell = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end, text.size()));
    } else {
      const char quote = text.front();
      std::size_t i = 1;
      for (; i < text.size() && text[i] != quote; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
          ++i;
          cell += text[i] == 'n' ? '\n' : text[i];
        } else {
          cell += text[i];
        }
      }
      require(i < text.size(), where(), "a quote has no end");
      text = trimmed(text.substr(i + 1));
      require(text.empty() || separator == ' ' || text.front() == separator, where(),
              "there is text behind the quote of \"{}\"", cell.substr(0, shown_bytes));
    }
    if (more != nullptr) *more = !text.empty();
    if (!text.empty() && separator != ' ') text.remove_prefix(1);
    return cell;
  }

  [[nodiscard]] std::string where() const { return fmt::format("{}, line {}", file_, line_); }

  std::string file_;
  std::size_t line_ = 0;
  bool in_data_ = false, inside_ = false, relational_ = false;
  std::vector<ArffAttribute> attributes_;
  LabelledSequences read_;
};

}  // namespace

LabelledSequences read_arff(const std::filesystem::path& file, std::size_t max_bytes) {
  const std::string text = read_file(file, max_bytes);
  return ArffReader(file.string()).read(text);
}

}  // namespace bitstate::datasets

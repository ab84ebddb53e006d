#include "datasets/formats/csv_text.h"

#include "datasets/formats/csv_numbers.h"

#include <algorithm>
#include <array>
#include <compare>
#include <optional>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_columns = std::size_t{1} << 16;
constexpr std::size_t rows_looked_at = 20;

std::string_view trimmed(std::string_view text, std::string_view blanks = " \t") {
  const std::size_t first = std::min(text.find_first_not_of(blanks), text.size());
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

/// A row of empty cells between tabs is not blank.
bool is_blank(std::string_view line, char separator) { return trimmed(line, separator == '\t' ? " " : " \t").empty(); }

/// Takes the next line off the text, which is not empty.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end, text.size()));
  if (text.starts_with("\r\n")) text.remove_prefix(1);
  if (!text.empty()) text.remove_prefix(1);
  return line;
}

/// Of the cell of `line` that begins at `begin`.
CellEnd unquoted_end(std::string_view line, char separator, std::size_t begin) {
  if (separator != ' ') {
    const std::size_t end = line.find(separator, begin);
    return {end, end == std::string_view::npos ? end : end + 1};
  }
  const std::size_t end = line.find_first_of(" \t", begin);
  return {end, line.find_first_not_of(" \t", end)};
}

/// The cells of a line, cut at the separators that are not between quotes.
std::vector<std::string_view> pieces(std::string_view line, char separator) {
  std::vector<std::string_view> found;
  if (separator == ' ') line = trimmed(line);
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    quoted ^= line[i] == '"';
    if (quoted || (line[i] != separator && (separator != ' ' || line[i] != '\t'))) continue;
    found.push_back(trimmed(line.substr(begin, i - begin)));
    begin = unquoted_end(line, separator, i).next;
    i = begin - 1;
  }
  found.push_back(trimmed(line.substr(begin)));
  return found;
}

/// The comment that a line is, if it is one.
std::optional<std::string_view> comment_in(std::string_view line) {
  const std::string_view text = trimmed(line);
  const std::size_t sign = text.starts_with("//") ? 2 : (text.starts_with('#') || text.starts_with('%') ? 1 : 0);
  if (sign == 0) return std::nullopt;
  const std::string_view rest = text.substr(sign);
  return rest.starts_with(' ') || rest.starts_with('\t') ? trimmed(rest) : text;
}

/// Whether a cell is a number or says that it is missing. One with a blank could be two.
bool looks_numeric(std::string_view cell) {
  return is_missing(cell) || (cell.find(' ') == std::string_view::npos && number_in(cell).has_value());
}

/// How well a separator fits the first rows: the larger, the better.
struct Fit {
  bool even = false;        ///< as many cells in each row, more than one
  double numbers = 0.0;     ///< their share among the cells, if even
  std::size_t columns = 0;  ///< of the first row
  auto operator<=>(const Fit&) const = default;
};

Fit fit(const std::vector<std::string_view>& lines, char separator) {
  Fit found;
  std::size_t cells = 0;
  std::size_t numbers = 0;
  found.even = true;
  for (const std::string_view line : lines) {
    const auto row = pieces(line, separator);
    if (found.columns == 0) found.columns = row.size();
    found.even = found.even && row.size() == found.columns && row.size() > 1;
    cells += row.size();
    numbers += static_cast<std::size_t>(std::count_if(row.begin(), row.end(), looks_numeric));
  }
  if (found.even) found.numbers = static_cast<double>(numbers) / static_cast<double>(cells);
  return found;
}

char separator_of(std::string_view text, std::string_view file) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < rows_looked_at) {
    const std::string_view line = take_line(text);
    if (!trimmed(line).empty() && !comment_in(line)) lines.push_back(line);
  }
  char best = ',';
  if (lines.empty()) return best;
  Fit best_fit = fit(lines, best);
  for (const char candidate : {';', '\t'}) {
    const Fit found = fit(lines, candidate);
    require(
        !found.even || found != best_fit, "csv",
        "{}: the cells of {} may be separated by {} or by {}: quote those that hold a separator, or say which it is "
        "with --separator",
        file, lines.front().substr(0, shown_bytes), best == ',' ? "commas" : "semicolons",
        candidate == ';' ? "semicolons" : "tabs");
    if (found > best_fit) {
      best = candidate;
      best_fit = found;
    }
  }
  const Fit blanks = fit(lines, ' ');
  return blanks.even && blanks > best_fit ? ' ' : best;
}

char named_separator(std::string_view name) {
  if (name == "comma") return ',';
  if (name == "semicolon") return ';';
  return name == "tab" ? '\t' : ' ';
}

}  // namespace

std::string unquoted(std::string_view cell) {
  if (!cell.starts_with('"')) return std::string(cell);
  std::string name;
  for (std::size_t i = 1; i + 1 < cell.size(); ++i) {
    name += cell[i];
    if (cell[i] == '"') ++i;
  }
  return name;
}

CsvRows::CsvRows(std::string file, std::string_view text, const TableSettings& settings)
    : file_(std::move(file)), rest_(text) {
  for (; line_ < settings.skip && !rest_.empty(); ++line_) take_line(rest_);
  separator_ = settings.separator == "auto" ? separator_of(rest_, file_) : named_separator(settings.separator);
}

bool CsvRows::next() {
  while (!rest_.empty()) {
    const std::string_view line = take_line(rest_);
    ++line_;
    if (const auto comment = comment_in(line)) {
      comment_ = {*comment, line_};
      ++comments_;
      continue;
    }
    if (!is_blank(line, separator_)) {
      split(line);
      return true;
    }
    if (keep_blank_) {
      std::fill(cells_.begin(), cells_.end(), std::string_view());
      return true;
    }
  }
  return false;
}

std::vector<std::string_view> CsvRows::cells_of(std::string_view line) const { return pieces(line, separator_); }

void CsvRows::split(std::string_view line) {
  cells_.clear();
  if (separator_ == ' ') line = trimmed(line);
  std::size_t begin = 0;
  while (begin != std::string_view::npos) {
    const auto [end, next] = end_of_cell(line, begin);
    if (cells_.size() == max_columns) refuse("there are more than {} cells", max_columns);
    cells_.push_back(trimmed(line.substr(begin, end - begin)));
    begin = next;
  }
}

CellEnd CsvRows::end_of_cell(std::string_view line, std::size_t begin) const {
  const std::size_t first = line.find_first_not_of(' ', begin);
  const auto ended = [&](std::size_t from) {
    const auto [end, next] = unquoted_end(line, separator_, from);
    return CellEnd{std::min(end, line.size()), next};
  };
  if (first == std::string_view::npos || line[first] != '"') return ended(begin);
  std::size_t quote = line.find('"', first + 1);
  while (quote < line.size() - 1 && line[quote + 1] == '"') quote = line.find('"', quote + 2);
  if (quote == std::string_view::npos) refuse("the quote in {} has no end", line.substr(first, shown_bytes));
  const CellEnd cell = ended(quote);
  if (!trimmed(line.substr(quote + 1, cell.end - quote - 1)).empty()) {
    refuse("there is text behind the quote in {}", line.substr(first, shown_bytes));
  }
  return cell;
}

}  // namespace bitstate::datasets

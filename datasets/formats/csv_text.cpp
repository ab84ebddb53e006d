#include "datasets/formats/csv_text.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstdlib>

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

/// The cells of a line, cut at the separators that are not between quotes.
std::vector<std::string_view> pieces(std::string_view line, char separator) {
  std::vector<std::string_view> found;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    quoted ^= line[i] == '"';
    if (quoted || line[i] != separator) continue;
    found.push_back(trimmed(line.substr(begin, i - begin)));
    begin = i + 1;
  }
  found.push_back(trimmed(line.substr(begin)));
  return found;
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
    numbers += static_cast<std::size_t>(
        std::count_if(row.begin(), row.end(), [](auto cell) { return number_in(cell).has_value(); }));
  }
  if (found.even) found.numbers = static_cast<double>(numbers) / static_cast<double>(cells);
  return found;
}

char separator_of(std::string_view text, std::string_view file) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < rows_looked_at) {
    const std::string_view line = take_line(text);
    if (!trimmed(line).empty()) lines.push_back(line);
  }
  char best = ',';
  if (lines.empty()) return best;
  Fit best_fit = fit(lines, best);
  for (const char candidate : {';', '\t'}) {
    const Fit found = fit(lines, candidate);
    require(!found.even || found != best_fit, "csv",
            "{}: the cells of {} may be separated by {} or by {}: quote those that hold a separator", file,
            lines.front().substr(0, shown_bytes), best == ',' ? "commas" : "semicolons",
            candidate == ';' ? "semicolons" : "tabs");
    if (found > best_fit) {
      best = candidate;
      best_fit = found;
    }
  }
  return best;
}

std::optional<double> number_with_point(std::string_view cell) {
  if (cell.starts_with('+') && !cell.starts_with("+-")) cell.remove_prefix(1);
  double number = 0.0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (end != cell.data() + cell.size()) return std::nullopt;
  // too small or too large for a double: 0, the nearest denormal number, or an infinity
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(cell).c_str(), nullptr);
  return error == std::errc() ? std::optional(number) : std::nullopt;
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

std::optional<double> number_in(std::string_view cell) {
  if (cell.size() > 1 && cell.starts_with('"') && cell.ends_with('"')) {
    cell = trimmed(cell.substr(1, cell.size() - 2));
  }
  const std::size_t comma = cell.find(',');
  if (comma == std::string_view::npos) return number_with_point(cell);
  if (cell.find('.') != std::string_view::npos) return std::nullopt;
  std::string with_point(cell);
  with_point[comma] = '.';
  return number_with_point(with_point);
}

CsvRows::CsvRows(std::string file, std::string_view text) : file_(std::move(file)), rest_(text) {
  require(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), "csv", "{} is UTF-16: save it as UTF-8",
          file_);
  if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  separator_ = separator_of(rest_, file_);
}

bool CsvRows::next() {
  while (!rest_.empty()) {
    const std::string_view line = take_line(rest_);
    ++line_;
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

void CsvRows::split(std::string_view line) {
  cells_.clear();
  std::size_t end = 0;
  do {
    end = end_of_cell(line);
    if (cells_.size() == max_columns) refuse("there are more than {} cells", max_columns);
    cells_.push_back(trimmed(line.substr(0, end)));
    line.remove_prefix(std::min(end + 1, line.size()));
  } while (end != std::string_view::npos);
}

/// The place of the separator behind the first cell of `line`.
std::size_t CsvRows::end_of_cell(std::string_view line) const {
  const std::size_t first = line.find_first_not_of(' ');
  if (first == std::string_view::npos || line[first] != '"') return line.find(separator_);
  std::size_t quote = line.find('"', first + 1);
  while (quote < line.size() - 1 && line[quote + 1] == '"') quote = line.find('"', quote + 2);
  if (quote == std::string_view::npos) refuse("the quote in {} has no end", line.substr(first, shown_bytes));
  const std::size_t end = line.find(separator_, quote);
  const std::size_t size = end == std::string_view::npos ? line.size() - quote - 1 : end - quote - 1;
  if (!trimmed(line.substr(quote + 1, size)).empty()) {
    refuse("there is text behind the quote in {}", line.substr(first, shown_bytes));
  }
  return end;
}

}  // namespace bitstate::datasets

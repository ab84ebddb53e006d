#include "datasets/csv.h"

#include "core/atomic_file.h"
#include "core/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_columns = std::size_t{1} << 16;
constexpr std::size_t shown_names = 20;
constexpr std::size_t shown_bytes = 40;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = std::min(text.find_first_not_of(blanks), text.size());
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

std::optional<double> any_number_of(std::string_view cell) {
  if (cell.starts_with('+') && !cell.starts_with("+-")) cell.remove_prefix(1);
  double number = 0.0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return number;
}

/// A finite number that a float can hold.
std::optional<float> number_of(std::string_view cell) {
  const std::optional<double> number = any_number_of(cell);
  if (!number || !(std::fabs(*number) <= double{std::numeric_limits<float>::max()})) return std::nullopt;
  return static_cast<float>(*number);
}

bool is_name(std::string_view cell) {
  constexpr std::string_view beginnings_of_numbers = "0123456789+-.";
  return !cell.empty() && beginnings_of_numbers.find(cell.front()) == std::string_view::npos && !any_number_of(cell);
}

/// A name without its quotes; two of them inside are one.
std::string unquoted(std::string_view cell) {
  if (!cell.starts_with('"')) return std::string(cell);
  std::string name;
  for (std::size_t i = 1; i + 1 < cell.size(); ++i) {
    name += cell[i];
    if (cell[i] == '"') ++i;
  }
  return name;
}

char separator_of(std::string_view line) {
  std::size_t best = 0;
  char found = ',';
  for (const char candidate : {',', ';', '\t'}) {
    bool quoted = false;
    std::size_t count = 0;
    for (const char c : line) {
      quoted ^= c == '"';
      if (!quoted && c == candidate) ++count;
    }
    if (count > best) found = candidate;
    best = std::max(best, count);
  }
  return found;
}

/// Walks through the rows of a text and knows where it is.
class Rows {
 public:
  Rows(std::string file, std::string_view text) : file_(std::move(file)), rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  /// The cells of the next line that is not blank; false at the end.
  bool next() {
    std::string_view line;
    do {
      if (rest_.empty()) return false;
      const std::size_t end = rest_.find('\n');
      line = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++line_;
    } while (trimmed(line).empty());
    if (separator_ == '\0') separator_ = separator_of(line);
    split(line);
    return true;
  }

  [[nodiscard]] const std::vector<std::string_view>& cells() const { return cells_; }
  [[nodiscard]] std::size_t line() const { return line_; }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> sentence, Args&&... args) const {
    fail("csv", "{}, line {}: {}", file_, line_, fmt::format(sentence, std::forward<Args>(args)...));
  }

 private:
  void split(std::string_view line) {
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
  [[nodiscard]] std::size_t end_of_cell(std::string_view line) const {
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

  std::string file_;
  std::string_view rest_;
  std::vector<std::string_view> cells_;  // of the row, trimmed
  std::size_t line_ = 0;
  char separator_ = '\0';  // unknown before the first row
};

/// The names in the first row; empty where it is one of numbers.
std::vector<std::string> names_in(const Rows& rows) {
  const auto& cells = rows.cells();
  const auto name = std::find_if(cells.begin(), cells.end(), is_name);
  if (name == cells.end()) return {};
  const auto number = std::find_if(cells.begin(), cells.end(), [](auto cell) { return number_of(cell).has_value(); });
  if (number != cells.end()) {
    rows.refuse("there is a name, {}, and a number, {}; names that are numbers need quotes",
                name->substr(0, shown_bytes), *number);
  }
  std::vector<std::string> names;
  names.reserve(cells.size());
  for (const std::string_view cell : cells) names.push_back(unquoted(cell));
  return names;
}

std::string known_columns(const std::vector<std::string>& names, std::size_t count) {
  if (names.empty()) return fmt::format("it has no names, its columns are 0 to {}", count - 1);
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), shown_names));
  return fmt::format("it has {}{}", fmt::join(names.begin(), end, ", "), end == names.end() ? "" : ", ...");
}

/// Where a column stands: by its name, else by its number.
std::size_t position_of(const std::string& column, const std::vector<std::string>& names, std::size_t count,
                        const std::string& file) {
  const auto name = std::find(names.begin(), names.end(), column);
  if (name != names.end()) {
    require<UsageError>(std::find(name + 1, names.end(), column) == names.end(), "csv",
                        "{} has two columns named \"{}\": say which by its number, from 0 on", file, column);
    return static_cast<std::size_t>(name - names.begin());
  }
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), number);
  const bool is_number = error == std::errc() && end == column.data() + column.size() && number < count;
  require<UsageError>(is_number, "csv", "{} has no column \"{}\"; {}", file, column, known_columns(names, count));
  return number;
}

/// Appends the row's numbers to the table, or notes that the table has ended.
void take_row(const Rows& rows, const std::vector<std::size_t>& positions, std::size_t& end_line, Csv& table) {
  const auto& cells = rows.cells();
  const auto is_empty = [&](std::size_t position) { return cells[position].empty(); };
  if (std::all_of(positions.begin(), positions.end(), is_empty)) {
    if (end_line == 0) end_line = rows.line();
    return;
  }
  if (end_line != 0) rows.refuse("the columns go on, but ended before line {}, which is empty in them", end_line);
  for (std::size_t c = 0; c < positions.size(); ++c) {
    const std::string_view cell = cells[positions[c]];
    const std::optional<float> number = number_of(cell);
    if (!number) {
      rows.refuse("column {}: expected a finite decimal number of single precision, got \"{}\"", table.names[c],
                  cell.substr(0, shown_bytes));
    }
    table.values.push_back(*number);
  }
  ++table.rows;
}

}  // namespace

Csv read_csv(const std::filesystem::path& file, const std::vector<std::string>& columns, std::size_t max_bytes) {
  const std::string text = read_file(file, max_bytes);
  Rows rows(file.string(), text);
  require(rows.next(), "csv", "{} holds no row", file.string());
  const std::vector<std::string> names = names_in(rows);
  const std::size_t count = rows.cells().size();
  const std::size_t first_line = rows.line();

  Csv table;
  std::vector<std::size_t> positions;
  positions.reserve(count);
  for (const std::string& column : columns) positions.push_back(position_of(column, names, count, file.string()));
  for (std::size_t i = 0; columns.empty() && i < count; ++i) positions.push_back(i);
  for (const std::size_t i : positions) table.names.push_back(names.empty() ? std::to_string(i) : names[i]);

  std::size_t end_line = 0;  // of the first row in which all cells are empty
  bool more = names.empty() || rows.next();
  for (; more; more = rows.next()) {
    if (rows.cells().size() != count) {
      rows.refuse("there are {} cells, line {} has {}", rows.cells().size(), first_line, count);
    }
    take_row(rows, positions, end_line, table);
  }
  require(table.rows > 0, "csv", "{} holds no row of numbers", file.string());
  return table;
}

}  // namespace bitstate::datasets

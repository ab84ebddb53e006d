#include "datasets/formats/csv.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/csv_text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

namespace bitstate::datasets {
namespace {

constexpr std::size_t shown_names = 20;
constexpr std::size_t rows_ahead = 20;
constexpr std::size_t least_ahead = 3;

bool is_quoted(std::string_view cell) { return cell.starts_with('"'); }

bool is_name(std::string_view cell) {
  constexpr std::string_view beginnings_of_numbers = "0123456789+-.";
  if (unquoted(cell).empty() || number_in(cell)) return false;
  return is_quoted(cell) || beginnings_of_numbers.find(cell.front()) == std::string_view::npos;
}

bool is_whole(std::string_view cell) {
  constexpr std::size_t most_digits = 9;
  return !cell.empty() && cell.size() <= most_digits && cell.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Whether the first row quotes numbers and the second one does not.
bool names_are_quoted_numbers(const CsvRows& rows) {
  const auto& first = rows.cells();
  CsvRows ahead = rows;
  if (std::none_of(first.begin(), first.end(), is_quoted) || !ahead.next()) return false;
  const auto& second = ahead.cells();
  for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    if (is_quoted(first[i]) && number_in(first[i]) && !is_quoted(second[i])) return true;
  }
  return false;
}

/// Whether the next rows have a column in which each cell is a fraction.
bool fractions_follow(CsvRows ahead) {
  std::vector<bool> fractions(ahead.cells().size(), true);
  std::size_t rows = 0;
  for (; rows < rows_ahead && ahead.next(); ++rows) {
    for (std::size_t c = 0; c < std::min(fractions.size(), ahead.cells().size()); ++c) {
      const std::string text = unquoted(ahead.cells()[c]);
      if (is_whole(text.substr(text.starts_with('-') || text.starts_with('+') ? 1 : 0))) fractions[c] = false;
    }
  }
  return rows >= least_ahead && std::find(fractions.begin(), fractions.end(), true) != fractions.end();
}

/// Refuses a first row of whole numbers that may be names, as pandas writes those of a frame without names.
void refuse_numbers_as_names(const CsvRows& rows) {
  std::vector<std::string> cells;
  for (const std::string_view cell : rows.cells()) cells.push_back(unquoted(cell));
  if (cells.size() > 1 && cells.back().empty()) cells.pop_back();  // the separator ends each line
  const bool index = cells.size() > 1 && cells.front().empty();
  if (index) cells.erase(cells.begin());
  if (!std::all_of(cells.begin(), cells.end(), is_whole)) return;
  if (std::set<std::string>(cells.begin(), cells.end()).size() != cells.size()) return;
  bool counts = true;
  for (std::size_t i = 0; i < cells.size(); ++i) counts = counts && cells[i] == std::to_string(i);
  const bool several = cells.size() > 1;
  if (!index && !(several && counts) && !((several || counts) && fractions_follow(rows))) return;
  rows.refuse(
      "\"{}\" may be names of columns, as pandas writes them, or a first row of numbers: write a line of names "
      "that begin with letters in its place, or above it",
      fmt::join(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(std::min(cells.size(), shown_names)), ", "));
}

/// The names in the first row; empty where it is one of numbers.
std::vector<std::string> names_in(const CsvRows& rows) {
  const auto& cells = rows.cells();
  const bool quoted_numbers = names_are_quoted_numbers(rows);
  const auto names_one = [&](std::string_view cell) { return is_name(cell) || (quoted_numbers && is_quoted(cell)); };
  const auto name = std::find_if(cells.begin(), cells.end(), names_one);
  if (name == cells.end()) {
    refuse_numbers_as_names(rows);
    return {};
  }
  const auto number =
      std::find_if(cells.begin(), cells.end(), [&](auto cell) { return !names_one(cell) && number_in(cell); });
  if (number != cells.end()) {
    rows.refuse("there is a name, {}, and a number, {}; names that are numbers need quotes",
                name->substr(0, shown_bytes), number->substr(0, shown_bytes));
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

/// Whether a number with a comma could be one of thousands: 1,234 but not 0,123 or 1,2345.
bool may_be_thousands(std::string_view number) {
  constexpr std::size_t group = 3;
  if (number.starts_with('-') || number.starts_with('+')) number.remove_prefix(1);
  const std::size_t comma = number.find(',');
  return comma > 0 && comma <= group && number.front() != '0' && number.size() == comma + 1 + group;
}

/// Takes the rows of numbers into a table.
class NumberReader {
 public:
  NumberReader(const CsvRows& rows, Csv& table) : rows_(rows), table_(table) {}

  /// Appends the row's numbers, or notes that the table has ended.
  void take_row();
  /// After the last row.
  void check_decimals() const;

 private:
  double number_of(std::size_t column);

  const CsvRows& rows_;
  Csv& table_;
  std::size_t end_line_ = 0;   // of the first row in which all cells are empty
  std::string point_, comma_;  // the first number with a decimal point, with a comma
  std::size_t point_line_ = 0, comma_line_ = 0;
  bool comma_is_decimal_ = false;  // one of the numbers cannot be read otherwise
};

double NumberReader::number_of(std::size_t column) {
  const std::string_view cell = rows_.cells()[table_.positions[column]];
  const std::optional<double> number = number_in(cell);
  if (!number || !std::isfinite(*number)) {
    rows_.refuse("column {}: expected a finite decimal number, got \"{}\"", table_.names[column],
                 cell.substr(0, shown_bytes));
  }
  const bool comma = cell.find(',') != std::string_view::npos;
  if (comma || cell.find('.') != std::string_view::npos) {
    std::string& first = comma ? comma_ : point_;
    if (first.empty()) {
      first = unquoted(cell);
      (comma ? comma_line_ : point_line_) = rows_.line();
    }
    if (comma) comma_is_decimal_ = comma_is_decimal_ || !may_be_thousands(unquoted(cell));
    if (!comma_.empty() && !point_.empty()) {
      rows_.refuse("column {}: \"{}\" has a decimal {}, but line {} has {}: write all numbers alike",
                   table_.names[column], unquoted(cell), comma ? "comma" : "point", comma ? point_line_ : comma_line_,
                   comma ? point_ : comma_);
    }
  }
  return *number;
}

void NumberReader::take_row() {
  const auto& cells = rows_.cells();
  const auto is_empty = [&](std::size_t position) { return cells[position].empty() || cells[position] == "\"\""; };
  if (std::all_of(table_.positions.begin(), table_.positions.end(), is_empty)) {
    if (end_line_ == 0) end_line_ = rows_.line();
    return;
  }
  if (end_line_ != 0) {
    std::vector<std::string> names;  // each once
    for (const std::string& name : table_.names) {
      if (names.size() < shown_names && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
    const bool one = names.size() == 1;
    rows_.refuse_at(end_line_, "{} {} empty, but {} on in line {}: values are missing",
                    fmt::format("{} {}", one ? "column" : "the columns", fmt::join(names, ", ")), one ? "is" : "are",
                    one ? "goes" : "go", rows_.line());
  }
  for (std::size_t c = 0; c < table_.positions.size(); ++c) table_.values.push_back(number_of(c));
  ++table_.rows;
}

void NumberReader::check_decimals() const {
  if (comma_.empty() || comma_is_decimal_) return;
  std::string thousands = comma_;
  std::erase(thousands, ',');
  rows_.refuse_at(comma_line_,
                  "\"{}\" may have a decimal comma, or be {}: write numbers with a decimal point and without "
                  "a sign between thousands",
                  comma_, thousands);
}

}  // namespace

Csv read_csv(const std::filesystem::path& file, const std::vector<std::string>& columns, std::size_t max_bytes) {
  const std::string text = read_file(file, max_bytes);
  CsvRows rows(file.string(), text);
  require(rows.next(), "csv", "{} holds no row", file.string());
  const std::size_t count = rows.cells().size();
  const std::size_t first_line = rows.line();
  const auto filled = std::count_if(rows.cells().begin(), rows.cells().end(), [](auto cell) { return !cell.empty(); });
  if (filled == 1) rows.keep_blank_lines();

  Csv table;
  table.header = names_in(rows);
  const std::vector<std::string>& names = table.header;
  for (const std::string& column : columns) table.positions.push_back(position_of(column, names, count, file.string()));
  for (std::size_t i = 0; columns.empty() && i < count; ++i) table.positions.push_back(i);
  for (const std::size_t i : table.positions) table.names.push_back(names.empty() ? std::to_string(i) : names[i]);

  NumberReader numbers(rows, table);
  bool more = names.empty() || rows.next();
  for (; more; more = rows.next()) {
    if (rows.cells().size() != count) {
      rows.refuse("there are {} cells, line {} has {}", rows.cells().size(), first_line, count);
    }
    numbers.take_row();
  }
  numbers.check_decimals();
  require(table.rows > 0, "csv", "{} holds no row of numbers", file.string());
  return table;
}

}  // namespace bitstate::datasets

#include "datasets/formats/csv_names.h"

#include "core/error.h"
#include "datasets/formats/csv_numbers.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

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

std::vector<std::string> unquoted_all(const std::vector<std::string_view>& cells) {
  std::vector<std::string> names;
  names.reserve(cells.size());
  for (const std::string_view cell : cells) names.push_back(unquoted(cell));
  return names;
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

/// The names in the first row; empty where it is one of numbers.
std::vector<std::string> names_in_first_row(const CsvRows& rows) {
  const auto& cells = rows.cells();
  const bool quoted_numbers = names_are_quoted_numbers(rows);
  const auto names_one = [&](std::string_view cell) { return is_name(cell) || (quoted_numbers && is_quoted(cell)); };
  const auto name = std::find_if(cells.begin(), cells.end(), names_one);
  if (name == cells.end()) return {};
  const auto number =
      std::find_if(cells.begin(), cells.end(), [&](auto cell) { return !names_one(cell) && number_in(cell); });
  if (number != cells.end()) {
    rows.refuse("there is a name, {}, and a number, {}; names that are numbers need quotes",
                name->substr(0, shown_bytes), number->substr(0, shown_bytes));
  }
  return unquoted_all(cells);
}

std::string known_columns(const std::vector<std::string>& names, std::size_t count) {
  if (names.size() == 1 && names.front().find_first_of(",;\t") != std::string::npos) {
    return fmt::format("it has one column, \"{}\": another --separator, or none, would cut it",
                       names.front().substr(0, shown_bytes));
  }
  if (names.empty()) return fmt::format("it has no names, its columns are 0 to {}", count - 1);
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), shown_names));
  return fmt::format("it has {}{}", fmt::join(names.begin(), end, ", "), end == names.end() ? "" : ", ...");
}

}  // namespace

std::vector<std::string> names_in(const CsvRows& rows, std::string_view header) {
  if (header == "no") return {};
  if (header == "yes") return unquoted_all(rows.cells());
  return names_in_first_row(rows);
}

std::vector<std::string> names_above(const CsvRows& rows) {
  if (rows.comment().line == 0) return {};
  const auto cells = rows.cells_of(rows.comment().text);
  if (cells.size() != rows.cells().size() || !std::all_of(cells.begin(), cells.end(), is_name)) return {};
  return unquoted_all(cells);
}

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
      "\"{}\" may be names of columns, as pandas writes them, or a first row of numbers: say which with --header=yes "
      "or no, or write a line of names that begin with letters above it",
      fmt::join(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(std::min(cells.size(), shown_names)), ", "));
}

}  // namespace bitstate::datasets

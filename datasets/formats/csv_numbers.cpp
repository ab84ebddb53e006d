#include "datasets/formats/csv_numbers.h"

#include "datasets/formats/csv_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace bitstate::datasets {
namespace {

constexpr std::size_t group_digits = 3;

char other_sign(char sign) { return sign == '.' ? ',' : '.'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view number) {
  if (number.starts_with('-') || number.starts_with('+')) number.remove_prefix(1);
  return number;
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

/// What may part thousands where `decimal` is the decimal sign, at the beginning of `text`; empty: nothing.
std::string_view group_sign(std::string_view text, char decimal) {
  constexpr std::array<std::string_view, 7> signs = {",", ".", " ", "'", "\u00A0", "\u202F", "\u2019"};
  for (const std::string_view sign : signs) {
    if (text.starts_with(sign) && sign.front() != decimal) return sign;
  }
  return {};
}

/// The digits of a whole number with signs between its thousands; nothing if it is none.
std::optional<std::string> without_groups(std::string_view whole, char decimal) {
  std::string digits(whole.substr(0, whole.size() - without_sign(whole).size()));
  whole = without_sign(whole);
  std::string_view sign;
  std::size_t group = 0;  // digits of the one at hand
  bool first = true;
  while (!whole.empty()) {
    if (is_digit(whole.front())) {
      digits += whole.front();
      whole.remove_prefix(1);
      if (++group > group_digits) return std::nullopt;
      continue;
    }
    const std::string_view found = group_sign(whole, decimal);
    if (found.empty() || (!sign.empty() && found != sign)) return std::nullopt;
    if (first ? group == 0 || without_sign(digits).front() == '0' : group != group_digits) return std::nullopt;
    sign = found;
    first = false;
    group = 0;
    whole.remove_prefix(found.size());
  }
  return !first && group == group_digits ? std::optional(digits) : std::nullopt;
}

std::string_view inside_quotes(std::string_view cell) {
  if (cell.size() < 2 || !cell.starts_with('"') || !cell.ends_with('"')) return cell;
  cell = cell.substr(1, cell.size() - 2);
  const std::size_t first = std::min(cell.find_first_not_of(" \t"), cell.size());
  return cell.substr(first, cell.find_last_not_of(" \t") + 1 - first);
}

/// Whether the sign of a number could part thousands: that of 1,234 but not of 0,123 or 1,2345.
bool may_part_thousands(std::string_view number, char sign) {
  return without_groups(number, other_sign(sign)).has_value();
}

}  // namespace

std::optional<double> number_with(std::string_view cell, char decimal) {
  cell = inside_quotes(cell);
  const std::size_t sign = cell.find(decimal);
  std::string_view whole = cell.substr(0, sign);
  const bool plain =
      std::all_of(whole.begin(), whole.end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '+'; });
  if (plain && (decimal == '.' || sign == std::string_view::npos)) return number_with_point(cell);
  std::string text(whole);
  if (!plain) {
    const auto digits = without_groups(whole, decimal);
    if (!digits) return std::nullopt;
    text = *digits;
  }
  if (sign == std::string_view::npos) return number_with_point(text);
  const std::string_view fraction = cell.substr(sign + 1);
  if (fraction.find_first_of(".,") != std::string_view::npos) return std::nullopt;
  return number_with_point(text.append(".").append(fraction));
}

std::optional<double> number_in(std::string_view cell) {
  const auto number = number_with(cell, '.');
  return number ? number : number_with(cell, ',');
}

bool is_missing(std::string_view cell) {
  constexpr std::array<std::string_view, 10> words = {"", "nan", "-nan", "na", "n/a", "null", "none", "nil", "?", "-"};
  cell = inside_quotes(cell);
  constexpr std::size_t longest = 4;
  if (cell.size() > longest) return false;
  std::string small(cell);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(words.begin(), words.end(), small) != words.end();
}

DecimalSigns::DecimalSigns(std::string_view given) : given_(given == "auto" ? '\0' : (given == "comma" ? ',' : '.')) {}

std::optional<double> DecimalSigns::number(std::string_view cell, const std::string& column, const CsvRows& rows) {
  if (given_ != '\0') return number_with(cell, given_);
  const std::string_view number = inside_quotes(cell);
  const auto points = std::count(number.begin(), number.end(), '.');
  const auto commas = std::count(number.begin(), number.end(), ',');
  if (points + commas == 0) return number_with(cell, '.');
  const char last = number[number.find_last_of(".,")];
  const char decimal = (points > 0 && commas > 0) || points + commas == 1 ? last : other_sign(last);
  const auto found = number_with(cell, decimal);
  if (!found) return std::nullopt;
  if (points + commas > 1) {
    note_groups(number, decimal, column, rows);
  } else {
    note_sign(number, decimal, column, rows);
  }
  return decimal_ == '\0' ? found : number_with(cell, decimal_);
}

void DecimalSigns::note_groups(std::string_view cell, char decimal, const std::string& column, const CsvRows& rows) {
  if (decimal_ == decimal) return;
  const char before = other_sign(decimal);
  const Seen now{std::string(cell), column, rows.line(), true};
  if (decimal_ == before || seen(before).sure) {
    rows.refuse("column {}: the decimal sign of \"{}\" is a {}, but that of {} is a {}: write all numbers alike",
                column, cell, decimal == '.' ? "point" : "comma", decimal_ == before ? groups_ : seen(before).text,
                decimal == '.' ? "comma" : "point");
  }
  decimal_ = decimal;
  groups_ = now.text;
  changed_ = !seen(before).text.empty();
}

void DecimalSigns::note_sign(std::string_view cell, char sign, const std::string& column, const CsvRows& rows) {
  Seen& known = seen(sign);
  if (known.sure) return;
  const bool sure = !may_part_thousands(cell, sign);
  if (known.text.empty() || sure) known = {std::string(cell), column, rows.line(), sure};
  const Seen& other = seen(other_sign(sign));
  if (sure && (other.sure || decimal_ == other_sign(sign))) {
    const Seen grouped{groups_, "", 0, true};
    refuse_both(other.sure ? other : grouped, known, sign, rows);
  }
}

void DecimalSigns::refuse_both(const Seen& first, const Seen& second, char sign_of_second, const CsvRows& rows) {
  rows.refuse_at(
      second.line,
      "column {}: \"{}\" has a decimal {}, but {} has {}: write all numbers alike, or say which is the decimal "
      "sign with --decimal=point or comma",
      second.column, second.text, sign_of_second == ',' ? "comma" : "point",
      first.line > 0 ? fmt::format("line {}", first.line) : "another number", first.text);
}

void DecimalSigns::check(const CsvRows& rows) const {
  if (given_ != '\0' || decimal_ != '\0') return;
  const auto& [point, comma] = seen_;
  if (!point.text.empty() && !comma.text.empty()) {
    const bool comma_is_later = comma.line >= point.line;
    refuse_both(comma_is_later ? point : comma, comma_is_later ? comma : point, comma_is_later ? ',' : '.', rows);
  }
  if (comma.text.empty() || comma.sure) return;
  std::string thousands = comma.text;
  std::erase(thousands, ',');
  rows.refuse_at(
      comma.line,
      "\"{}\" may have a decimal comma, or be {}: say which is the decimal sign with --decimal=point or comma",
      comma.text, thousands);
}

std::string DecimalSigns::text() const {
  const bool comma = given_ == ',' || decimal_ == ',' || (decimal_ == '\0' && !seen_[1].text.empty());
  std::string text = comma ? "decimal comma" : "";
  if (!groups_.empty()) text += fmt::format("{}thousands as in {}", text.empty() ? "" : ", ", groups_);
  return text;
}

}  // namespace bitstate::datasets

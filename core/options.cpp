#include "core/options.h"

#include "core/error.h"
#include "core/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <system_error>

namespace bitstate {

bool Interval::contains(double x) const {
  return std::isfinite(x) && (low_excluded ? x > low : x >= low) && (high_excluded ? x < high : x <= high);
}

std::string Interval::text() const {
  const std::string end = fmt::format("{}{}", high_excluded ? "below " : low_excluded ? "up to " : "", high);
  return low_excluded ? fmt::format("a number above {} and {}", low, end)
                      : fmt::format("a number from {} to {}", low, end);
}

namespace options {
namespace {

/// The number that `value` spells, all of it; nothing else.
template <class Number>
bool read_number(std::string_view value, Number& number) {
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  return error == std::errc() && stop == end && !value.empty();
}

}  // namespace

void refuse(std::string_view name, std::string_view value, std::string_view expected) {
  fail<UsageError>(name, "expected {}, got \"{}\"", expected, value);
}

std::size_t read_whole(std::string_view name, std::string_view value, std::size_t low, std::size_t high) {
  std::size_t number = 0;
  if (!read_number(value, number) || number < low || number > high) {
    const bool all = high == std::numeric_limits<std::size_t>::max();
    refuse(name, value, fmt::format("a whole number from {} to {}", low, all ? "2^64-1" : std::to_string(high)));
  }
  return number;
}

double read_real(std::string_view name, std::string_view value, const Interval& range) {
  double number = 0.0;
  if (!read_number(value, number) || !range.contains(number)) refuse(name, value, range.text());
  return number;
}

bool read_flag(std::string_view name, std::string_view value) {
  const bool yes = value == "true" || value == "1" || value == "yes";
  const bool no = value == "false" || value == "0" || value == "no";
  if (!yes && !no) refuse(name, value, "true or false (also yes, no, 1, 0)");
  return yes;
}

std::string read_word(std::string_view name, std::string_view value, const std::vector<std::string>& words) {
  if (is_one_of(value, words)) return std::string(value);
  fail<UsageError>(name, "expected one of {}, got \"{}\"{}", fmt::join(words, ", "), value,
                   nearest(value, words).empty() ? std::string() : suggestion(value, words));
}

std::optional<int> read_bit_width(std::string_view name, std::string_view value) {
  if (value.empty() || value == "none") return std::nullopt;
  int number = 0;
  if (!read_number(value, number) || number < 1 || number > 16) refuse(name, value, "1 to 16 bits or none");
  return number;
}

std::string whole_text(std::size_t number) { return fmt::format("{}", number); }

std::string real_text(double number) { return fmt::format("{}", number); }

std::string bit_width_text(const std::optional<int>& bits) { return bits ? fmt::format("{}", *bits) : "none"; }

}  // namespace options
}  // namespace bitstate

#include "core/program/c/text.h"

#include "core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace bitstate::program {
namespace {

constexpr std::size_t width = 120;

}  // namespace

unsigned c_bits(std::int64_t lo, std::int64_t hi) {
  for (const unsigned bits : {8U, 16U, 32U}) {
    const std::int64_t end = std::int64_t{1} << (bits - 1);
    if (lo >= -end && hi < end) return bits;
  }
  return 64;
}

unsigned c_bits(std::span<const std::int32_t> numbers) {
  const auto [lo, hi] = std::minmax_element(numbers.begin(), numbers.end());
  return c_bits(*lo, *hi);
}

std::string c_type(unsigned bits) { return fmt::format("int{}_t", bits); }

std::string c_number(std::int64_t number) {
  // the minus is an operator: 2147483648 alone would be of a wider type
  if (number == std::numeric_limits<std::int32_t>::min()) return "(-2147483647 - 1)";
  return c_bits(number, number) == 64 ? fmt::format("INT64_C({})", number) : fmt::format("{}", number);
}

std::string c_list(std::span<const std::int64_t> numbers) {
  std::string text, line = " ";
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string number = c_number(numbers[i]) + (i + 1 < numbers.size() ? "," : "");
    if (line.size() + 1 + number.size() > width) {
      text += line + "\n";
      line = " ";
    }
    line += " " + number;
  }
  return text + line + "\n";
}

std::string c_fill(std::string_view text, const std::vector<std::pair<char, std::string_view>>& values) {
  std::string filled;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      filled += text[i];
      continue;
    }
    const char key = text[++i];
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == key; });
    require(found != values.end(), "c_source", "a template has no value for ${}", key);
    filled += found->second;
  }
  return filled;
}

std::string c_indented(std::string_view lines, std::size_t depth, std::string_view condition) {
  std::string text;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    if (!lines.starts_with('#')) text += std::string(depth, ' ') + std::string(condition);
    text += fmt::format("{}\n", lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return text;
}

std::string c_wrap(std::string_view text) {
  std::string wrapped;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    const std::string indent(line.find_first_not_of(' ') == std::string::npos ? 0 : line.find_first_not_of(' '), ' ');
    while (line.size() > width) {
      const std::size_t comma = line.rfind(", ", width - 1);
      if (comma == std::string::npos || comma <= indent.size() + 4) break;
      wrapped += line.substr(0, comma + 1) + "\n";
      line = fmt::format("{}    {}", indent, line.substr(comma + 2));
    }
    wrapped += line + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return wrapped;
}

std::string c_capitals(std::string_view name) {
  std::string capitals(name);
  for (char& c : capitals) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return capitals;
}

std::string c_multiplier(std::string_view name) { return c_capitals(name) + "_MULTIPLIER"; }

}  // namespace bitstate::program

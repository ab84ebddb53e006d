#include "experiments/settings/ini.h"

#include "core/error.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace bitstate::experiments {
namespace {

constexpr std::string_view expected_line = "expected name = value, [section] or # comment";

/// What stands behind a backslash in quotes, and what it stands for.
constexpr std::array<std::pair<char, char>, 5> escapes{
    {{'\\', '\\'}, {'"', '"'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}}};

/// The first line of `text`, which is taken off it. Lines end with LF, CR LF or CR.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
  return line;
}

/// A value in quotes, and behind it at most a comment. `text` begins with the opening quote.
std::string unquoted(std::string_view text, std::string_view where, std::size_t number) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      const auto rest = trimmed(text.substr(i + 1));
      require<UsageError>(rest.empty() || rest.front() == '#', where,
                          "line {}: {} stands behind the closing quote of the value; put all of it in quotes", number,
                          rest);
      return value;
    }
    if (text[i] == '\\' && ++i < text.size()) {
      const auto known =
          std::find_if(escapes.begin(), escapes.end(), [&](const auto& escape) { return escape.first == text[i]; });
      require<UsageError>(known != escapes.end(), where,
                          "line {}: \\{} is unknown in quotes; known are \\\\, \\\", \\n, \\r and \\t", number,
                          text[i]);
      value += known->second;
    } else {
      value += text[i];
    }
  }
  fail<UsageError>(where, "line {}: the value begins with a quote, but no quote ends it: {}", number, text);
}

/// What parse_ini reads back to `value`: the value as it is, or in quotes where it would be read as something else.
std::string quoted_if_needed(std::string_view value) {
  const bool plain =
      value == trimmed(value) && value.find_first_of("#\r\n") == std::string_view::npos && !value.starts_with('"');
  if (plain) return std::string(value);
  std::string text = "\"";
  for (const char c : value) {
    const auto escape =
        std::find_if(escapes.begin(), escapes.end(), [&](const auto& known) { return known.second == c; });
    text += escape == escapes.end() ? std::string(1, c) : std::string{'\\', escape->first};
  }
  return text + "\"";
}

/// The values of an axis of a sweep stand in quotes each, if need be; who reads the list takes them off.
bool is_list(std::string_view name) { return name.starts_with("axis."); }

/// A list without the comment behind it.
std::string_view without_comment(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = quoted && text[i] == '\\';
    if (text[i] == '"' && (quoted || i == 0 || std::string_view(" \t|").find(text[i - 1]) != std::string_view::npos)) {
      quoted = !quoted;
    }
    if (escape) ++i;
    if (i < text.size() && text[i] == '#' && !quoted) return trimmed(text.substr(0, i));
  }
  return text;
}

/// Rules add up, all other settings are given once.
bool may_repeat(std::string_view name) { return name == "bits" || name.ends_with(".bits"); }

}  // namespace

const std::string* last_value(const Settings& settings, std::string_view name) {
  const auto named = [&](const auto& setting) { return setting.first == name; };
  const auto found = std::find_if(settings.rbegin(), settings.rend(), named);
  return found == settings.rend() ? nullptr : &found->second;
}

std::string value_of(const Settings& settings, std::string_view name) {
  const std::string* const value = last_value(settings, name);
  return value == nullptr ? std::string() : *value;
}

Settings parse_ini(std::string_view text, std::string_view where) {
  require<UsageError>(text.find('\0') == std::string_view::npos, where, "holds a NUL, so it is no text");
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  Settings result;
  std::map<std::string, std::size_t> line_of;
  std::string section;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view full = trimmed(take_line(text));
    const std::string_view line = trimmed(full.substr(0, full.find('#')));
    if (line.empty()) continue;
    if (line.front() == '[') {
      const auto name = trimmed(line.substr(1, line.size() - 2));
      require<UsageError>(line.back() == ']' && name.find_first_of("[]=") == std::string_view::npos, where,
                          "line {} is \"{}\": {}", number, line, expected_line);
      section = name.empty() ? std::string() : std::string(name) + ".";
      continue;
    }
    const auto equals = line.find('=');
    const auto key = trimmed(line.substr(0, equals));
    require<UsageError>(equals != std::string_view::npos && !key.empty(), where, "line {} is \"{}\": {}", number, line,
                        expected_line);
    const std::string name = section + std::string(key);
    const auto [earlier, first] = line_of.emplace(name, number);
    require<UsageError>(first || may_repeat(name), where, "lines {} and {} both give {}; remove one of them",
                        earlier->second, number, name);
    const auto value = trimmed(full.substr(equals + 1));
    if (is_list(name)) {
      result.emplace_back(name, without_comment(value));
    } else if (value.starts_with('"')) {
      result.emplace_back(name, unquoted(value, where, number));
    } else {
      result.emplace_back(name, trimmed(line.substr(equals + 1)));
    }
  }
  return result;
}

std::string format_ini(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    text += fmt::format("{} = {}\n", name, is_list(name) ? value : quoted_if_needed(value));
  }
  return text;
}

}  // namespace bitstate::experiments

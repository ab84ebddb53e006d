#include "experiments/ini.h"

#include "core/atomic_file.h"
#include "core/error.h"

#include <fmt/core.h>

#include <system_error>

namespace bitstate::experiments {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find_first_of(separators);
    const auto part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::string read_text(const std::filesystem::path& path) {
  constexpr std::size_t max_bytes = std::size_t{1} << 26;
  std::error_code ignored;
  require<UsageError>(std::filesystem::exists(path, ignored) && !std::filesystem::is_directory(path, ignored),
                      path.string(), "cannot be read");
  return read_file(path, max_bytes);
}

Settings parse_ini(std::string_view text, std::string_view where) {
  Settings result;
  std::string section;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    constexpr std::string_view expected = "expected name = value, [section] or # comment";
    if (line.front() == '[') {
      const auto name = trimmed(line.substr(1, line.size() - 2));
      require<UsageError>(line.back() == ']' && name.find_first_of("[]=") == std::string_view::npos, where,
                          "line {} is \"{}\": {}", number, line, expected);
      section = name.empty() ? std::string() : std::string(name) + ".";
      continue;
    }
    const auto equals = line.find('=');
    const auto name = trimmed(line.substr(0, equals));
    require<UsageError>(equals != std::string_view::npos && !name.empty(), where, "line {} is \"{}\": {}", number, line,
                        expected);
    result.emplace_back(section + std::string(name), trimmed(line.substr(equals + 1)));
  }
  return result;
}

Settings read_ini(const std::filesystem::path& path) { return parse_ini(read_text(path), path.string()); }

std::string format_ini(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) text += fmt::format("{} = {}\n", name, value);
  return text;
}

}  // namespace bitstate::experiments

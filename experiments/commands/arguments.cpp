#include "experiments/commands/arguments.h"

#include "core/error.h"
#include "experiments/host/process.h"

#include <fmt/format.h>

namespace bitstate::experiments {

std::string only_positional(const CommandLine& line, std::string_view command) {
  require<UsageError>(line.positionals.size() <= 1, command, "\"{}\" is one argument too many",
                      line.positionals.size() > 1 ? line.positionals[1] : std::string());
  return line.positionals.empty() ? std::string() : line.positionals.front();
}

std::size_t count_of(std::string_view name, const std::string& text, std::size_t digits) {
  const bool whole = !text.empty() && text.size() <= digits && text.find_first_not_of("0123456789") == text.npos;
  require<UsageError>(whole && text.find_first_not_of('0') != text.npos, name,
                      "expected a whole number from 1 to {}, got \"{}\"", std::string(digits, '9'), text);
  return static_cast<std::size_t>(std::stoul(text));
}

std::string text_of(const CommandLine& line, std::string_view command) {
  std::string text = fmt::format("bitstate {}", command);
  for (const std::string& word : line.positionals) text += " " + shell_word(word);
  for (const auto& [name, value] : line.options) text += " " + shell_word(fmt::format("--{}={}", name, value));
  return text;
}

}  // namespace bitstate::experiments

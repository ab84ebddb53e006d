#include "experiments/commands/command_table.h"

#include "core/suggest.h"
#include "core/text.h"
#include "experiments/posttraining/transform.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

namespace bitstate::experiments {
namespace {

constexpr std::size_t line_width = 100;

constexpr std::string_view exit_codes = R"(
exit codes:
  0   done
  1   {}
  2   wrong usage: an unknown command or option, an impossible value
  75  interrupted by a signal; the same command goes on (train and ptq with --resume)
)";

/// `text` in lines of at most line_width columns; those after the first begin at column `indent`.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = indent;
  for (const std::string& word : split(text, " ")) {
    if (column > indent && column + 1 + word.size() > line_width) {
      lines += fmt::format("\n{:{}}", "", indent);
      column = indent;
    }
    if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

/// What makes a command fail besides missing data, with a comma behind it.
std::string_view failures_of(std::string_view command) {
  if (command == "train") return "the run diverged or was given up, ";
  if (is_one_of(command, std::array{"ptq", "eval", "sensitivity", "allocate"})) return "the run diverged, ";
  if (command == "sweep") return "a run failed or was not started, no run is done, the report cannot be written, ";
  return {};
}

std::string exit_codes_text(std::string_view failures) {
  const std::string failed = fmt::format("failed: {}data or files are missing or damaged, the disk is full", failures);
  return fmt::format(exit_codes, wrapped(failed, 6));
}

std::string name_text(const OptionInfo& option) {
  return option.is_switch ? fmt::format("--{}", option.name) : fmt::format("--{}={}", option.name, option.unit);
}

std::string help_of(const OptionInfo& option) {
  std::string text = option.help;
  if (!option.words.empty()) text += fmt::format(": {}", fmt::join(option.words, ", "));
  if (!option.value.empty()) text += fmt::format(" [{}]", option.value);
  return text;
}

/// Options that say no group say how the command is carried out.
std::string group_of(const OptionInfo& option) { return option.group.empty() ? "run" : option.group; }

/// The groups of `options`: those of a run in their usual order, `run` last.
std::vector<std::string> groups_of(const std::vector<OptionInfo>& options) {
  const std::map<std::string, int> places{{"model", 0}, {"training", 1}, {"quantization", 2}, {"data", 3}, {"run", 5}};
  const auto place = [&](const std::string& group) { return places.contains(group) ? places.at(group) : 4; };
  std::vector<std::string> groups;
  for (const OptionInfo& option : options) {
    const std::string group = group_of(option);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const std::string& a, const std::string& b) { return place(a) < place(b); });
  return groups;
}

std::string options_help(const std::vector<OptionInfo>& options) {
  std::size_t width = 0;
  for (const OptionInfo& option : options) width = std::max(width, name_text(option).size());
  const auto groups = groups_of(options);
  std::string text;
  for (const std::string& group : groups) {
    text += groups.size() == 1 ? std::string("\noptions:\n") : fmt::format("\n{} options:\n", group);
    for (const OptionInfo& option : options) {
      if (group_of(option) != group) continue;
      text += fmt::format("  {:<{}}  {}\n", name_text(option), width, wrapped(help_of(option), width + 4));
    }
  }
  return text;
}

/// The transforms with their options, in the form of options_help().
std::string transforms_help() {
  std::string text = "\ntransforms, as in --transforms='NAME(OPTION=VALUE, ...), ...':\n";
  for (const Transform& transform : all_transforms()) {
    text += fmt::format("  {:<20}{}\n", transform.name, wrapped(transform.help, 22));
    for (const OptionInfo& option : transform.options) {
      const std::string name = fmt::format("{}={}", option.name, option.unit);
      text += fmt::format("    {:<18}{}\n", name, wrapped(help_of(option), 22));
    }
  }
  return text;
}

}  // namespace

std::string command_line_help(const std::vector<Command>& table) {
  std::string text = "bitstate: few-bit state-space models\n\nusage: bitstate COMMAND ...\n\n";
  for (const Command& command : table) {
    text += fmt::format("  {:<12}{:<24} {}\n", command.name, command.arguments, command.summary);
  }
  text += "\nbitstate COMMAND --help (-h) explains a command; --version (-v) prints the version.\n";
  return text + exit_codes_text("a run came to nothing (see COMMAND --help), ");
}

std::string command_help(const Command& command, std::string_view values_of, const RunConfig& values) {
  std::vector<OptionInfo> options = command.options;
  std::erase_if(options, [&](const OptionInfo& option) { return !values_of.empty() && !is_chosen(option, values); });
  std::string text = fmt::format("usage: bitstate {} {}{}\n\n{}\n", command.name, command.arguments,
                                 options.empty() ? "" : " [--OPTION=VALUE ...]", command.summary);
  if (!options.empty()) {
    text += fmt::format("\nIn brackets: {}. --OPTION alone means true for those without a value.\n",
                        values_of.empty() ? "the defaults" : fmt::format("the values of {}", values_of));
  }
  text += options_help(options);
  if (find_option(options, "transforms") != nullptr) text += transforms_help();
  text += command.notes;
  text += "\nexamples:\n";
  for (const std::string& example : command.examples) text += fmt::format("  {}\n", example);
  return text + exit_codes_text(failures_of(command.name));
}

}  // namespace bitstate::experiments

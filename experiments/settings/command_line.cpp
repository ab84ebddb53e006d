#include "experiments/settings/command_line.h"

#include "core/error.h"
#include "experiments/settings/options.h"

#include <boost/program_options.hpp>

#include <algorithm>
#include <string_view>

namespace bitstate::experiments {
namespace {

namespace po = boost::program_options;

bool is_boolean(std::string_view word) {
  return word == "true" || word == "false" || word == "yes" || word == "no" || word == "1" || word == "0";
}

/// The words of a command line as Boost shall see them: dashes in option names become underscores, and a switch takes
/// the boolean word that follows it, or true.
std::vector<std::string> normalized(const std::vector<std::string>& args, const std::vector<OptionInfo>& options) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::string arg = args[i];
    if (arg == "-h") arg = "--help";
    if (arg == "-v") arg = "--version";
    if (arg == "--") {
      words.insert(words.end(), args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
      break;
    }
    if (arg.size() > 2 && arg.compare(0, 2, "--") == 0) {
      const std::size_t end = std::min(arg.find('='), arg.size());
      std::replace(arg.begin() + 2, arg.begin() + static_cast<std::ptrdiff_t>(end), '-', '_');
      const OptionInfo* const option = find_option(options, std::string_view(arg).substr(2));
      if (option != nullptr && option->is_switch) {
        arg += "=" + (i + 1 < args.size() && is_boolean(args[i + 1]) ? args[++i] : std::string("true"));
      } else if (option != nullptr && i + 1 < args.size()) {
        words.push_back(std::move(arg));
        arg = args[++i];  // its value, whatever it looks like
      }
    }
    words.push_back(arg);
  }
  return words;
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& args, const std::vector<OptionInfo>& options) {
  po::options_description description;
  for (const auto& option : options) description.add_options()(option.name.c_str(), po::value<std::string>());
  description.add_options()("help", "")("version", "");

  CommandLine line;
  try {
    namespace style = po::command_line_style;
    const auto words = normalized(args, options);
    const auto parsed = po::command_line_parser(words)
                            .options(description)
                            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
                            .allow_unregistered()
                            .run();
    for (const auto& option : parsed.options) {
      if (option.string_key.empty()) {
        const bool dashed = option.value.front().size() > 1 && option.value.front().front() == '-';
        if (dashed && option.value.front() != "--") refuse_unknown("options", option.value.front(), names_of(options));
        line.positionals.insert(line.positionals.end(), option.value.begin(), option.value.end());
      } else if (option.unregistered) {
        refuse_unknown("options", option.string_key, names_of(options));
      } else if (option.string_key == "help") {
        line.help = true;
      } else if (option.string_key == "version") {
        line.version = true;
      } else {
        line.options.emplace_back(option.string_key, option.value.front());
      }
    }
  } catch (const po::error_with_option_name& error) {
    const std::string name = error.get_option_name();
    const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
    fail<UsageError>(dashes == name.size() ? "options" : name.substr(dashes), "needs a value");
  } catch (const po::error& error) {
    fail<UsageError>("options", "{}", error.what());
  }
  return line;
}

}  // namespace bitstate::experiments

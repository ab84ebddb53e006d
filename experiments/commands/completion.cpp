#include "experiments/commands/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

namespace bitstate::experiments {
namespace {

bool takes_path(const OptionInfo& option) {
  const auto& unit = option.unit;
  return unit.ends_with("PATH") || unit == "FILE" || unit == "FOLDER" || unit == "RUN" || unit == "NAME|FILE";
}

constexpr std::string_view bash_head = R"(# bash completion of bitstate; load it by: source <(bitstate completion bash)
_bitstate() {
  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local name='' words='' paths='' options='' argument=1 i
  COMPREPLY=()
)";

// bash makes three words of --name=value
constexpr std::string_view bash_body = R"(
  if [[ $cur == '=' ]]; then
    name=$before cur=''
  elif [[ $before == '=' ]]; then
    name=${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $valued == *" $before "* ]]; then
    name=$before
  fi
  if [[ -n $name ]]; then
    _bitstate_values
  elif [[ $cur == -* ]]; then
    words=$options
  else
    for ((i = 2; i < COMP_CWORD; ++i)); do
      if [[ ${COMP_WORDS[i]} != -* ]]; then
        ((++argument))
      elif [[ ${COMP_WORDS[i+1]} == '=' ]]; then
        ((i += 2))
      elif [[ $valued == *" ${COMP_WORDS[i]} "* ]]; then
        ((++i))
      fi
    done
    _bitstate_arguments
  fi
  local IFS=$' \t\n'
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $paths ]]; then
    IFS=$'\n'
    COMPREPLY+=($(compgen -f -- "$cur"))
    compopt -o filenames 2> /dev/null
  fi
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2> /dev/null; fi
  return 0
}
complete -F _bitstate bitstate
)";

/// Every option under its name, with the words and paths that any command takes for it.
std::map<std::string, OptionInfo> by_name(const std::vector<Command>& table) {
  std::map<std::string, OptionInfo> options;
  for (const Command& command : table) {
    for (const OptionInfo& option : command.options) {
      OptionInfo& known = options.emplace(option.name, option).first->second;
      if (takes_path(option)) known.unit = option.unit;
      if (known.words.empty()) known.words = option.words;
    }
  }
  return options;
}

/// _bitstate_values: what may stand behind the option $name.
std::string bash_values(const std::map<std::string, OptionInfo>& options) {
  std::string text = "_bitstate_values() {\n  case $name in\n";
  for (const auto& [name, option] : options) {
    if (option.words.empty() && !takes_path(option)) continue;
    text += fmt::format("    --{})", name);
    if (!option.words.empty()) text += fmt::format(" words='{}'", fmt::join(option.words, " "));
    text += takes_path(option) ? " paths=1 ;;\n" : " ;;\n";
  }
  return text + "  esac\n}\n";
}

/// _bitstate_arguments: what the argument of this number may be.
std::string bash_arguments(const std::vector<Command>& table) {
  std::string text = "_bitstate_arguments() {\n  case $command:$argument in\n";
  for (const Command& command : table) {
    for (std::size_t i = 0; i < command.words.size(); ++i) {
      text += fmt::format("    {}:{}) words='{}'{} ;;\n", command.name, i + 1, fmt::join(command.words[i], " "),
                          command.paths ? " paths=1" : "");
    }
    if (command.paths) text += fmt::format("    {}:*) paths=1 ;;\n", command.name);
  }
  return text + "  esac\n}\n";
}

std::string bash_options(const Command& command) {
  std::string text = fmt::format("    {}) options='", command.name);
  for (const OptionInfo& option : command.options) {
    text += fmt::format("--{}{} ", option.name, option.is_switch ? "" : "=");
  }
  return text + "--help --version' ;;\n";
}

/// `text` within single quotes.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Help between the brackets of _arguments.
std::string bracketed(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '[' || c == ']' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
  return out;
}

std::string zsh_action(const std::vector<std::string>& words, bool paths) {
  if (paths) return fmt::format(" _bitstate_names_or_files {}", fmt::join(words, " "));
  return words.empty() ? std::string() : fmt::format("({})", fmt::join(words, " "));
}

std::string zsh_option(const OptionInfo& option) {
  const std::string help = bracketed(option.help);
  if (option.is_switch) return shell_quoted(fmt::format("--{}[{}]", option.name, help));
  return shell_quoted(
      fmt::format("*--{}=[{}]:{}:{}", option.name, help, option.unit, zsh_action(option.words, takes_path(option))));
}

std::string zsh_command(const Command& command) {
  std::string text = fmt::format("    {})\n      _arguments \\\n", command.name);
  for (const OptionInfo& option : command.options) text += fmt::format("        {} \\\n", zsh_option(option));
  for (std::size_t i = 0; i < command.words.size(); ++i) {
    text += fmt::format("        {} \\\n",
                        shell_quoted(fmt::format("{}:name:{}", i + 1, zsh_action(command.words[i], command.paths))));
  }
  if (command.paths) text += "        '*:file:_files' \\\n";
  return text + "        '(- *)--help[explain the command]' '(- *)--version[print the version]'\n      ;;\n";
}

constexpr std::string_view zsh_head = R"(#compdef bitstate
# zsh completion of bitstate: bitstate completion zsh > _bitstate, in a folder of $fpath
_bitstate_names_or_files() {
  (( $# )) && compadd -- "$@"
  _files
}
_bitstate() {
  local -a commands
  commands=(
)";

constexpr std::string_view zsh_body = R"(  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  local command=$words[2]
  shift words
  (( --CURRENT ))
  case $command in
)";

constexpr std::string_view zsh_tail = R"(  esac
}
if [[ $funcstack[1] == _bitstate ]]; then _bitstate "$@"; else compdef _bitstate bitstate; fi
)";

}  // namespace

std::string bash_completion(const std::vector<Command>& table) {
  const auto options = by_name(table);
  std::string commands, valued = " ", cases;
  for (const Command& command : table) {
    commands += command.name + " ";
    cases += bash_options(command);
  }
  for (const auto& [name, option] : options) {
    if (!option.is_switch) valued += fmt::format("--{} ", name);
  }
  std::string text(bash_head);
  text += fmt::format("  local valued='{}'\n", valued);
  text += fmt::format(
      "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W '{}--help --version' -- \"$cur\"))\n"
      "    return 0\n  fi\n  case $command in\n{}  esac",
      commands, cases);
  return text + std::string(bash_body) + bash_values(options) + bash_arguments(table);
}

std::string zsh_completion(const std::vector<Command>& table) {
  std::string text(zsh_head);
  for (const Command& command : table)
    text += fmt::format("    {}\n", shell_quoted(command.name + ":" + command.summary));
  text += zsh_body;
  for (const Command& command : table) text += zsh_command(command);
  return text + std::string(zsh_tail);
}

}  // namespace bitstate::experiments

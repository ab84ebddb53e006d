#include "experiments/export/c_compiler.h"

#include "core/error.h"
#include "experiments/host/tools.h"

#include <cstdlib>
#include <sstream>

namespace bitstate::experiments {

std::vector<std::string> c_compiler() {
  const char* const variable = std::getenv("CC");
  std::istringstream words(variable == nullptr ? "" : variable);
  std::vector<std::string> command;
  for (std::string word; words >> word;) command.push_back(word);
  if (command.empty()) command.emplace_back("cc");
  return command;
}

void compile_c(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& sources,
               const std::filesystem::path& program, const std::vector<std::string>& flags) {
  std::vector<std::string> command = c_compiler();
  const std::string name = command.front();
  command.front() = find_executable(name).value_or(name).string();
  command.insert(command.end(), {"-std=c99", "-O2", "-I" + folder.string(), "-o", program.string()});
  command.insert(command.end(), flags.begin(), flags.end());
  for (const auto& source : sources) command.push_back(source.string());
  const ToolOutcome outcome = run_tool(command, program.parent_path());
  require(outcome.exit_code == 0, "export", "{} does not compile the C ({}); nothing is written", name, outcome.text());
  require(find_executable(program.string()).has_value(), "export",
          "{} made no program of the C, without a word; nothing is written", name);
}

}  // namespace bitstate::experiments

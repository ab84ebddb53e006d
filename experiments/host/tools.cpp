#include "experiments/host/tools.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/host/process.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <system_error>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

bool can_run(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) && ::access(file.c_str(), X_OK) == 0;
}

std::string first_words(const fs::path& log) {
  const std::string text = read_file(log, std::size_t{1} << 26);
  std::size_t end = text.find('\n');
  if (end != std::string::npos && end > 0 && text[end - 1] == ':') end = text.find('\n', end + 1);
  std::string words = text.substr(0, end);
  for (char& c : words) c = c == '\n' ? ' ' : c;
  return words;
}

}  // namespace

WorkFolder::WorkFolder() : WorkFolder(fs::temp_directory_path()) {}

WorkFolder::WorkFolder(const fs::path& parent) {
  std::string name = (parent / ".bitstate-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, parent.string(), "no folder can be made in it");
  path_ = name;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::optional<fs::path> find_executable(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return can_run(name) ? std::optional(fs::path(name)) : std::nullopt;
  const char* const variable = std::getenv("PATH");
  std::string_view folders = variable == nullptr ? "" : variable;
  while (!folders.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    const fs::path file = fs::path(folders.substr(0, end)) / name;
    if (end > 0 && can_run(file)) return file;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return std::nullopt;
}

std::string ToolOutcome::text() const {
  const std::string how =
      exit_code > 128 ? fmt::format("signal {}", exit_code - 128) : fmt::format("exit code {}", exit_code);
  return said.empty() ? how : how + ": " + said;
}

std::vector<ToolOutcome> run_tools(const std::vector<std::vector<std::string>>& commands, const fs::path& folder) {
  ChildProcesses children;
  std::map<pid_t, std::size_t> numbers;
  const auto log = [&](std::size_t i) { return folder / fmt::format("log{}", i); };
  for (std::size_t i = 0; i < commands.size(); ++i) {
    fs::remove(log(i));
    numbers[children.start(commands[i], log(i))] = i;
  }
  std::vector<ToolOutcome> outcomes(commands.size());
  while (!numbers.empty()) {
    // not for long: a thread of this process may have taken the signal that a child has ended
    const ChildProcesses::Event event = children.wait(0.02);
    require(event.kind != ChildProcesses::Event::Kind::signal, "export", "stopped by signal {}", event.signal);
    const auto ended = numbers.find(event.child);
    if (event.kind != ChildProcesses::Event::Kind::ended || ended == numbers.end()) continue;
    outcomes[ended->second] = {event.exit_code, first_words(log(ended->second))};
    numbers.erase(ended);
  }
  return outcomes;
}

}  // namespace bitstate::experiments

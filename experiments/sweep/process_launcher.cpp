// The runs of a sweep as child processes.
#include "experiments/host/process.h"
#include "experiments/sweep/run_launcher.h"

#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {

ProcessLauncher::ProcessLauncher(std::vector<std::string> options) : options_(std::move(options)) {}

int ProcessLauncher::start(const SweepRun& run, const std::filesystem::path& folder) {
  std::vector<std::string> command{ChildProcesses::this_executable().string(), "train",
                                   (folder / "settings.ini").string(), "--out=" + folder.string()};
  if (std::filesystem::exists(folder / "checkpoint.h5")) command.push_back("--resume=true");
  if (!run.config.data.path.empty()) command.push_back("--data=" + run.config.data.path.string());
  if (run.config.run.give_up) command.push_back("--give_up=" + text_of(run.config.run.give_up));
  command.insert(command.end(), options_.begin(), options_.end());
  return children_.start(command, folder / "train.log", true);
}

RunLauncher::Event ProcessLauncher::wait() {
  const auto event = children_.wait(1.0);
  switch (event.kind) {
    case ChildProcesses::Event::Kind::ended:
      return {Event::Kind::ended, event.child, event.exit_code};
    case ChildProcesses::Event::Kind::signal:
      children_.send(event.signal);
      return {Event::Kind::stop, 0, 0};
    case ChildProcesses::Event::Kind::nothing:
      break;
  }
  return {};
}

void ProcessLauncher::kill(int job) { children_.send(SIGKILL, job); }

}  // namespace bitstate::experiments

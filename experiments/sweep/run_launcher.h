// Where the runs of a sweep are carried out.
#pragma once

#include "experiments/host/process.h"
#include "experiments/sweep/sweep_plan.h"

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// Carries runs out: in child processes, or as a test pleases.
class RunLauncher {
 public:
  struct Event {
    enum class Kind { ended, stop, nothing };
    Kind kind = Kind::nothing;
    int job = 0;        ///< ended: what start() returned
    int exit_code = 0;  ///< ended
  };

  virtual ~RunLauncher() = default;
  /// Starts a run that shall write its result into `folder`; does not wait.
  virtual int start(const SweepRun& run, const std::filesystem::path& folder) = 0;
  /// The next end of a run, or a wish to stop, or nothing after at most a second or so.
  virtual Event wait() = 0;
  /// Ends a job at once, before it writes anything more. Its end is still an event.
  virtual void kill(int job) = 0;
};

/// Runs `bitstate train FOLDER/settings.ini --out=FOLDER` in child processes; their output goes to FOLDER/train.log.
/// A signal to this process is handed on to them.
class ProcessLauncher : public RunLauncher {
 public:
  /// `options` are appended to each command line, as "--threads=1".
  explicit ProcessLauncher(std::vector<std::string> options);
  int start(const SweepRun& run, const std::filesystem::path& folder) override;
  Event wait() override;
  void kill(int job) override;

 private:
  std::vector<std::string> options_;
  ChildProcesses children_;
};

}  // namespace bitstate::experiments

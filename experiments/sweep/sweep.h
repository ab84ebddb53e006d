// Many runs of one recipe: the product of rows, axes, quantization configurations and seeds, each run in its own
// folder.
#pragma once

#include "experiments/host/process.h"
#include "experiments/results/plan_file.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/run_config.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// One planned run.
struct SweepRun {
  RunConfig config;
  std::string hash;       ///< settings_hash(config), the end of its folder's name
  std::string label;      ///< what tells it from the others, as in "a_bits=4 ssm_act_bits=8 seed=1"
  std::string row;        ///< the name of its row in tables: the label without stage and seed
  std::string stage;      ///< empty in a sweep without stages
  std::string source;     ///< hash of the planned run that it starts from; empty: it waits for none
  std::size_t place = 0;  ///< the order of the rows
};

/// The runs that a sweep file asks for (docs/sweeps.md), each once, and for every float setting and seed the float run
/// as the reference. `overrides` are fixed settings that win over set, rows and axes. A run that starts from another
/// one of the plan has that one's hash in config.source.from. Throws UsageError naming `where`, also for more than 1000
/// runs that are not meant to be `large`.
std::vector<SweepRun> plan_sweep(const Settings& file, std::string_view where, const Settings& overrides = {},
                                 bool large = false);

/// Where runs are carried out: in child processes, or as a test pleases.
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

struct SweepSummary {
  std::size_t planned = 0;
  std::size_t skipped = 0;    ///< had a result before
  std::size_t elsewhere = 0;  ///< got their result from other processes meanwhile
  std::size_t done = 0;
  std::size_t diverged = 0;
  std::size_t measured = 0;     ///< are done, by this call or an earlier one
  std::size_t failed = 0;       ///< ended without a result; tried again by the next call
  std::size_t not_started = 0;  ///< the run that they start from has not been trained to its end
  std::size_t stopped = 0;      ///< were asked to stop, by this process or alone, and go on in the next call
  std::size_t left = 0;         ///< not begun when this process was asked to stop
  bool interrupted = false;     ///< asked to stop; the rest is for the next call
};

/// What run_sweep() reports: `transient` lines may be overwritten by the next one.
using SweepSay = std::function<void(std::string_view line, bool transient)>;

/// Carries out the runs that have no result in `out`/runs yet, `jobs` at once, after writing plan.json: `head` with the
/// rows of `plan`, merged with those that it had before. Other processes may do the same in the same folder: each run
/// is claimed by one of them (docs/adr/0025-claims.md), and the call returns when no run is in work anywhere. A run
/// that diverges or fails does not stop the others. Throws Error if `out` cannot be written or its plan.json is
/// damaged. With `extend`, a run goes on where a shorter one that is done in `out` ended (run_folder/extend.h).
/// With a hash as `only`, does this run and the one that it starts from, and leaves the report to others.
SweepSummary run_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::size_t jobs,
                       RunLauncher& launcher, const SweepSay& say, const PlanFile& head = {}, bool extend = false,
                       const std::string& only = "");

/// The run of `plan` with this hash, and before it the one that it starts from, so that whoever has to wait for that
/// one does it where nobody else does. Throws UsageError naming `run` where `plan` has no run of this hash.
std::vector<SweepRun> runs_for(const std::vector<SweepRun>& plan, const std::string& hash);

/// Writes what run_sweep() writes before anything runs, and returns the runs without a result, in the order in which
/// they are to be started. Throws as it does.
std::vector<SweepRun> prepare_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out,
                                    const PlanFile& head, bool extend = false);

/// What bitstate ends with: 75 when it or a run was asked to stop, 1 when a run failed or could not be started or when
/// no run at all is done, else 0.
int exit_code(const SweepSummary& summary);

}  // namespace bitstate::experiments

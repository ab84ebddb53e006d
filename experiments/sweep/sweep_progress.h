// How far a call of a sweep is: what became of its runs, and what a person is told of it.
#pragma once

#include "experiments/results/run_record.h"
#include "experiments/sweep/live_page.h"
#include "experiments/sweep/run_claims.h"
#include "experiments/sweep/run_launcher.h"
#include "experiments/sweep/sweep_plan.h"
#include "experiments/sweep/time_left.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

struct SweepSummary {
  std::size_t planned = 0;
  std::size_t skipped = 0;           ///< had a result before
  std::size_t skipped_given_up = 0;  ///< of them: were given up
  std::size_t elsewhere = 0;         ///< got their result from other processes meanwhile
  std::size_t done = 0;
  std::size_t diverged = 0;
  std::size_t given_up = 0;     ///< by the rule that the sweep has for it
  std::size_t measured = 0;     ///< are done, by this call or an earlier one
  std::size_t failed = 0;       ///< ended without a result; tried again by the next call
  std::size_t not_started = 0;  ///< the run that they start from has not been trained to its end
  std::size_t stopped = 0;      ///< were asked to stop, by this process or alone, and go on in the next call
  std::size_t left = 0;         ///< not begun when this process was asked to stop
  bool interrupted = false;     ///< asked to stop; the rest is for the next call
  bool no_report = false;       ///< the report of all this could not be written
};

/// What bitstate ends with: 75 when it or a run was asked to stop, 1 when a run failed or could not be started or when
/// no run at all is done or the report could not be written, else 0.
int exit_code(const SweepSummary& summary);

/// What a sweep reports: `transient` lines may be overwritten by the next one.
using SweepSay = std::function<void(std::string_view line, bool transient)>;

/// What became of the runs of one call, and what it shows of them.
class SweepProgress {
 public:
  SweepProgress(const std::filesystem::path& out, std::size_t jobs, const SweepSay& say, bool has_page)
      : jobs_(jobs), say_(say) {
    if (has_page) page_.emplace(out, [&say](std::string_view warning) { say(warning, false); });
  }

  SweepSummary summary;

  void started(int job, const SweepRun& run, std::filesystem::path folder) {
    running_[job] = {&run, std::move(folder), Clock::now()};
  }
  [[nodiscard]] std::size_t running() const { return running_.size(); }

  struct Job {
    const SweepRun* run = nullptr;
    std::filesystem::path folder;
    std::chrono::steady_clock::time_point since;
  };
  [[nodiscard]] const std::map<int, Job>& jobs() const { return running_; }

  /// Nothing more comes of the job: its run belongs to another process now.
  void lost(int job);

  /// "done", or what else became of the runs that ended, by their hashes.
  [[nodiscard]] const std::map<std::string, std::string>& ends() const { return ends_; }

  /// It had a result before.
  void skipped(const SweepRun& run, RunRecord::Status status);

  /// Where runs stand that other processes work on.
  void busy(const SweepRun& run, const std::filesystem::path& folder, const std::string& who) {
    elsewhere_[run.hash] = {&run, folder, who};
  }
  void not_busy(const SweepRun& run) { elsewhere_.erase(run.hash); }
  /// Says once what it is that a process waits for which has nothing else to do.
  void waiting();

  /// Another process has given the run its result.
  void ended_elsewhere(const SweepRun& run, const RunRecord& record);

  /// The run failed before this process started it, perhaps when another one, `who`, ran it.
  void failed_before(const SweepRun& run, const std::string& who, const std::string& reason);

  void not_started(const SweepRun& run, const std::string& end_of_source);

  /// A job of started() ended: its claim ends, too.
  void ended(const RunLauncher::Event& event, RunClaims& claims);

  /// Draws the screen and keeps the page up to date; `left` are the runs that this process has not begun.
  void show(const std::vector<const SweepRun*>& left);

  /// Writes the report, or says why it cannot be written; to be called when nothing runs any more.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Other {
    const SweepRun* run = nullptr;
    std::filesystem::path folder;
    std::string who;
  };

  /// Counts the run and says what became of it.
  std::string outcome(const RunRecord& record, const SweepRun& run, int exit_code);

  std::size_t jobs_;
  const SweepSay& say_;
  std::map<int, Job> running_;
  std::map<std::string, std::string> ends_;
  EpochCosts costs_;
  std::vector<std::string> failures_;
  std::map<std::string, Other> elsewhere_;  // by hash
  std::set<std::string> waited_;
  std::optional<LivePage> page_;
};

}  // namespace bitstate::experiments

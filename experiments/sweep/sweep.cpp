#include "experiments/sweep/sweep.h"

#include "experiments/run_folder/extend.h"
#include "experiments/sweep/run_claims.h"
#include "experiments/sweep/sweep_folder.h"

#include <algorithm>
#include <exception>
#include <map>

namespace bitstate::experiments {

namespace {

/// The folders of `out`/runs whose run is done.
std::vector<std::filesystem::path> finished_runs(const std::filesystem::path& out) {
  std::vector<std::filesystem::path> finished;
  for (const auto& entry : std::filesystem::directory_iterator(out / "runs")) {
    if (status_of(entry.path()) == RunRecord::Status::done) finished.push_back(entry.path());
  }
  std::sort(finished.begin(), finished.end());
  return finished;
}

/// One call of run_sweep().
class Sweep {
 public:
  Sweep(const std::vector<SweepRun>& plan, const std::vector<SweepRun>& runs, const SweepCall& call,
        RunLauncher& launcher, const SweepSay& say)
      : call_(call),
        launcher_(launcher),
        progress_(call.out, call.jobs, say, call.only.empty()),
        prepared_(prepare_folder(plan, runs, call.out, call.head, claims_)) {
    progress_.summary.planned = runs.size();
    if (call.extend) finished_ = finished_runs(call.out);
    for (const SweepRun& run : runs) {
      if (const auto result = prepared_.results.find(run.hash); result != prepared_.results.end()) {
        progress_.skipped(run, result->second);
      } else {
        left_.push_back(&run);
      }
    }
  }
  SweepSummary run();

 private:
  [[nodiscard]] const std::filesystem::path& folder_of(const SweepRun& run) const {
    return prepared_.folders.at(run.hash);
  }
  const SweepRun* take_next();
  void start(const SweepRun& run);
  void extend(const SweepRun& run) const;
  void keep_claims();

  const SweepCall& call_;
  RunLauncher& launcher_;
  RunClaims claims_;
  SweepProgress progress_;
  SweepFolder prepared_;
  std::vector<const SweepRun*> left_;
  std::vector<std::filesystem::path> finished_;  // before anything ran
};

/// Claims the first of the runs that are left that can start and takes it out: null where each waits for another run or
/// is in work elsewhere. Those that ended elsewhere or wait for a run that ended without weights leave, too.
const SweepRun* Sweep::take_next() {
  for (auto run = left_.begin(); run != left_.end();) {
    const SweepRun& next = **run;
    const auto source = progress_.ends().find(next.source);
    if (source == progress_.ends().end() && !next.source.empty()) {
      ++run;
      continue;
    }
    if (!next.source.empty() && source->second != "done") {
      progress_.not_started(next, source->second);
      run = left_.erase(run);
      continue;
    }
    const RunClaims::View view = claims_.look(next.hash);
    if (view.state == RunClaims::State::busy) {
      progress_.busy(next, folder_of(next), view.who);
      ++run;
      continue;
    }
    progress_.not_busy(next);
    if (view.state == RunClaims::State::free && !claims_.take(next.hash)) continue;  // and looks again
    run = left_.erase(run);
    if (view.state == RunClaims::State::free) return &next;
    if (view.state == RunClaims::State::ended) progress_.ended_elsewhere(next, read_run(folder_of(next)));
    if (view.state == RunClaims::State::failed) progress_.failed_before(next, view.who, view.reason);
  }
  return nullptr;
}

/// Gives a claimed run that has not begun what a shorter one left.
void Sweep::extend(const SweepRun& run) const {
  if (std::filesystem::exists(folder_of(run) / "checkpoint.h5")) return;
  const RunConfig config = in_folder(run, prepared_.folders);
  if (const auto shorter = shorter_run(config, finished_); !shorter.empty()) extend_run(config, shorter);
}

/// Starts a run that is claimed.
void Sweep::start(const SweepRun& run) {
  try {
    if (call_.extend) extend(run);
  } catch (const std::exception& error) {  // also of the file system
    claims_.leave(run.hash, error.what());
    progress_.failed_before(run, "", error.what());
    return;
  }
  progress_.started(launcher_.start(run, folder_of(run)), run, folder_of(run));
}

/// Shows others that the runs of this process live, and ends those that others have taken over, which they may have
/// when this process stood still.
void Sweep::keep_claims() {
  for (const auto& [id, job] : std::map<int, SweepProgress::Job>(progress_.jobs())) {
    if (claims_.keep(job.run->hash)) continue;
    launcher_.kill(id);
    left_.push_back(job.run);
    progress_.lost(id);
  }
}

SweepSummary Sweep::run() {
  SweepSummary& summary = progress_.summary;
  while (progress_.running() > 0 || (!left_.empty() && !summary.interrupted)) {
    keep_claims();
    while (progress_.running() < call_.jobs && !summary.interrupted) {
      const SweepRun* const next = take_next();
      if (next == nullptr) break;
      start(*next);
    }
    if (progress_.running() == 0 && left_.empty()) continue;
    if (progress_.running() == 0) progress_.waiting();
    progress_.show(left_);
    const auto event = launcher_.wait();
    if (event.kind == RunLauncher::Event::Kind::ended) progress_.ended(event, claims_);
    if (event.kind == RunLauncher::Event::Kind::stop) summary.interrupted = true;
  }
  progress_.finish();
  summary.left = left_.size();
  return summary;
}

}  // namespace

SweepSummary run_sweep(const std::vector<SweepRun>& plan, const SweepCall& call, RunLauncher& launcher,
                       const SweepSay& say) {
  const std::vector<SweepRun> runs = call.only.empty() ? plan : runs_for(plan, call.only);
  return Sweep(plan, runs, call, launcher, say).run();
}

}  // namespace bitstate::experiments

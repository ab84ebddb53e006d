#include "experiments/sweep/sweep.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/extend.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/sweep/live_page.h"
#include "experiments/sweep/run_claims.h"
#include "experiments/sweep/run_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <set>

namespace bitstate::experiments {

namespace {

constexpr std::chrono::minutes patience{2};  // with others that plan

/// The last line of a failed run's log, which says why it failed; `otherwise` where there is none.
std::string last_line(const std::filesystem::path& log, const std::string& otherwise) {
  if (!std::filesystem::is_regular_file(log)) return otherwise;
  const auto lines = split(read_text(log), "\r\n");
  return lines.empty() ? otherwise : lines.back();
}

RunWork work_of(const SweepRun& run) { return {run.stage + " " + run.row, epochs_of(run.config)}; }

/// The state of one call of run_sweep().
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
  void lost(int job) {
    say_(fmt::format("lost      {}: another process has taken it over", running_.at(job).run->label), false);
    running_.erase(job);
  }

  /// "done", or what else became of the runs that ended, by their hashes.
  [[nodiscard]] const std::map<std::string, std::string>& ends() const { return ends_; }

  void skipped(const SweepRun& run, RunRecord::Status status) {
    const bool done = status == RunRecord::Status::done;
    ++summary.skipped;
    summary.measured += done ? 1 : 0;
    ends_[run.hash] = done ? "done" : "diverged";
  }

  /// Where runs stand that other processes work on.
  void busy(const SweepRun& run, const std::filesystem::path& folder, const std::string& who) {
    elsewhere_[run.hash] = {&run, folder, who};
  }
  void not_busy(const SweepRun& run) { elsewhere_.erase(run.hash); }
  /// Says once what it is that a process waits for which has nothing else to do.
  void waiting() {
    for (const auto& [hash, other] : elsewhere_) {
      if (!waited_.insert(hash + other.who).second) continue;
      say_(fmt::format("waiting   {}: run by {}", other.run->label, other.who), false);
    }
  }

  void ended_elsewhere(const SweepRun& run, const RunRecord& record) {
    const bool done = record.status == RunRecord::Status::done;
    ++summary.elsewhere;
    summary.measured += done ? 1 : 0;
    ends_[run.hash] = done ? "done" : "diverged";
    const std::string line = fmt::format("{}  {}, by another process", done ? "done    " : "diverged", run.label);
    if (!done) failures_.push_back(line);
    say_(line, false);
  }

  void failed_elsewhere(const SweepRun& run, const RunClaims::View& view) {
    ++summary.failed;
    ends_[run.hash] = "failed";
    const std::string who = view.who.empty() ? "" : fmt::format("run by {}: ", view.who);
    failures_.push_back(fmt::format("failed    {}: {}{}", run.label, who, view.reason));
    say_(failures_.back(), false);
  }

  void not_started(const SweepRun& run, const std::string& end_of_source) {
    ++summary.not_started;
    ends_[run.hash] = "was not started";
    failures_.push_back(fmt::format("not started: {}: the run it starts from {}", run.label, end_of_source));
    say_(failures_.back(), false);
  }

  void ended(const RunLauncher::Event& event, RunClaims& claims) {
    const auto found = running_.find(event.job);
    if (found == running_.end()) return;
    const Job job = found->second;
    running_.erase(found);
    const double seconds = std::chrono::duration<double>(Clock::now() - job.since).count();
    const RunRecord record = read_run(job.folder);
    if (record.status == RunRecord::Status::missing && event.exit_code == 75) {
      claims.leave(job.run->hash, "");
      ++summary.stopped;
      ends_[job.run->hash] = "was stopped";
      say_(fmt::format("stopped   {}: goes on from its checkpoint", job.run->label), false);
      return;
    }
    if (const auto whole = record.figures.find("seconds");
        record.status == RunRecord::Status::done && whole != record.figures.end()) {
      costs_.add(work_of(*job.run), whole->second);
    }
    const std::string line = outcome(record, *job.run, event.exit_code);
    if (record.status == RunRecord::Status::missing) {
      claims.leave(job.run->hash, line);
    } else {
      claims.ended(job.run->hash);
    }
    if (record.status != RunRecord::Status::done) failures_.push_back(line);
    say_(line + fmt::format("  ({})", duration_text(seconds)), false);
  }

  /// Draws the screen and keeps the page up to date; `left` are the runs that this process has not begun.
  void show(const std::vector<const SweepRun*>& left) {
    SweepView view;
    view.planned = summary.planned;
    view.ended =
        summary.skipped + summary.elsewhere + summary.done + summary.diverged + summary.failed + summary.not_started;
    view.costs = costs_;
    view.failures = failures_;
    for (const auto& [id, job] : running_) {
      const double seconds = std::chrono::duration<double>(Clock::now() - job.since).count();
      view.running.push_back({job.run->label, work_of(*job.run), seconds, read_curves(job.folder)});
    }
    for (const auto& [hash, other] : elsewhere_) {
      RunCurves curves = read_curves(other.folder);
      const double seconds = curves.points.empty() ? 0.0 : curves.points.back().seconds;
      view.running.push_back({other.run->label, work_of(*other.run), seconds, std::move(curves), other.who});
    }
    for (const SweepRun* const run : left) {
      if (elsewhere_.count(run->hash) == 0) view.waiting.push_back(work_of(*run));
    }
    view.jobs = std::max(jobs_, view.running.size());
    say_(screen_text(view, terminal_size()), true);
    if (page_) page_->update(view);
  }

  /// To be called when nothing runs any more.
  void finish() {
    if (page_) page_->finish();
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Other {
    const SweepRun* run = nullptr;
    std::filesystem::path folder;
    std::string who;
  };

  /// Counts the run and says what became of it.
  std::string outcome(const RunRecord& record, const SweepRun& run, int exit_code) {
    const std::string& label = run.label;
    if (record.status == RunRecord::Status::done) {
      ends_[run.hash] = "done";
      ++summary.done;
      ++summary.measured;
      const std::string name = "test_" + record.metric;
      return fmt::format("done      {}: {} {:.6g}", label, name, record.figures.at(name));
    }
    if (record.status == RunRecord::Status::diverged) {
      ends_[run.hash] = "diverged";
      ++summary.diverged;
      return fmt::format("diverged  {}: {}", label, record.reason);
    }
    ends_[run.hash] = "failed";
    ++summary.failed;
    const auto log = record.folder / "train.log";
    return fmt::format("failed    {}: exit code {}, {}; see {}", label, exit_code, last_line(log, record.reason),
                       log.string());
  }

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

using Folders = std::map<std::string, std::filesystem::path>;

/// `head` with the rows of `plan`.
PlanFile plan_file(const std::vector<SweepRun>& plan, const Folders& folders, PlanFile head) {
  std::vector<const SweepRun*> in_order;
  for (const SweepRun& run : plan) in_order.push_back(&run);
  std::stable_sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) { return a->place < b->place; });
  for (const SweepRun* run : in_order) {
    const PlanRun entry{run->config.training.seed, run->hash, folders.at(run->hash).filename().string()};
    const auto same = std::find_if(head.rows.begin(), head.rows.end(), [&](const PlanRow& row) {
      return row.label == run->row && row.stage == run->stage && !has_seed(row, entry.seed);
    });
    PlanRow& row = same != head.rows.end() ? *same : head.rows.emplace_back(PlanRow{run->row, run->stage, {}});
    row.runs.push_back(entry);
  }
  return head;
}

/// The folders of `out`/runs whose run is done.
std::vector<std::filesystem::path> finished_runs(const std::filesystem::path& out) {
  std::vector<std::filesystem::path> finished;
  for (const auto& entry : std::filesystem::directory_iterator(out / "runs")) {
    if (status_of(entry.path()) == RunRecord::Status::done) finished.push_back(entry.path());
  }
  std::sort(finished.begin(), finished.end());
  return finished;
}

/// Counts the runs that have a result; the others get their folders and settings and are returned. This is before
/// anything runs, so that a report can list what is missing.
std::vector<const SweepRun*> prepared(const std::vector<SweepRun>& plan, const Folders& folders, bool extend,
                                      const std::filesystem::path& out, SweepProgress& progress, RunClaims& claims) {
  const auto finished = extend ? finished_runs(out) : std::vector<std::filesystem::path>();
  std::vector<const SweepRun*> left;
  for (const auto& run : plan) {
    const auto& folder = folders.at(run.hash);
    if (const auto status = status_of(folder); status != RunRecord::Status::missing) {
      progress.skipped(run, status);
      remove_claims(folder);  // of a process that was killed just then
      continue;
    }
    std::filesystem::create_directories(folder);
    left.push_back(&run);
    claims.add(run.hash, folder);
    const auto file = folder / "settings.ini";
    if (claims.look(run.hash).state != RunClaims::State::free && std::filesystem::exists(file)) continue;
    RunConfig config = run.config;
    config.run.out = folder.string();
    if (!run.source.empty()) config.source.from = folders.at(run.source).string();
    if (!run.source.empty()) config.source.digest = source_digest(config.source.from);
    const std::string text = settings_text(config);
    if (!std::filesystem::exists(file) || read_text(file) != text) write_file_atomically(file, text);
    const bool begun = std::filesystem::exists(folder / "checkpoint.h5");
    if (const auto shorter = begun ? "" : shorter_run(config, finished); !shorter.empty()) extend_run(config, shorter);
  }
  return left;
}

/// Claims the first of `left` that can start and takes it out: null where each waits for another run or is in work
/// elsewhere. Those that ended elsewhere or wait for a run that ended without weights leave it, too.
const SweepRun* take_next(std::vector<const SweepRun*>& left, const Folders& folders, RunClaims& claims,
                          SweepProgress& progress) {
  for (auto run = left.begin(); run != left.end();) {
    const SweepRun& next = **run;
    const auto source = progress.ends().find(next.source);
    if (source == progress.ends().end() && !next.source.empty()) {
      ++run;
      continue;
    }
    if (!next.source.empty() && source->second != "done") {
      progress.not_started(next, source->second);
      run = left.erase(run);
      continue;
    }
    const auto& folder = folders.at(next.hash);
    const RunClaims::View view = claims.look(next.hash);
    if (view.state == RunClaims::State::busy) {
      progress.busy(next, folder, view.who);
      ++run;
      continue;
    }
    progress.not_busy(next);
    if (view.state == RunClaims::State::free && !claims.take(next.hash)) continue;  // and looks again
    run = left.erase(run);
    if (view.state == RunClaims::State::free) return &next;
    if (view.state == RunClaims::State::ended) progress.ended_elsewhere(next, read_run(folder));
    if (view.state == RunClaims::State::failed) progress.failed_elsewhere(next, view);
  }
  return nullptr;
}

/// Shows others that the runs of this process live, and ends those that others have taken over, which they may have
/// when this process stood still.
void keep_claims(RunClaims& claims, RunLauncher& launcher, SweepProgress& progress,
                 std::vector<const SweepRun*>& left) {
  for (const auto& [id, job] : std::map<int, SweepProgress::Job>(progress.jobs())) {
    if (claims.keep(job.run->hash)) continue;
    launcher.kill(id);
    left.push_back(job.run);
    progress.lost(id);
  }
}

}  // namespace

SweepSummary run_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::size_t jobs,
                       RunLauncher& launcher, const SweepSay& say, const PlanFile& head, bool extend,
                       const std::string& only) {
  const std::vector<SweepRun> runs = only.empty() ? plan : runs_for(plan, only);
  std::filesystem::create_directories(out / "runs");
  std::optional<FolderLock> lock(std::in_place, out, patience);  // others may plan at the same time
  const Folders folders = run_folders(plan, out);
  write_plan_file(out, merged(plan_file(plan, folders, head), read_plan_file(out).value_or(PlanFile())));
  SweepProgress progress(out, jobs, say, only.empty());
  progress.summary.planned = runs.size();
  RunClaims claims;
  std::vector<const SweepRun*> left = prepared(runs, folders, extend, out, progress, claims);
  lock.reset();
  while (progress.running() > 0 || (!left.empty() && !progress.summary.interrupted)) {
    keep_claims(claims, launcher, progress, left);
    while (progress.running() < jobs && !progress.summary.interrupted) {
      const SweepRun* const run = take_next(left, folders, claims, progress);
      if (run == nullptr) break;
      const auto& folder = folders.at(run->hash);
      progress.started(launcher.start(*run, folder), *run, folder);
    }
    if (progress.running() == 0 && left.empty()) continue;
    if (progress.running() == 0) progress.waiting();
    progress.show(left);
    const auto event = launcher.wait();
    if (event.kind == RunLauncher::Event::Kind::ended) progress.ended(event, claims);
    if (event.kind == RunLauncher::Event::Kind::stop) progress.summary.interrupted = true;
  }
  progress.finish();
  progress.summary.left = left.size();
  return progress.summary;
}

std::vector<SweepRun> runs_for(const std::vector<SweepRun>& plan, const std::string& hash) {
  const auto wanted = std::find_if(plan.begin(), plan.end(), [&](const SweepRun& run) { return run.hash == hash; });
  require<UsageError>(wanted != plan.end(), "run",
                      "the sweep has no run '{}'; the names of folders below runs/ end with "
                      "such a hash",
                      hash);
  std::vector<SweepRun> runs;
  std::copy_if(plan.begin(), plan.end(), std::back_inserter(runs),
               [&](const SweepRun& run) { return run.hash == hash || run.hash == wanted->source; });
  return runs;
}

std::vector<SweepRun> prepare_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out,
                                    const PlanFile& head, bool extend) {
  std::filesystem::create_directories(out / "runs");
  const FolderLock lock(out, patience);
  const Folders folders = run_folders(plan, out);
  write_plan_file(out, merged(plan_file(plan, folders, head), read_plan_file(out).value_or(PlanFile())));
  const SweepSay silent = [](std::string_view, bool) {};
  SweepProgress progress(out, 1, silent, false);
  RunClaims claims;
  std::vector<SweepRun> left;
  for (const SweepRun* run : prepared(plan, folders, extend, out, progress, claims)) left.push_back(*run);
  return left;
}

int exit_code(const SweepSummary& summary) {
  if (summary.interrupted || summary.stopped > 0) return exit_interrupted;
  return summary.failed > 0 || summary.not_started > 0 || summary.measured == 0 ? 1 : 0;
}

}  // namespace bitstate::experiments

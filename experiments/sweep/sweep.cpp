#include "experiments/sweep/sweep.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/report/run_record.h"
#include "experiments/run_folder/extend.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/sweep/live_page.h"
#include "experiments/sweep/run_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace bitstate::experiments {

namespace {

/// The last line of a failed run's log, which says why it failed; `otherwise` where there is none.
std::string last_line(const std::filesystem::path& log, const std::string& otherwise) {
  if (!std::filesystem::is_regular_file(log)) return otherwise;
  const auto lines = split(read_text(log), "\r\n");
  return lines.empty() ? otherwise : lines.back();
}

/// The state of one call of run_sweep().
class SweepProgress {
 public:
  SweepProgress(const std::filesystem::path& out, std::size_t jobs, const SweepSay& say)
      : jobs_(jobs), say_(say), page_(out, [&say](std::string_view warning) { say(warning, false); }) {}

  SweepSummary summary;

  void started(int job, const SweepRun& run, std::filesystem::path folder) {
    running_[job] = {&run, std::move(folder), Clock::now()};
  }
  [[nodiscard]] std::size_t running() const { return running_.size(); }

  /// "done", or what else became of the runs that ended, by their hashes.
  [[nodiscard]] const std::map<std::string, std::string>& ends() const { return ends_; }

  void skipped(const SweepRun& run, RunRecord::Status status) {
    const bool done = status == RunRecord::Status::done;
    ++summary.skipped;
    summary.measured += done ? 1 : 0;
    ends_[run.hash] = done ? "done" : "diverged";
  }

  void not_started(const SweepRun& run, const std::string& end_of_source) {
    ++summary.not_started;
    ends_[run.hash] = "was not started";
    failures_.push_back(fmt::format("not started: {}: the run it starts from {}", run.label, end_of_source));
    say_(failures_.back(), false);
  }

  void ended(const RunLauncher::Event& event) {
    const auto found = running_.find(event.job);
    if (found == running_.end()) return;
    const Job job = found->second;
    running_.erase(found);
    const double seconds = std::chrono::duration<double>(Clock::now() - job.since).count();
    const RunRecord record = read_run(job.folder);
    if (record.status == RunRecord::Status::missing && event.exit_code == 75) {
      ends_[job.run->hash] = "was stopped";
      say_(fmt::format("stopped   {}: goes on from its checkpoint", job.run->label), false);
      return;
    }
    total_seconds_ += seconds;
    ++counted_;
    const std::string line = outcome(record, *job.run, event.exit_code);
    if (record.status != RunRecord::Status::done) failures_.push_back(line);
    say_(line + fmt::format("  ({})", duration_text(seconds)), false);
  }

  /// Draws the screen and keeps the page up to date.
  void show() {
    SweepView view;
    view.planned = summary.planned;
    view.ended = summary.skipped + summary.done + summary.diverged + summary.failed + summary.not_started;
    view.jobs = jobs_;
    if (counted_ > 0) view.mean_seconds = total_seconds_ / static_cast<double>(counted_);
    view.failures = failures_;
    for (const auto& [id, job] : running_) {
      const double seconds = std::chrono::duration<double>(Clock::now() - job.since).count();
      view.running.push_back({job.run->label, epochs_of(job.run->config), seconds, read_curves(job.folder)});
    }
    say_(screen_text(view, terminal_size()), true);
    page_.update(view);
  }

  /// To be called when nothing runs any more.
  void finish() { page_.finish(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    const SweepRun* run = nullptr;
    std::filesystem::path folder;
    Clock::time_point since;
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
  double total_seconds_ = 0.0;
  std::size_t counted_ = 0;
  std::vector<std::string> failures_;
  LivePage page_;
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
                                      const std::filesystem::path& out, SweepProgress& progress) {
  const auto finished = extend ? finished_runs(out) : std::vector<std::filesystem::path>();
  std::vector<const SweepRun*> left;
  for (const auto& run : plan) {
    const auto& folder = folders.at(run.hash);
    if (const auto status = status_of(folder); status != RunRecord::Status::missing) {
      progress.skipped(run, status);
      continue;
    }
    std::filesystem::create_directories(folder);
    RunConfig config = run.config;
    config.run.out = folder.string();
    if (!run.source.empty()) config.source.from = folders.at(run.source).string();
    if (!run.source.empty()) config.source.digest = source_digest(config.source.from);
    write_file_atomically(folder / "settings.ini", settings_text(config));
    const bool begun = std::filesystem::exists(folder / "checkpoint.h5");
    if (const auto shorter = begun ? "" : shorter_run(config, finished); !shorter.empty()) extend_run(config, shorter);
    left.push_back(&run);
  }
  return left;
}

/// Takes the first of `left` that can start out of it: null where each waits for another run. Those that wait for a run
/// that ended without weights leave it, too.
const SweepRun* take_next(std::vector<const SweepRun*>& left, SweepProgress& progress) {
  for (auto run = left.begin(); run != left.end();) {
    const SweepRun& next = **run;
    const auto source = progress.ends().find(next.source);
    if (source == progress.ends().end() && !next.source.empty()) {
      ++run;
      continue;
    }
    run = left.erase(run);
    if (next.source.empty() || source->second == "done") return &next;
    progress.not_started(next, source->second);
  }
  return nullptr;
}

}  // namespace

SweepSummary run_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::size_t jobs,
                       RunLauncher& launcher, const SweepSay& say, const PlanFile& head, bool extend) {
  std::filesystem::create_directories(out / "runs");
  const FolderLock lock(out);
  const Folders folders = run_folders(plan, out);
  write_plan_file(out, merged(plan_file(plan, folders, head), read_plan_file(out).value_or(PlanFile())));
  SweepProgress progress(out, jobs, say);
  progress.summary.planned = plan.size();
  std::vector<const SweepRun*> left = prepared(plan, folders, extend, out, progress);
  while (progress.running() > 0 || (!left.empty() && !progress.summary.interrupted)) {
    while (progress.running() < jobs && !progress.summary.interrupted) {
      const SweepRun* const run = take_next(left, progress);
      if (run == nullptr) break;
      const auto& folder = folders.at(run->hash);
      progress.started(launcher.start(*run, folder), *run, folder);
    }
    if (progress.running() == 0) continue;
    progress.show();
    const auto event = launcher.wait();
    if (event.kind == RunLauncher::Event::Kind::ended) progress.ended(event);
    if (event.kind == RunLauncher::Event::Kind::stop) progress.summary.interrupted = true;
  }
  progress.finish();
  return progress.summary;
}

int exit_code(const SweepSummary& summary) {
  if (summary.interrupted) return exit_interrupted;
  return summary.failed > 0 || summary.measured == 0 ? 1 : 0;
}

ProcessLauncher::ProcessLauncher(std::vector<std::string> options) : options_(std::move(options)) {}

int ProcessLauncher::start(const SweepRun& run, const std::filesystem::path& folder) {
  std::vector<std::string> command{ChildProcesses::this_executable().string(), "train",
                                   (folder / "settings.ini").string(), "--out=" + folder.string()};
  if (std::filesystem::exists(folder / "checkpoint.h5")) command.push_back("--resume=true");
  if (!run.config.data.path.empty()) command.push_back("--data=" + run.config.data.path.string());
  command.insert(command.end(), options_.begin(), options_.end());
  return children_.start(command, folder / "train.log");
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

}  // namespace bitstate::experiments

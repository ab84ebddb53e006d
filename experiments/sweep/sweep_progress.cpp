#include "experiments/sweep/sweep_progress.h"

#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/sweep/sweep_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace bitstate::experiments {
namespace {

/// The last line of a failed run's log, which says why it failed; `otherwise` where there is none.
std::string last_line(const std::filesystem::path& log, const std::string& otherwise) {
  if (!std::filesystem::is_regular_file(log)) return otherwise;
  const auto lines = split(read_text(log), "\r\n");
  return lines.empty() ? otherwise : lines.back();
}

/// What became of a run with a result, as the runs that wait for it say it.
std::string end_of(RunRecord::Status status) {
  if (status == RunRecord::Status::given_up) return "was given up";
  return status == RunRecord::Status::done ? "done" : "diverged";
}

RunWork work_of(const SweepRun& run) { return {run.stage + " " + run.row, epochs_of(run.config)}; }

}  // namespace

void SweepProgress::lost(int job) {
  say_(fmt::format("lost      {}: another process has taken it over", running_.at(job).run->label), false);
  running_.erase(job);
}

void SweepProgress::skipped(const SweepRun& run, RunRecord::Status status) {
  ++summary.skipped;
  summary.measured += status == RunRecord::Status::done ? 1 : 0;
  summary.skipped_given_up += status == RunRecord::Status::given_up ? 1 : 0;
  ends_[run.hash] = end_of(status);
}

void SweepProgress::waiting() {
  for (const auto& [hash, other] : elsewhere_) {
    if (!waited_.insert(hash + other.who).second) continue;
    say_(fmt::format("waiting   {}: run by {}", other.run->label, other.who), false);
  }
}

void SweepProgress::ended_elsewhere(const SweepRun& run, const RunRecord& record) {
  ++summary.elsewhere;
  summary.measured += record.status == RunRecord::Status::done ? 1 : 0;
  ends_[run.hash] = end_of(record.status);
  const std::string line = fmt::format("{:<8}  {}, by another process", record.status_text(), run.label);
  if (record.status == RunRecord::Status::diverged) failures_.push_back(line);
  say_(line, false);
}

void SweepProgress::failed_before(const SweepRun& run, const std::string& who, const std::string& reason) {
  ++summary.failed;
  ends_[run.hash] = "failed";
  failures_.push_back(
      fmt::format("failed    {}: {}{}", run.label, who.empty() ? "" : fmt::format("run by {}: ", who), reason));
  say_(failures_.back(), false);
}

void SweepProgress::not_started(const SweepRun& run, const std::string& end_of_source) {
  ++summary.not_started;
  ends_[run.hash] = "was not started";
  failures_.push_back(fmt::format("not started: {}: the run it starts from {}", run.label, end_of_source));
  say_(failures_.back(), false);
}

void SweepProgress::ended(const RunLauncher::Event& event, RunClaims& claims) {
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
  const bool as_wanted = record.status == RunRecord::Status::done || record.status == RunRecord::Status::given_up;
  if (!as_wanted) failures_.push_back(line);
  say_(line + fmt::format("  ({})", duration_text(seconds)), false);
}

void SweepProgress::show(const std::vector<const SweepRun*>& left) {
  SweepView view;
  view.planned = summary.planned;
  view.ended = summary.skipped + summary.elsewhere + summary.done + summary.diverged + summary.given_up +
               summary.failed + summary.not_started;
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

void SweepProgress::finish() {
  if (!page_) return;
  try {
    page_->finish();
  } catch (const std::exception& error) {
    summary.no_report = true;
    say_(fmt::format("failed    the report: {}", error.what()), false);
  }
}

std::string SweepProgress::outcome(const RunRecord& record, const SweepRun& run, int exit_code) {
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
  if (record.status == RunRecord::Status::given_up) {
    ends_[run.hash] = end_of(record.status);
    ++summary.given_up;
    return fmt::format("given up  {}: {}", label, record.reason);
  }
  ends_[run.hash] = "failed";
  ++summary.failed;
  const auto log = record.folder / "train.log";
  const std::string why = exit_code > 128 ? fmt::format("killed by signal {}", exit_code - 128)
                                          : fmt::format("exit code {}, {}", exit_code, last_line(log, record.reason));
  return fmt::format("failed    {}: {}; see {}", label, why, log.string());
}

int exit_code(const SweepSummary& summary) {
  if (summary.interrupted || summary.stopped > 0) return exit_interrupted;
  const bool all_well = summary.failed == 0 && summary.not_started == 0 && !summary.no_report;
  return all_well && summary.measured > 0 ? 0 : 1;
}

}  // namespace bitstate::experiments

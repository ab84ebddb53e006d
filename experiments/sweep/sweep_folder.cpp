#include "experiments/sweep/sweep_folder.h"

#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "experiments/run_folder/give_up.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/text_files.h"

#include <chrono>
#include <utility>

namespace bitstate::experiments {

namespace {

constexpr std::chrono::minutes patience{2};  // with others that plan

/// `head` with the rows of `plan`.
PlanFile plan_file(const std::vector<SweepRun>& plan, const RunFolders& folders, PlanFile head) {
  for (const auto& runs : table_rows(plan)) {
    PlanRow& row = head.rows.emplace_back(PlanRow{runs.front()->row, runs.front()->stage, {}});
    for (const SweepRun* run : runs)
      row.runs.push_back({run->config.training.seed, run->hash, folders.at(run->hash).filename().string()});
  }
  return head;
}

/// Gives a run without a result its folder and its settings, which somebody else may be reading.
void prepare_run(const SweepRun& run, const RunFolders& folders, RunClaims& claims) {
  const auto& folder = folders.at(run.hash);
  std::filesystem::create_directories(folder);
  claims.add(run.hash, folder);
  const auto file = folder / "settings.ini";
  if (claims.look(run.hash).state != RunClaims::State::free && std::filesystem::exists(file)) return;
  const std::string text = settings_text(in_folder(run, folders));
  if (!std::filesystem::exists(file) || read_text(file) != text) write_file_atomically(file, text);
}

}  // namespace

SweepFolder prepare_folder(const std::vector<SweepRun>& plan, const std::vector<SweepRun>& runs,
                           const std::filesystem::path& out, PlanFile head, RunClaims& claims) {
  std::filesystem::create_directories(out / "runs");
  const FolderLock lock(out, patience);  // others may plan at the same time
  SweepFolder sweep{run_folders(plan, out), {}};
  write_plan_file(out,
                  merged(plan_file(plan, sweep.folders, std::move(head)), read_plan_file(out).value_or(PlanFile())));
  for (const SweepRun& run : runs) {
    const auto& folder = sweep.folders.at(run.hash);
    reopen_given_up(folder, run.config.run.give_up);
    const auto status = status_of(folder);
    if (status == RunRecord::Status::missing) {
      prepare_run(run, sweep.folders, claims);
    } else {
      sweep.results[run.hash] = status;
      remove_claims(folder);  // of a process that was killed just then
    }
  }
  return sweep;
}

RunsLeft prepare_sweep(const std::vector<SweepRun>& plan, const std::vector<SweepRun>& runs,
                       const std::filesystem::path& out, const PlanFile& head) {
  RunClaims claims;
  const SweepFolder sweep = prepare_folder(plan, runs, out, head, claims);
  RunsLeft left;
  for (const SweepRun& run : runs) {
    if (sweep.results.count(run.hash) > 0) continue;
    if (claims.look(run.hash).state == RunClaims::State::busy) {
      ++left.busy;
    } else {
      left.free.push_back(run);
    }
  }
  return left;
}

}  // namespace bitstate::experiments

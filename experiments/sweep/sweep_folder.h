// The folder of a sweep before anything runs in it: plan.json, and the folders of the runs with their settings.
#pragma once

#include "experiments/results/plan_file.h"
#include "experiments/results/run_record.h"
#include "experiments/sweep/run_claims.h"
#include "experiments/sweep/run_folders.h"
#include "experiments/sweep/sweep_plan.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// What prepare_folder() finds.
struct SweepFolder {
  RunFolders folders;                                ///< of all runs of the plan
  std::map<std::string, RunRecord::Status> results;  ///< of the runs that have one, by hash
};

/// Writes `out`/plan.json: `head` with the rows of `plan`, merged with those that it had before. Those of `runs` that
/// have no result get their folders and settings, so that a report can list what is missing, and are added to `claims`;
/// those that were given up by another rule than theirs lose that result. Throws Error if `out` cannot be written or
/// its plan.json is damaged.
SweepFolder prepare_folder(const std::vector<SweepRun>& plan, const std::vector<SweepRun>& runs,
                           const std::filesystem::path& out, PlanFile head, RunClaims& claims);

/// The runs without a result.
struct RunsLeft {
  std::vector<SweepRun> free;  ///< in the order in which they are to be started
  std::size_t busy = 0;        ///< that other processes work on
};

/// prepare_folder() for whoever hands the `runs` on.
RunsLeft prepare_sweep(const std::vector<SweepRun>& plan, const std::vector<SweepRun>& runs,
                       const std::filesystem::path& out, const PlanFile& head);

}  // namespace bitstate::experiments

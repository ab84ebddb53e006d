// Carries the runs of a sweep out, each in its own folder, beside other processes that may do the same.
#pragma once

#include "experiments/results/plan_file.h"
#include "experiments/sweep/run_launcher.h"
#include "experiments/sweep/sweep_plan.h"
#include "experiments/sweep/sweep_progress.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// What one call of a sweep is to do.
struct SweepCall {
  std::filesystem::path out;
  std::size_t jobs = 1;   ///< runs at once
  PlanFile head = {};     ///< of plan.json, without rows
  bool extend = false;    ///< runs go on where shorter ones ended that were done before (run_folder/extend.h)
  std::string only = "";  ///< hash of a run: does it and the one that it starts from, and leaves the report to others
};

/// Carries out the runs that have no result in `out`/runs yet, after prepare_folder(). Other processes may do the same
/// in the same folder: each run is claimed by one of them (docs/adr/0025-claims.md), and the call returns when no run
/// is in work anywhere. A run that diverges or fails does not stop the others. Throws as prepare_folder() and
/// runs_for() do.
SweepSummary run_sweep(const std::vector<SweepRun>& plan, const SweepCall& call, RunLauncher& launcher,
                       const SweepSay& say);

}  // namespace bitstate::experiments

// What the plans of sweeps say about runs, and what a report says at its head.
#pragma once

#include "experiments/results/plan_file.h"
#include "experiments/results/run_record.h"

#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// Reads the plan.json of each sweep that runs belong to (DIR/plan.json for DIR/runs/NAME) and gives the runs that
/// stand in it their label, stage, place and number of seeds. Runs of `bitstate allocate` are called as in its
/// pareto.csv, and the run that they started from stands first, as "float" or "the run as it is". The plans are
/// returned in the order of the runs. Throws Error for one that is damaged.
std::vector<PlanFile> label_runs(std::vector<RunRecord>& runs);

/// Command, program, date, machine and data, as far as plans and results say: (name, text), a name for each command and
/// machine.
std::vector<std::pair<std::string, std::string>> report_head(const std::vector<PlanFile>& plans,
                                                             const std::vector<RunRecord>& runs);

}  // namespace bitstate::experiments

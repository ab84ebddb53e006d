// What a sweep would do and how long it would take, for --dry-run.
#pragma once

#include "experiments/sweep/sweep_plan.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Checks the plan as check_sweep() does, times a few steps of each kind of run that has no result in `out`/runs, with
/// `threads`, and returns a table of the rows (seeds, results, time and memory of a run) with the total for `jobs` runs
/// at once. Leaves nothing behind: what a few epochs save is timed in a folder that is removed. Throws as check_sweep()
/// does.
std::string forecast(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::string_view where,
                     std::size_t jobs, std::size_t threads);

}  // namespace bitstate::experiments

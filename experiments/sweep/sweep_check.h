// What would stop a run of a sweep before its first step, found before any run starts.
#pragma once

#include "datasets/dataset.h"
#include "experiments/sweep/sweep_plan.h"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Takes the hashes of runs that are alike, the settings of one of them, its data, and how many seconds it took to read
/// these.
using KindOfRun =
    std::function<void(const std::vector<std::string>&, const RunConfig&, const datasets::Splits&, double)>;

/// Reads the data of every run of `plan` that has no result in `out`/runs yet, builds its model with its quantizers,
/// takes over the weights that it starts from and runs one sequence through it; each once for all runs that are alike
/// in this. Throws UsageError naming `where`, the first run that cannot be trained and why, and Error where that is
/// that its data cannot be read. Throws Error where a run that has its result was trained on other data of one's own
/// than those that are there now, and where the plan.json of `out` is damaged. Returns the digest of the data, or ""
/// where the runs have several or none is without a result. `each_kind` is called for runs that are alike, named by
/// their hashes.
std::string check_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::string_view where,
                        const KindOfRun& each_kind = {});

}  // namespace bitstate::experiments

// The folders of a sweep's runs.
#pragma once

#include "experiments/sweep/sweep_plan.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// `label` in at most 48 characters of [a-z0-9.-]: others are a dash each time they stand between. Of what is too long
/// the end of `tail` is kept.
std::string slug(const std::string& label, const std::string& tail = "");

/// The folders of runs, by their hashes.
using RunFolders = std::map<std::string, std::filesystem::path>;

/// Where each run of `plan` is kept in `out`/runs: the folder that ends with the hash if there is one, whatever its
/// label was then, else SLUG-HASH.
RunFolders run_folders(const std::vector<SweepRun>& plan, const std::filesystem::path& out);

/// The settings of a run as it is trained in its folder, from the weights that its source has now.
RunConfig in_folder(const SweepRun& run, const RunFolders& folders);

/// Whether a call of the sweep leaves the run as it is. It goes on with one that was given up by another rule.
bool has_result(const SweepRun& run, const RunFolders& folders);

}  // namespace bitstate::experiments

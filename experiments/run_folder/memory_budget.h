// Which layers of a run train, and by which backward, where its training passes may take only so much memory.
#pragma once

#include "datasets/dataset.h"
#include "experiments/settings/run_config.h"

#include <filesystem>
#include <string>

namespace bitstate::experiments {

/// The run as its memory_budget has chosen: without one, as it is; in a folder whose settings.ini has the same budget,
/// as this says; else the most layers whose training passes fit, with exact forms of backward before signs, and these
/// before frozen norms. What is given besides the budget, other than a default, stays. A model that diverges in its
/// calibration leaves the run as it is. `said` gets a line for the log. Throws UsageError where nothing fits.
RunConfig within_budget(const RunConfig& config, const std::filesystem::path& folder, const datasets::Splits& data,
                        std::string& said);

/// As its settings.ini has chosen, where it has the same budget; else as it is.
RunConfig as_chosen(const RunConfig& config, const std::filesystem::path& folder);

}  // namespace bitstate::experiments

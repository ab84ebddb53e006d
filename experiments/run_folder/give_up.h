// Ends hopeless runs early by a rule on their validation metric, and reopens them when the rule has changed.
#pragma once

#include "experiments/settings/run_config.h"
#include "experiments/training/metric.h"

#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::experiments {

/// "after epoch 2: the best val_accuracy is 0.31, worse than 0.5", or nothing, also before the rule's epoch. `metrics`
/// are the lines of metrics.jsonl, of which those up to that epoch count: so the answer does not depend on where a
/// training was interrupted.
std::string reason_to_give_up(const GiveUpRule& rule, Metric metric, const std::string& metrics);

/// Whether the run in `folder` was given up by another rule than `rule`, so that a sweep goes on with it.
bool is_to_go_on(const std::filesystem::path& folder, const std::optional<GiveUpRule>& rule);

/// Takes the result of a run away that was given up by another rule than `rule`, so that it goes on from its
/// checkpoint. Its next attempt is one that nobody had before (claim.h). The caller holds the folder of the run or of
/// its sweep. Throws Error.
void reopen_given_up(const std::filesystem::path& folder, const std::optional<GiveUpRule>& rule);

}  // namespace bitstate::experiments

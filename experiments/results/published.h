// What others published for what a run does.
#pragma once

#include <string>
#include <vector>

namespace bitstate::experiments {

struct RunRecord;

/// Q-S5's figure (published/qs5.csv) for the run's data set, size of the model, configuration and kind of training, as
/// it was published: accuracies in per cent, "≈" before one that was read off a figure, " / " between several. Empty
/// where there is none.
std::string published_by_qs5(const RunRecord& run);

/// The same as numbers.
std::vector<double> published_values(const RunRecord& run);

}  // namespace bitstate::experiments

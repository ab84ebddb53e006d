// What a training should know of its data before it begins: what in them cannot be learnt, or tells nothing.
#pragma once

#include "datasets/dataset.h"

#include <string>
#include <vector>

namespace bitstate::datasets {

/// A sentence for each of these: classes of which no training sequence is, training sequences of a single class, and
/// columns of inputs or targets that have one value in the whole training part. Reads all sequences.
[[nodiscard]] std::vector<std::string> training_warnings(const Splits& splits);

}  // namespace bitstate::datasets

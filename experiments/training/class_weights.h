// What the loss of a sequence counts, by its class: for data whose classes are not equally frequent.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace bitstate {

/// Throws UsageError unless `text` is "none", "balanced" or positive numbers with commas between.
void check_class_weights(std::string_view text);

/// One number per class, or none for "none". "balanced" gives N / (K n_c), for n_c of the N training labels and K
/// classes: each class counts the same in sum, and the mean over the training part is 1. A class without a label has
/// the weight 1. Throws UsageError for another number of numbers than classes.
std::vector<double> class_weights(std::string_view text, const datasets::Dataset& training, std::size_t classes);

}  // namespace bitstate

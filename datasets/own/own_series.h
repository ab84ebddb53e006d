// Series of the user's own, of tables or arrays, with labels or without.
#pragma once

#include "datasets/labels.h"
#include "datasets/own/folds.h"
#include "datasets/sequences.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// What is learnt of series: `task` classification, value, or else regression.
Task series_task(std::string_view task);

/// Throws UsageError for a stride without a window.
void check_windows(const SeriesSettings& series);

/// The series of a file as three parts: its first 80 % of rows, the next 10 % and the last 10 %. With folds the second
/// is a part of the first. Throws Error for less than 10 rows.
SeriesParts cut_in_time(const Series& series, std::size_t d_input, std::size_t d_output, const FoldSettings& folding);

/// The series of several files as three parts: 80, 10 and 10 % of them by chance (split_by_chance), for classification
/// by the classes of their last rows.
SeriesParts split_files(std::vector<Series> files, Task task, std::string_view folder, const FoldSettings& folding);

/// The splits of series. For classification their targets are places in `labels`. With folds take_fold() says what the
/// validation part is.
Splits cut_own_series(SeriesParts parts, std::size_t d_input, std::size_t d_output, Task task, const Labels& labels,
                      const SeriesSettings& series, const std::optional<Reading>& reading, const FoldSettings& folding);

}  // namespace bitstate::datasets

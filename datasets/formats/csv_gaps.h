// Cells of a table that are missing.
#pragma once

#include "datasets/formats/csv.h"

#include <cstddef>
#include <string_view>

namespace bitstate::datasets {

/// Puts numbers in the place of those that are NaN, within each sequence that table.starts part: `how` is drop, hold or
/// linear (TableSettings::missing). The last `classes` columns are held where others are interpolated; with `time` the
/// column behind them is the time, which is not missing. Notes what it did.
void fill_gaps(Csv& table, std::string_view how, std::size_t classes, bool time);

}  // namespace bitstate::datasets

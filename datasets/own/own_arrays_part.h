// One part of the user's own arrays: x, y and perhaps length.
#pragma once

#include "datasets/formats/array_file.h"
#include "datasets/labels.h"
#include "datasets/own/own.h"
#include "datasets/own/own_part.h"
#include "datasets/sequences.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The arrays of a part by their names in the file.
struct ArrayNames {
  std::string x, y;
  std::string length;  ///< empty: there is none
};

/// The arrays of `part` (train, test, ...; "" is the file without parts): own.x and own.y, or x and y, in the group of
/// the part, or with its name before or behind theirs, as x_train or XTrain are. Without an x the names are empty.
/// Throws UsageError where several would fit.
ArrayNames array_names(const ArrayFile& file, std::string_view part, const OwnSettings& own);

/// The true lengths of `sequences` sequences of x, from the array `length`: all `longest` where this is no name.
std::vector<std::size_t> read_lengths(const ArrayFile& file, std::string_view length, std::size_t sequences,
                                      std::size_t longest);

/// Reads x [N, L, d] or [N, L], y and length. own.task is auto, classification, regression or value; auto goes by type
/// and shape of y. Throws UsageError for what may be read in two ways: whole numbers from 0 on as floating-point
/// numbers, rows with one 1, integers [N, L, 1] in x; Error for damaged data. The classes of Steps are places in
/// `labels`, to which those of the part are added.
Part read_part(const ArrayFile& file, const ArrayNames& names, const std::string& task, Labels& labels);

/// Steps of a long series.
struct ArraySeries {
  Series series;
  std::size_t d_input = 0, d_output = 0;
};

/// Reads x [L, d] or [L] and y [L, k] or [L]. For classification targets are places in `labels`.
ArraySeries read_array_series(const ArrayFile& file, const ArrayNames& names, Task task, Labels& labels);

}  // namespace bitstate::datasets

// One part of the user's own sequences in an HDF5 file: a group with x, y and perhaps length.
#pragma once

#include "core/io/hdf5.h"
#include "datasets/sequences.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// "classification", "regression" or "value".
std::string_view name_of(Task task);

/// The numbers of a file, which Steps has standardised.
struct Numbers {
  std::vector<double> x, target;
};

struct Part {
  std::string where;                 ///< file and group
  std::shared_ptr<Steps> steps;      ///< its x and target are empty before they are standardised
  std::shared_ptr<Numbers> numbers;  ///< as in Steps
  std::vector<Cut> cuts;             ///< they do not overlap
  std::string read;                  ///< what x and y are
};

/// Where numbers stand.
struct Range {
  std::size_t first, count;
};

/// The numbers of x, or of the targets, that belong to a sequence.
Range input_range(const Steps& s, const Cut& cut);
Range target_range(const Steps& s, const Cut& cut);

/// Reads x, y and length of `group` ("" is the root). `task` is auto, classification, regression or value; auto goes by
/// type and shape of y. Throws UsageError for what may be read in two ways: whole numbers from 0 on as floating-point
/// numbers, rows with one 1, integers [N, L, 1] in x; Error for damaged data.
Part read_part(const Hdf5Reader& file, const std::string& group, const std::string& task);

}  // namespace bitstate::datasets

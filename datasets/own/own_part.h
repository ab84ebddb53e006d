// A part of the user's own sequences, and the splits that parts make.
#pragma once

#include "datasets/dataset.h"
#include "datasets/labels.h"
#include "datasets/sequences.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
  std::string where;                 ///< file and array
  std::shared_ptr<Steps> steps;      ///< x and target are empty before they are standardised; classes: places of labels
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

/// What files say besides.
struct Notes {
  std::string where;           ///< the file, or files
  std::size_t vocabulary = 0;  ///< tokens are below; 0: one more than the largest
  std::size_t classes = 0;     ///< labels are numbers below; 0: classes_of() says
  bool standardize = false;    ///< by the training part
};

/// Less sequences or rows are not split.
inline constexpr std::size_t least_to_split = 10;

struct FoldSettings;  // datasets/own/folds.h

/// 80, 10 and 10 % of `count` by random_split of seed 42, or, where there are `classes` (one per sequence), by
/// stratified_split; with folds those for validation stand behind those for training. Throws Error, beginning with
/// `where`, for less than 10.
std::vector<std::vector<std::uint32_t>> split_by_chance(std::size_t count, const std::vector<std::int32_t>& classes,
                                                        std::string_view where, const FoldSettings& folding);
/// Likewise the sequences as training, test and, without folds, validation part.
std::vector<Part> split_by_chance(const Part& all, const FoldSettings& folding);

/// Appends the sequences of another file to those of a part. Throws Error where they are not alike.
void append(Part& part, Part&& more);

/// The splits of `parts`: training, test and perhaps validation, or the test part alone for a model that is trained.
/// `labels` are those of all of them. Throws Error where they are not alike, or do not fit the model that `reading` is
/// of.
/// Sequences are cut into windows as series are, with the label or value of the whole: those of the training part every
/// series.stride steps. With folds take_fold() says what the validation part is.
Splits splits_of(std::vector<Part> parts, const Labels& labels, const Notes& notes, const SeriesSettings& series,
                 const std::optional<Reading>& reading, const FoldSettings& folding);

}  // namespace bitstate::datasets

// Folds: the training and validation share of the user's own data in blocks, of which one is the validation part.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"
#include "datasets/sequences.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace bitstate::datasets {

struct Part;  // datasets/own/own_part.h

struct FoldSettings {
  std::size_t folds = 0;              ///< blocks; 0: the validation part is what it is without
  std::optional<std::size_t> fold{};  ///< the block that is the validation part, from 0 on; none: each in its turn

  /// Whether there is a run for each fold.
  [[nodiscard]] bool all() const { return folds > 0 && !fold; }
};

/// The table of FoldSettings.
OptionTable<FoldSettings> fold_options();

/// Throws UsageError for a fold that is not there, and for all(), which is several data.
void check_folds(const FoldSettings& settings);

/// Takes the fold out of the training part of series, which becomes the other blocks. Blocks are
/// - of a regression, of values that are asked for in each window, and of one series: equally many steps of all series
///   one after the other;
/// - of classes: of whole series, equally many with each label of a last step; of fewer series than blocks that have
///   windows, steps of each series;
/// - of values without windows: of whole series.
/// Pieces of at most series.horizon steps, which have no target, are left out. Nothing is done without folds, or where
/// the test part is alone. Throws UsageError for a validation part, more blocks than series that are not cut, and for
/// blocks, whichever of them the fold is, of which no piece has a window.
void take_fold(SeriesParts& parts, std::size_t d_input, std::size_t d_output, Task task, const SeriesSettings& series,
               const FoldSettings& settings);

/// Likewise from training and test part of sequences: blocks of whole sequences, equally many of each class.
void take_fold(std::vector<Part>& parts, const FoldSettings& settings);

}  // namespace bitstate::datasets

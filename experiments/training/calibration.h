// The ranges of a model's sites before anything is trained or evaluated with them.
#pragma once

#include "experiments/training/lane_runner.h"

#include <cstddef>
#include <span>
#include <vector>

namespace bitstate {

/// The sequences that calibration reads, in batches.
struct CalibrationData {
  const datasets::Dataset& data;
  std::vector<std::size_t> order;  ///< of all sequences
  std::size_t bsz = 1;
  std::size_t batches = 1;  ///< at most so many; those that the data have, if fewer
  bool trained = false;     ///< the model has running statistics worth reading

  [[nodiscard]] std::size_t count() const;                              ///< of batches that are read
  [[nodiscard]] std::span<const std::size_t> batch(std::size_t) const;  ///< sequences of a batch
};

/// Throws UsageError when `batches` is 0 although a site needs a range that only batches can set. A stored range may
/// come with the weights.
void check_calibration(const Inventory& inventory, std::size_t batches);

/// Throws UsageError when `batches` is 0 although a site still lacks its range.
void check_missing_ranges(const Inventory& inventory, std::size_t batches);

/// Gives every site that has none its range: the mean over the batches of what each shows. Nothing else changes. Does
/// nothing where no site lacks a range. Throws as check_missing_ranges() does.
void calibrate(LaneRunner& runner, const Inventory& inventory, const CalibrationData& data);

}  // namespace bitstate

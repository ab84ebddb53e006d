// What sites of a float model show on the calibration batches, for transforms that go by it.
#pragma once

#include "experiments/training/transform_target.h"

#include <span>
#include <string_view>
#include <vector>

namespace bitstate {

/// Runs the float model over all batches; then its sites are as before.
class WatchedSites {
 public:
  /// `rules` name the sites that are watched: they keep ranges, and their bits do not matter.
  WatchedSites(const TransformTarget& target, std::string_view rules);

  /// The largest magnitude of each range that a site of the model has by the rules.
  [[nodiscard]] std::span<const float> maxima(const Quantizer& site) const;

 private:
  struct Place {
    const Quantizer* site;
    std::size_t offset, count;
  };
  std::vector<Place> places_;
  std::vector<float> maxima_;
};

}  // namespace bitstate

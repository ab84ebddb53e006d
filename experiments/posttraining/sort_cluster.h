// The transform `sort_cluster`: channels of a mixer in an order in which neighbours share a scale.
#pragma once

#include "experiments/posttraining/transform.h"

#include <cstddef>

namespace bitstate {

struct SortClusterOptions {
  std::size_t m = 4;  ///< clusters of the heads that share B and C
  std::size_t n = 4;  ///< segments of the channels of each of them
};

/// Clusters the channels of every mixer (models/mamba/cluster.h) by the largest magnitudes that u shows in the float
/// model. Throws UsageError for another model.
void sort_cluster(const TransformTarget& target, const SortClusterOptions& options);

Transform sort_cluster_transform();

}  // namespace bitstate

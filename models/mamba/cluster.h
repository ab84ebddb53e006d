// Channels of a mixer in clusters of one size, which share a scale (core/quantization/sort_cluster.h).
#pragma once

#include "models/mamba/mixer.h"

#include <cstddef>
#include <span>

namespace bitstate {

/// Brings the channels into the order of their `largest` magnitudes [E] of u, which leaves the outputs as they are
/// (models/mamba/rearrange.h), and makes the clusters the groups of the sites that have these channels: of each group
/// of heads that share B and C, `clusters` of heads with `segments` of positions each. Mamba's channels are one head
/// with clusters x segments; its u stays one group, as x_proj sums over it. Drops the stored ranges of the mixer's
/// weights. Throws Error as sort_and_cluster() does.
void cluster_channels(MambaMixer& mixer, std::span<const float> largest, std::size_t clusters, std::size_t segments);
void cluster_channels(Mamba2Mixer& mixer, std::span<const float> largest, std::size_t clusters, std::size_t segments);

}  // namespace bitstate

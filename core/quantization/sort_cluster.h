// Sort and cluster (Quamba2, Chiang et al. 2025): the channels of heads in an order in which blocks of heads and
// positions can share a scale; here by exact dynamic programming (docs/numerics.md, "Quamba's transforms").
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bitstate {

/// The heads of one group in clusters, the positions of each cluster of heads in segments; a block is one segment of
/// one cluster.
struct SortedClusters {
  std::vector<std::size_t> head_perm;     ///< new head -> old head
  std::vector<std::size_t> perm;          ///< new channel -> old channel; the channels of a head stay together
  std::vector<std::size_t> head_ends;     ///< [m], the last one is the number of heads
  std::vector<std::size_t> channel_ends;  ///< [m, n], the last one of each row is the number of channels of a head
  std::vector<double> block_max;          ///< [m, n], of the statistic
  double cost = 0.0;                      ///< sum over blocks of their channels times block_max^2

  /// The block (cluster n + segment) of each new channel.
  [[nodiscard]] std::vector<std::size_t> blocks() const;
};

/// `largest` [heads, channels] are the largest magnitudes that the channels of each head show. Channels are sorted
/// within each head, and heads by their largest channel, both ascending and stable. Then min(clusters, heads) clusters
/// of heads and min(segments, channels) segments of positions in each have the least cost; of equal ones those with
/// the smaller boundaries. Throws Error for sizes that do not fit and for what is not finite or negative.
SortedClusters sort_and_cluster(std::span<const double> largest, std::size_t heads, std::size_t clusters,
                                std::size_t segments);

}  // namespace bitstate

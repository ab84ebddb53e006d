#include "models/mamba/cluster.h"

#include "core/quantization/sort_cluster.h"
#include "models/mamba/rearrange.h"

#include <vector>

namespace bitstate {
namespace {

/// The order of all channels, and the group of each in that order.
struct Order {
  std::vector<std::size_t> head_perm, perm;
  std::vector<std::uint32_t> groups;
};

/// `parts` groups of heads are sorted and clustered each by itself.
Order order_of(std::span<const float> largest, std::size_t parts, std::size_t heads, std::size_t clusters,
               std::size_t segments) {
  Order all;
  const std::size_t width = largest.size() / parts;
  std::uint32_t blocks = 0;
  for (std::size_t p = 0; p < parts; ++p) {
    const auto part = largest.subspan(p * width, width);
    const SortedClusters sorted =
        sort_and_cluster(std::vector<double>(part.begin(), part.end()), heads / parts, clusters, segments);
    for (const std::size_t h : sorted.head_perm) all.head_perm.push_back(p * heads / parts + h);
    for (const std::size_t c : sorted.perm) all.perm.push_back(p * width + c);
    for (const std::size_t b : sorted.blocks()) all.groups.push_back(blocks + static_cast<std::uint32_t>(b));
    blocks += static_cast<std::uint32_t>(sorted.block_max.size());
  }
  return all;
}

/// Forgets the ranges of weights, whose rows or columns have changed places.
struct Forget {
  void operator()(std::string_view /*name*/, Parameter& /*parameter*/) {}
  template <class T>
  void operator()(std::string_view /*name*/, T& member) {
    member.visit(*this);
  }
  void site(std::string_view /*kind*/, std::string_view /*name*/, Quantizer& quantizer) {
    if (quantizer.is_constant()) quantizer.range.clear();
  }
};

template <class Mixer>
void regroup(Mixer& mixer, const std::vector<std::uint32_t>& groups) {
  for (Quantizer* const site : mixer.sites.of_channels()) {
    if (site->groups.size() != groups.size()) continue;  // one group for good
    site->groups = groups;
    site->regrouped = true;
  }
  Forget forget;
  mixer.visit(forget);
}

}  // namespace

void cluster_channels(MambaMixer& mixer, std::span<const float> largest, std::size_t clusters, std::size_t segments) {
  const Order order = order_of(largest, 1, 1, 1, clusters * segments);
  rearrange(mixer, order.perm);
  regroup(mixer, order.groups);
}

void cluster_channels(Mamba2Mixer& mixer, std::span<const float> largest, std::size_t clusters, std::size_t segments) {
  const Order order = order_of(largest, mixer.groups, mixer.D.value.size(), clusters, segments);
  rearrange(mixer, order.head_perm, order.perm);
  regroup(mixer, order.groups);
}

}  // namespace bitstate

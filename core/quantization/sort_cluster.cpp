#include "core/quantization/sort_cluster.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace bitstate {
namespace {

struct Partition {
  std::vector<std::size_t> ends;
  double cost = 0.0;
};

/// [0, count) in exactly `parts` intervals, none empty, with the least sum of cost(first, end); of equal sums the one
/// whose boundaries are smaller, the last boundary first.
template <class Cost>
Partition cheapest_partition(std::size_t count, std::size_t parts, const Cost& cost) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const std::size_t width = count + 1;
  std::vector<double> best((parts + 1) * width, infinite);  // [parts used, end]
  std::vector<std::size_t> from((parts + 1) * width, 0);
  best[0] = 0.0;
  for (std::size_t k = 1; k <= parts; ++k) {
    for (std::size_t end = k; end <= count; ++end) {
      for (std::size_t first = k - 1; first < end; ++first) {
        const double before = best[(k - 1) * width + first];
        if (before == infinite) continue;
        const double sum = before + cost(first, end);
        if (sum >= best[k * width + end]) continue;
        best[k * width + end] = sum;
        from[k * width + end] = first;
      }
    }
  }
  Partition out{std::vector<std::size_t>(parts), best[parts * width + count]};
  std::size_t end = count;
  for (std::size_t k = parts; k > 0; --k) {
    out.ends[k - 1] = end;
    end = from[k * width + end];
  }
  return out;
}

/// 0, 1, ... in the stable ascending order of key(i).
template <class Key>
std::vector<std::size_t> ascending(std::size_t count, const Key& key) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

/// The statistics in their new order, [heads, channels].
struct Sorted {
  std::size_t heads;
  std::size_t channels;
  std::vector<double> values;

  /// The largest one of heads [first, end) at each position: ascending, as each head's are.
  [[nodiscard]] std::vector<double> maxima(std::size_t first, std::size_t end) const {
    std::vector<double> out(channels, 0.0);
    for (std::size_t h = first; h < end; ++h) {
      for (std::size_t p = 0; p < channels; ++p) out[p] = std::max(out[p], values[h * channels + p]);
    }
    return out;
  }
  /// The positions of heads [first, end) in segments.
  [[nodiscard]] Partition segmented(std::size_t first, std::size_t end, std::size_t segments) const {
    const std::vector<double> most = maxima(first, end);
    return cheapest_partition(channels, segments, [&](std::size_t from, std::size_t to) {
      return static_cast<double>((end - first) * (to - from)) * most[to - 1] * most[to - 1];
    });
  }
};

}  // namespace

std::vector<std::size_t> SortedClusters::blocks() const {
  const std::size_t heads = head_perm.size();
  const std::size_t channels = perm.size() / heads;
  const std::size_t segments = channel_ends.size() / head_ends.size();
  std::vector<std::size_t> out;
  std::size_t cluster = 0;
  for (std::size_t h = 0; h < heads; ++h) {
    while (h >= head_ends[cluster]) ++cluster;
    std::size_t block = cluster * segments;
    for (std::size_t p = 0; p < channels; ++p) {
      while (p >= channel_ends[block]) ++block;
      out.push_back(block);
    }
  }
  return out;
}

SortedClusters sort_and_cluster(std::span<const double> largest, std::size_t heads, std::size_t clusters,
                                std::size_t segments) {
  require(heads > 0 && !largest.empty() && largest.size() % heads == 0, "sort_cluster",
          "{} channels cannot be parted into {} equal heads", largest.size(), heads);
  require(clusters > 0 && segments > 0, "sort_cluster", "expected at least 1 cluster and 1 segment, got {} and {}",
          clusters, segments);
  for (const double v : largest) {
    require(std::isfinite(v) && v >= 0.0, "sort_cluster", "the largest magnitude of a channel is {}", v);
  }
  const std::size_t channels = largest.size() / heads;
  SortedClusters out;
  out.head_perm = ascending(heads, [&](std::size_t h) {
    const auto head = largest.subspan(h * channels, channels);
    return *std::max_element(head.begin(), head.end());
  });
  Sorted sorted{heads, channels, {}};
  for (const std::size_t h : out.head_perm) {
    for (const std::size_t c : ascending(channels, [&](std::size_t p) { return largest[h * channels + p]; })) {
      out.perm.push_back(h * channels + c);
      sorted.values.push_back(largest[h * channels + c]);
    }
  }
  segments = std::min(segments, channels);
  const Partition heads_parted = cheapest_partition(
      heads, std::min(clusters, heads),
      [&](std::size_t first, std::size_t end) { return sorted.segmented(first, end, segments).cost; });
  out.head_ends = heads_parted.ends;
  out.cost = heads_parted.cost;
  std::size_t first = 0;
  for (const std::size_t end : out.head_ends) {
    const std::vector<double> most = sorted.maxima(first, end);
    for (const std::size_t to : sorted.segmented(first, end, segments).ends) {
      out.channel_ends.push_back(to);
      out.block_max.push_back(most[to - 1]);
    }
    first = end;
  }
  return out;
}

}  // namespace bitstate

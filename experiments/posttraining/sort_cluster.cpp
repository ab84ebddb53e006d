#include "experiments/posttraining/sort_cluster.h"

#include "core/error.h"
#include "experiments/posttraining/watched_sites.h"
#include "models/mamba/cluster.h"
#include "models/mamba/model.h"

namespace bitstate {
namespace {

template <class Mixer>
void sort_mixers(MambaModelOf<Mixer>& model, const TransformTarget& target, const SortClusterOptions& options) {
  const WatchedSites watched(target, "act:*.mixer*.u 16 range=ema granularity=channel");
  for (MambaLayer<Mixer>& layer : model.layers) {
    cluster_channels(layer.mixer, watched.maxima(layer.mixer.sites.u), options.m, options.n);
    if (!layer.bidirectional) continue;
    cluster_channels(layer.mixer_backward, watched.maxima(layer.mixer_backward.sites.u), options.m, options.n);
  }
}

}  // namespace

void sort_cluster(const TransformTarget& target, const SortClusterOptions& options) {
  auto* const mamba = target.model.as<MambaModel>();
  auto* const mamba2 = target.model.as<Mamba2Model>();
  require<UsageError>(mamba != nullptr || mamba2 != nullptr, "sort_cluster",
                      "is for the channels of Mamba and Mamba-2; the model is another one");
  if (mamba != nullptr) sort_mixers(*mamba, target, options);
  if (mamba2 != nullptr) sort_mixers(*mamba2, target, options);
}

Transform sort_cluster_transform() {
  OptionTable<SortClusterOptions> options("sort_cluster");
  options.whole("sort_cluster.m", "CLUSTERS", &SortClusterOptions::m, 1, 256, "clusters of heads");
  options.whole("sort_cluster.n", "SEGMENTS", &SortClusterOptions::n, 1, 256, "segments of the channels of each");
  return transform_of({.name = "sort_cluster",
                       .help = "sort channels, and make those of one size a group (Mamba)",
                       .needs_calibration = true},
                      options, sort_cluster);
}

}  // namespace bitstate

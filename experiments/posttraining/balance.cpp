#include "experiments/posttraining/balance.h"

#include "core/error.h"
#include "models/s5/balance.h"
#include "models/s5/models.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace bitstate {
namespace {

/// The largest magnitude of every range that a site keeps, over all batches.
std::vector<float> largest_magnitudes(const TransformTarget& target) {
  std::vector<float> maxima(target.inventory.range_count(), 0.0F);
  for (std::size_t b = 0; b < target.data.count(); ++b) {
    target.runner.run(LaneRunner::Mode::calibrate, target.data.data, target.data.batch(b));
    const auto seen = target.runner.observed().maxima;
    for (std::size_t i = 0; i < maxima.size(); ++i) maxima[i] = std::max(maxima[i], seen[i]);
  }
  return maxima;
}

}  // namespace

void balance(const TransformTarget& target) {
  const std::vector<S5SSM*> found = ssms(target.model);
  require<UsageError>(!found.empty(), "balance", "the model has no S5 SSM whose states could be balanced");
  std::vector<Quantizer> sites;
  for (const Quantizer* site : target.inventory.quantizers) sites.push_back(*site);
  std::vector<bool> trees;
  for (S5SSM* ssm : found) {  // the recurrence computes the same states and can watch them
    trees.push_back(ssm->scan_tree);
    ssm->scan_tree = false;
  }
  // without ranges the sites only watch, and the model is the float one
  quantize_sites(target.inventory, QuantConfig::parse("state:* 16 range=ema granularity=channel", "balance"));
  const std::vector<float> maxima = largest_magnitudes(target);
  for (std::size_t l = 0; l < found.size(); ++l) {
    const Quantizer& site = found[l]->state_quantizer;
    balance_states(*found[l], std::span(maxima).subspan(site.offset, site.range_count()));
    found[l]->scan_tree = trees[l];
  }
  for (std::size_t i = 0; i < sites.size(); ++i) *target.inventory.quantizers[i] = std::move(sites[i]);
  complete(target.inventory);
}

}  // namespace bitstate

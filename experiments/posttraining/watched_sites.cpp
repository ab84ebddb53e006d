#include "experiments/posttraining/watched_sites.h"

#include "core/error.h"

#include <algorithm>
#include <utility>

namespace bitstate {
namespace {

/// The sites of a model with other rules, while it lives.
class OtherRules {
 public:
  OtherRules(Inventory& inventory, std::string_view rules) : inventory_(inventory) {
    for (const Quantizer* site : inventory.quantizers) sites_.push_back(*site);
    quantize_sites(inventory, QuantConfig::parse(rules, "transforms"));
  }
  ~OtherRules() {
    for (std::size_t i = 0; i < sites_.size(); ++i) *inventory_.quantizers[i] = std::move(sites_[i]);
    complete(inventory_);
  }
  OtherRules(const OtherRules&) = delete;
  OtherRules& operator=(const OtherRules&) = delete;

 private:
  Inventory& inventory_;
  std::vector<Quantizer> sites_;
};

}  // namespace

WatchedSites::WatchedSites(const TransformTarget& target, std::string_view rules) {
  const OtherRules watching(target.inventory, rules);  // without ranges the sites only watch
  for (const Quantizer* site : target.inventory.quantizers) {
    if (site->range_count() > 0) places_.push_back({site, site->offset, site->range_count()});
  }
  maxima_.resize(target.inventory.range_count(), 0.0F);
  for (std::size_t b = 0; b < target.data.count(); ++b) {
    target.runner.run(LaneRunner::Mode::calibrate, target.data.data, target.data.batch(b));
    const auto seen = target.runner.observed().maxima;
    for (std::size_t i = 0; i < maxima_.size(); ++i) maxima_[i] = std::max(maxima_[i], seen[i]);
  }
}

std::span<const float> WatchedSites::maxima(const Quantizer& site) const {
  const auto found = std::find_if(places_.begin(), places_.end(), [&](const Place& p) { return p.site == &site; });
  require(found != places_.end(), "transforms", "{} was not watched", site.site);
  return std::span(maxima_).subspan(found->offset, found->count);
}

}  // namespace bitstate

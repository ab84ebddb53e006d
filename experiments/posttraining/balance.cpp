#include "experiments/posttraining/balance.h"

#include "core/error.h"
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

/// Lets every SSM show its states, in the float model, while it lives. Then sites and operators are as before.
class Watching {
 public:
  Watching(Inventory& inventory, const std::vector<S5SSM*>& found) : inventory_(inventory), found_(found) {
    for (const Quantizer* site : inventory.quantizers) sites_.push_back(*site);
    for (S5SSM* ssm : found) {  // the recurrence computes the same states and can watch them
      trees_.push_back(ssm->scan_tree);
      ssm->scan_tree = false;
    }
    // without ranges the sites only watch
    quantize_sites(inventory, QuantConfig::parse("state:* 16 range=ema granularity=channel", "balance"));
  }
  ~Watching() {
    for (std::size_t l = 0; l < found_.size(); ++l) found_[l]->scan_tree = trees_[l];
    for (std::size_t i = 0; i < sites_.size(); ++i) *inventory_.quantizers[i] = std::move(sites_[i]);
    complete(inventory_);
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  Inventory& inventory_;
  const std::vector<S5SSM*>& found_;
  std::vector<Quantizer> sites_;
  std::vector<bool> trees_;
};

}  // namespace

void balance(const TransformTarget& target, const BalanceOptions& options) {
  const std::vector<S5SSM*> found = ssms(target.model);
  require<UsageError>(!found.empty(), "balance", "the model has no S5 SSM whose states could be balanced");
  {
    const Watching watching(target.inventory, found);
    const std::vector<float> maxima = largest_magnitudes(target);
    for (S5SSM* ssm : found) {
      const Quantizer& site = ssm->state_quantizer;
      balance_states(*ssm, std::span(maxima).subspan(site.offset, site.range_count()), static_cast<int>(options.limit));
    }
  }
  for (S5SSM* ssm : found) {  // stored ranges of what has been scaled belong to the old numbers
    ssm->b_quantizer.range.clear();
    ssm->c_quantizer.range.clear();
  }
}

Transform balance_transform() {
  OptionTable<BalanceOptions> options("balance");
  options.whole("balance.limit", "OCTAVES", &BalanceOptions::limit, 1, largest_balance,
                "scale no state by more than 2^OCTAVES, up or down");
  return transform_of({.name = "balance",
                       .help = "bring the states to one magnitude, by powers of two",
                       .needs_calibration = true,
                       .keeps_float_output = true},
                      options, balance);
}

}  // namespace bitstate

#include "experiments/posttraining/balance.h"

#include "core/error.h"
#include "experiments/posttraining/watched_sites.h"
#include "models/s5/models.h"

#include <vector>

namespace bitstate {
namespace {

/// While it lives, the recurrence computes the same states otherwise, and can watch them.
class WithoutTrees {
 public:
  explicit WithoutTrees(const std::vector<S5SSM*>& found) : found_(found) {
    for (S5SSM* ssm : found) {
      trees_.push_back(ssm->scan_tree);
      ssm->scan_tree = false;
    }
  }
  ~WithoutTrees() {
    for (std::size_t l = 0; l < found_.size(); ++l) found_[l]->scan_tree = trees_[l];
  }
  WithoutTrees(const WithoutTrees&) = delete;
  WithoutTrees& operator=(const WithoutTrees&) = delete;

 private:
  const std::vector<S5SSM*>& found_;
  std::vector<bool> trees_;
};

}  // namespace

void balance(const TransformTarget& target, const BalanceOptions& options) {
  const std::vector<S5SSM*> found = ssms(target.model);
  require<UsageError>(!found.empty(), "balance", "the model has no S5 SSM whose states could be balanced");
  {
    const WithoutTrees without(found);
    const WatchedSites watched(target, "state:* 16 range=ema granularity=channel");
    for (S5SSM* ssm : found) {
      balance_states(*ssm, watched.maxima(ssm->state_quantizer), static_cast<int>(options.limit));
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

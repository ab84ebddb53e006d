#include "experiments/training/calibration.h"

#include "core/error.h"
#include "models/s5/balance.h"
#include "models/s5/models.h"

#include <algorithm>
#include <vector>

namespace bitstate {

std::size_t CalibrationData::count() const { return std::min(batches, order.size() / bsz); }

std::span<const std::size_t> CalibrationData::batch(std::size_t index) const {
  return std::span(order).subspan(index * bsz, bsz);
}

void check_calibration(const Inventory& inventory, std::size_t batches) {
  if (batches > 0) return;
  for (const Quantizer* site : inventory.quantizers) {
    require<UsageError>(!site->needs_range(), "calibration_batches",
                        "expected at least 1, got \"0\": {} keeps a range, which only batches can set", site->site);
  }
}

void calibrate(LaneRunner& runner, const Inventory& inventory, const CalibrationData& data) {
  if (!needs_calibration(inventory)) return;
  for (std::size_t b = 0; b < data.count(); ++b) {
    runner.run(data.trained ? LaneRunner::Mode::calibrate : LaneRunner::Mode::begin, data.data, data.batch(b));
    if (b == 0) {
      calibrate_ranges(inventory, runner.observed());
    } else {
      average_ranges(inventory, runner.observed(), b + 1);
    }
  }
}

void balance(LaneRunner& runner, Model& model, Inventory& inventory, const CalibrationData& data) {
  require<UsageError>(data.count() > 0, "balance", "needs calibration batches, but there are {}", data.count());
  require<UsageError>(!ssms(model).empty(), "balance", "the model has no S5 SSM whose states could be balanced");
  // without ranges the sites only watch, and the model is the float one
  quantize_sites(inventory, QuantConfig::parse("state:* 16 range=ema granularity=channel", "balance"));
  std::vector<bool> trees;  // the recurrence computes the same states and can watch them
  for (S5SSM* ssm : ssms(model)) {
    trees.push_back(ssm->scan_tree);
    ssm->scan_tree = false;
  }
  std::vector<float> maxima(inventory.range_count(), 0.0F);
  for (std::size_t b = 0; b < data.count(); ++b) {
    runner.run(LaneRunner::Mode::calibrate, data.data, data.batch(b));
    const auto seen = runner.observed().maxima;
    for (std::size_t i = 0; i < maxima.size(); ++i) maxima[i] = std::max(maxima[i], seen[i]);
  }
  for (std::size_t l = 0; l < trees.size(); ++l) {
    S5SSM& ssm = *ssms(model)[l];
    const Quantizer& site = ssm.state_quantizer;
    balance_states(ssm, std::span(maxima).subspan(site.offset, site.range_count()));
    ssm.scan_tree = trees[l];
  }
  quantize_sites(inventory, {});
}

}  // namespace bitstate

#include "experiments/training/calibration.h"

#include "core/error.h"

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
    require<UsageError>(!site->needs_range() || site->is_stored(), "calibration_batches",
                        "expected at least 1, got \"0\": {} keeps a range, which only batches can set", site->site);
  }
}

void check_missing_ranges(const Inventory& inventory, std::size_t batches) {
  if (batches > 0) return;
  for (const Quantizer* site : inventory.quantizers) {
    require<UsageError>(!site->needs_range() || !site->range.empty(), "calibration_batches",
                        "expected at least 1, got \"0\": {} has no range yet, which only batches can set", site->site);
  }
}

void calibrate(LaneRunner& runner, const Inventory& inventory, const CalibrationData& data) {
  if (!needs_calibration(inventory)) return;
  check_missing_ranges(inventory, data.batches);
  const LaneRunner::Mode mode = data.trained ? LaneRunner::Mode::calibrate : LaneRunner::Mode::begin;
  const bool constants = std::any_of(inventory.quantizers.begin(), inventory.quantizers.end(), [](const Quantizer* q) {
    return q->is_constant() && q->needs_range() && q->range.empty();
  });
  if (constants && data.count() > 0) {  // first: activations are those of rounded weights
    runner.run(mode, data.data, data.batch(0));
    calibrate_constants(inventory, runner.observed());
  }
  for (std::size_t b = 0; b < data.count(); ++b) {
    runner.run(mode, data.data, data.batch(b));
    if (b == 0) {
      calibrate_ranges(inventory, runner.observed());
    } else {
      average_ranges(inventory, runner.observed(), b + 1);
    }
  }
}

}  // namespace bitstate

// Ranges before training.
#include "experiments/training/calibration.h"

#include "core/error.h"
#include "tests/experiments/training/lorenz_rig.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace bitstate {
namespace {

struct CalibrationRig : tests::LorenzRig {
  using LorenzRig::LorenzRig;

  /// The ranges of the encoder's input after so many batches.
  std::vector<float> ranges(std::size_t batches) {
    calibrate(runner, inventory, calibration(batches));
    return inventory.quantizers.front()->range;
  }
};

const std::string input_only = "act:encoder 8 range=ema granularity=channel rate=0.25";

}  // namespace

TEST_CASE("calibration: ranges are the mean of what the batches show") {
  constexpr std::size_t batches = 5;
  std::vector<double> mean(3, 0.0);
  std::set<std::vector<float>> shown;
  for (std::size_t b = 0; b < batches; ++b) {
    CalibrationRig rig(input_only);
    std::rotate(rig.order.begin(), rig.order.begin() + static_cast<std::ptrdiff_t>(4 * b), rig.order.end());
    const std::vector<float> one = rig.ranges(1);
    REQUIRE(one.size() == 3);
    for (std::size_t c = 0; c < 3; ++c) mean[c] += double{one[c]} / batches;
    shown.insert(one);
  }
  CHECK(shown.size() == batches);
  const std::vector<float> all = CalibrationRig(input_only).ranges(batches);
  for (std::size_t c = 0; c < 3; ++c) CHECK(all[c] == doctest::Approx(mean[c]).epsilon(1e-6));
}

TEST_CASE("calibration: it reads the batches there are, and leaves ranges that exist and all weights alone") {
  CalibrationRig rig(input_only);
  REQUIRE(rig.calibration(1000).count() == rig.order.size() / 4);
  const Model before = rig.model;
  const std::vector<float> once = rig.ranges(1000);
  CHECK(rig.ranges(1) == once);
  Model copy = before;
  const Inventory old = take_inventory(copy);
  for (std::size_t i = 0; i < old.parameters.size(); ++i) {
    CHECK(old.parameters[i].parameter->value.data == rig.inventory.parameters[i].parameter->value.data);
  }
  for (std::size_t i = 0; i < old.buffers.size(); ++i) {
    CHECK(old.buffers[i].buffer->value.data == rig.inventory.buffers[i].buffer->value.data);
  }
}

TEST_CASE("calibration: without batches a site that keeps a range is refused by name") {
  const CalibrationRig rig(input_only);
  CHECK_THROWS_WITH_AS(check_calibration(rig.inventory, 0), doctest::Contains("act:encoder keeps a range"), UsageError);
  CHECK_NOTHROW(check_calibration(rig.inventory, 1));
  CHECK_NOTHROW(check_calibration(CalibrationRig("act:* 8 range=absmax\nweight:* 8").inventory, 0));
}

}  // namespace bitstate

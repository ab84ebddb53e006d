// Stored ranges, and the codes that a method has chosen for a weight: docs/numerics.md, section 2.
#include "autograd/ops.h"
#include "core/ranges.h"
#include "models/inventory.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace bitstate::tests::stored_range_test {
namespace {

/// A weight with a stored range for each row, or one for all.
Quantizer stored(int bits, std::vector<float> ranges, QuantSpec::Edge edge = QuantSpec::Edge::center) {
  Quantizer q = quantizer_of("weight:w", bits, std::move(ranges));
  q.spec.range = QuantSpec::Range::stored;
  q.spec.edge = edge;
  return q;
}

Codes codes_in(const Parameter& weight, const Quantizer& site) {
  Lane lane;
  return codes_of(lane.tape, ops::quantize(lane.tape, lane.tape.parameter(weight), site));
}

/// A model of one weight.
struct OneWeight {
  Parameter w;
  Quantizer site;
  template <class V>
  void visit(V& v) {
    v("w", w);
    v.site("weight", "w", site);
  }
};

TEST_CASE("stored range: it begins with the least squared error of the weight's codes, and no step moves it") {
  OneWeight model;
  model.w.value = Tensor(2, 3);
  model.w.value.data = {0.5F, -2.0F, 1.0F, 0.25F, 0.125F, -0.25F};
  model.site.channels = 2;
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse("weight:w 4 range=stored granularity=channel", "test"));
  REQUIRE(needs_calibration(inventory));
  const QuantSpec least{.bits = 4, .range = QuantSpec::Range::mse};
  const std::vector<float> first_row{0.5F, -2.0F, 1.0F}, second_row{0.25F, 0.125F, -0.25F};
  const std::vector<float> start{range_of_values(least, first_row), range_of_values(least, second_row)};
  REQUIRE(start[0] != 2.0F);  // else absmax would do as well
  const auto observe = [&](bool calibrating) {
    Pass pass = training_pass();
    pass.calibrating = calibrating;
    Lane lane(pass);
    (void)ops::quantize(lane.tape, lane.tape.parameter(model.w), model.site);
    return lane.observed;
  };
  const auto first = observe(true);
  calibrate_ranges(inventory, {first, {}});
  CHECK(model.site.range == start);
  CHECK_FALSE(needs_calibration(inventory));

  for (float& v : model.w.value.data) v *= 3.0F;
  const auto later = observe(false);
  update_ranges(inventory, {later, {}});
  average_ranges(inventory, {later, {}}, 2);
  CHECK(model.site.range == start);

  model.site.range[1] = 0.0F;  // of a row that was zero
  update_ranges(inventory, {later, {}});
  CHECK(model.site.range == std::vector<float>{start[0], 0.75F});
}

TEST_CASE("stored codes: the shadow of any code is rounded to that code again, for every scale and number of bits") {
  for (int bits = 1; bits <= 16; ++bits) {
    for (const QuantSpec::Edge edge : {QuantSpec::Edge::center, QuantSpec::Edge::half}) {
      for (const float range : {1.0F, 0.3F, 7.77e-12F, 3.1e5F}) {
        CAPTURE(bits);
        CAPTURE(range);
        const Quantizer site = stored(bits, {range}, edge);
        const Grid grid = site.grid(0);
        Codes chosen;
        std::vector<float> shadows;
        for (std::int32_t c = grid.lo; c <= grid.hi; c += bits == 1 ? 2 : 1) {
          chosen.push_back(c);
          shadows.push_back(static_cast<float>(c) * grid.scale);
        }
        CHECK(codes_in(parameter_of(1, chosen.size(), shadows), site) == chosen);
      }
    }
  }
}

TEST_CASE("stored codes: training keeps a chosen code until the number has moved by half a code") {
  const Quantizer site = stored(4, {7.0F, 3.5F});  // scales 1 and 1/2
  // the nearest codes of 2.3 and 2.6 would be 2 and 3; a method has chosen 3 and 2, and so in the other row
  Parameter w = parameter_of(2, 2, {3.0F, 2.0F, 1.5F, 1.0F});
  CHECK(codes_in(w, site) == Codes{3, 2, 3, 2});
  const auto moved = [&](float by) {
    Parameter other = w;
    for (float& v : other.value.data) v += by;
    return codes_in(other, site);
  };
  CHECK(moved(0.2F) == Codes{3, 2, 3, 2});
  CHECK(moved(-0.24F) == Codes{3, 2, 3, 2});
  CHECK(moved(0.3F) == Codes{3, 2, 4, 3});
  CHECK(moved(-0.6F) == Codes{2, 1, 2, 1});
}

TEST_CASE("stored range: what lies beyond it is clamped and gets no gradient") {
  const Quantizer site = stored(4, {7.0F});
  Parameter w = parameter_of(1, 4, {6.9F, 9.0F, -8.0F, -7.4F});
  Lane lane(training_pass(true));
  const Value y = ops::quantize(lane.tape, lane.tape.parameter(w), site);
  CHECK(codes_of(lane.tape, y) == Codes{7, 7, -7, -7});
  lane.tape.backward(y, std::vector<float>{1.0F, 1.0F, 1.0F, 1.0F});
  CHECK(std::vector<float>(lane.gradient.begin(), lane.gradient.begin() + 4) ==
        std::vector<float>{1.0F, 0.0F, 0.0F, 1.0F});
}

}  // namespace
}  // namespace bitstate::tests::stored_range_test

// The dropout masks of a stack: each call has its own, a function of seed, step, layer and place in the batch.
#include "models/s5/stack.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::tests::dropout_test {
namespace {

constexpr std::size_t layers = 3;
constexpr std::size_t features = 64;
constexpr std::size_t sequences = 8;
constexpr double p = 0.25;

using Mask = std::vector<float>;  // [sequences, features]

S5Stack stack_with_dropout() {
  S5Options options;
  options.layers = layers;
  options.p_dropout = p;
  options.layer.batchnorm = false;                  // a sequence's values do not depend on the others
  options.layer.activation = Activation::full_glu;  // zeros of the first mask do not reach the second call
  options.layer.sizes.H = features;
  options.layer.sizes.P_full = 8;
  options.layer.sizes.blocks = 1;
  return S5Stack(options, 3);
}

/// The masks of a pass over `count` sequences of one step, in the order of the calls.
std::vector<Mask> masks_of(Pass pass, std::size_t first = 0, std::size_t count = sequences) {
  const S5Stack stack = stack_with_dropout();
  Lane lane(pass);
  const std::vector<std::size_t> rows(count, 1);
  const std::vector<float> x(count, 1.0F);
  (void)stack.forward(lane.tape, {{rows, rows, first}, x, {}});
  std::vector<Mask> masks;
  for (const Node& node : lane.tape.nodes()) {
    if (node.op == nullptr || node.op->name != "tied_dropout") continue;
    const float* const before = lane.tape.value(node.inputs[0]);
    const float* const after = lane.tape.value(lane.tape.handle(node));
    Mask& mask = masks.emplace_back();
    for (std::size_t i = 0; i < node.size(); ++i) {
      REQUIRE(before[i] != 0.0F);
      mask.push_back(after[i] / before[i]);
    }
  }
  return masks;
}

Pass pass_of(std::uint64_t seed, std::uint64_t step) {
  Pass pass = training_pass();
  pass.seed = seed;
  pass.step = step;
  return pass;
}

/// Whether two masks agree about as often as independent ones do.
bool are_independent(const Mask& a, const Mask& b) {
  double equal = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += (a[i] == 0.0F) == (b[i] == 0.0F) ? 1.0 : 0.0;
  const auto n = static_cast<double>(a.size());
  const double expected = p * p + (1.0 - p) * (1.0 - p);
  return std::abs(equal / n - expected) < 5.0 * std::sqrt(expected * (1.0 - expected) / n);
}

TEST_CASE("dropout: every call of every layer, step, seed and place in the batch has a mask of its own") {
  std::vector<Mask> all;
  for (const Pass& pass : {pass_of(1, 0), pass_of(1, 1), pass_of(2, 0)}) {
    const auto masks = masks_of(pass);
    REQUIRE(masks.size() == 2 * layers);
    all.insert(all.end(), masks.begin(), masks.end());
  }
  const auto elsewhere = masks_of(pass_of(1, 0), sequences);
  all.insert(all.end(), elsewhere.begin(), elsewhere.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      CAPTURE(i);
      CAPTURE(j);
      CHECK(are_independent(all[i], all[j]));
    }
  }
}

TEST_CASE("dropout: a share p is dropped, the others are scaled by 1 / (1 - p)") {
  for (const Mask& mask : masks_of(pass_of(1, 0))) {
    const auto dropped = static_cast<double>(std::count(mask.begin(), mask.end(), 0.0F));
    const auto n = static_cast<double>(mask.size());
    CHECK(std::abs(dropped / n - p) < 5.0 * std::sqrt(p * (1.0 - p) / n));
    for (const float factor : mask) {
      if (factor != 0.0F) CHECK(factor == doctest::Approx(1.0 / (1.0 - p)));
    }
  }
}

TEST_CASE("dropout: a sequence's mask does not depend on the lane that reads it") {
  const auto whole = masks_of(pass_of(1, 0));
  const auto part = masks_of(pass_of(1, 0), 3, 2);
  for (std::size_t call = 0; call < part.size(); ++call) {
    for (std::size_t i = 0; i < part[call].size(); ++i) {
      CHECK((part[call][i] == 0.0F) == (whole[call][3 * features + i] == 0.0F));
    }
  }
}

TEST_CASE("dropout: evaluation and calibration drop nothing") {
  CHECK(masks_of({}).empty());
  Pass calibration = pass_of(1, 0);
  calibration.calibrating = true;
  CHECK(masks_of(calibration).empty());
}

}  // namespace
}  // namespace bitstate::tests::dropout_test

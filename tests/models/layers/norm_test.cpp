#include "models/layers/norm.h"

#include "core/random.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <vector>

namespace bitstate::tests::norm_test {
namespace {

/// The bits of a norm's result and of its gradient.
std::vector<float> result(Norm& norm) {
  Inventory inventory = take_inventory(norm);
  const Random random{3, random_stream("norm_test")};
  std::vector<float> x(15);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.normal(i));
  std::vector<float> gradient(inventory.parameter_count());
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  Tape tape;
  tape.begin(pass);
  const std::vector<std::size_t> rows{3};
  const Value y = norm.forward(tape, tape.input(3, 5, x.data()), {rows, rows});
  std::vector<float> all(tape.value(y), tape.value(y) + tape[y].size());
  tape.backward(y, x);
  all.insert(all.end(), gradient.begin(), gradient.begin() + 5);  // of the scale
  return all;
}

TEST_CASE("norm: a LayerNorm without a bias is one whose bias is 0, bit for bit, and lists none") {
  Norm biased(5, false, false);
  Norm plain(5, false, false, false);
  CHECK(result(plain) == result(biased));
  const Inventory inventory = take_inventory(plain);
  REQUIRE(inventory.parameters.size() == 1);
  CHECK(inventory.parameters[0].name == "scale");
  for (const auto& site : inventory.sites()) CHECK(site.kind != SiteKind::bias);
}

TEST_CASE("norm: a BatchNorm keeps its bias") {
  Norm norm(5, true, false, false);
  CHECK(take_inventory(norm).parameters.size() == 2);
}

}  // namespace
}  // namespace bitstate::tests::norm_test

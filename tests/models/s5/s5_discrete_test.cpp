// SSMs whose parameters are the discretised matrices.
#include "models/s5/models.h"
#include "tests/support/models/logits_and_gradient.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::tests::s5_discrete_test {
namespace {

S5Options options(bool bidirectional, ops::Discretization method) {
  S5Options o;
  o.inputs = 3;
  o.outputs = 4;
  o.layers = 2;
  o.layer.sizes.H = 5;
  o.layer.sizes.P_full = 8;
  o.layer.sizes.blocks = 2;
  o.layer.sizes.bidirectional = bidirectional;
  o.layer.discretize = {method, true, 1.5};
  o.layer.batchnorm = false;
  return o;
}

LogitsAndGradient run(Model& model, const Inventory& inventory) {
  return logits_and_gradient(model, inventory, {7, 4}, 3, "s5_discrete_test");
}

const Parameter& parameter(const Inventory& inventory, const std::string& name) {
  const auto at = std::find_if(inventory.parameters.begin(), inventory.parameters.end(),
                               [&](const NamedParameter& entry) { return entry.name == name; });
  REQUIRE(at != inventory.parameters.end());
  return *at->parameter;
}

TEST_CASE("discrete: the model has the bits of the continuous one, and Lambda_bar and B_bar as parameters") {
  for (const bool bidirectional : {false, true}) {
    for (const auto method : {ops::Discretization::zoh, ops::Discretization::bilinear}) {
      Model model = S5Classifier(options(bidirectional, method), 3);
      Inventory inventory = take_inventory(model);
      const LogitsAndGradient before = run(model, inventory);
      for (S5SSM* ssm : ssms(model)) ssm->make_discrete();
      inventory = take_inventory(model);
      const LogitsAndGradient after = run(model, inventory);
      CHECK(after.logits == before.logits);
      CHECK(parameter(inventory, "layers.1.ssm.Lambda_bar").value.size() == 8);
      CHECK(parameter(inventory, "layers.1.ssm.B_bar").value.rows == 8);
      for (const auto& entry : inventory.parameters) {
        CHECK(entry.name.find("Lambda_re") == std::string::npos);
        CHECK(entry.name.find("log_step") == std::string::npos);
      }
      // what is not discretised has the same gradient
      CHECK(std::equal(after.gradient.end() - 24, after.gradient.end(), before.gradient.end() - 24));
    }
  }
}

TEST_CASE("discrete: the gradient of Lambda_bar and B_bar is that of finite differences") {
  Model model = S5Classifier(options(false, ops::Discretization::zoh), 3);
  for (S5SSM* ssm : ssms(model)) ssm->make_discrete();
  const Inventory inventory = take_inventory(model);
  const LogitsAndGradient at = run(model, inventory);
  const auto sum = [&] {
    double total = 0.0;
    for (const float v : run(model, inventory).logits) total += v;
    return total;
  };
  for (Parameter* p : {&ssms(model)[0]->Lambda_bar, &ssms(model)[1]->B_bar}) {
    for (const std::size_t i : {std::size_t{1}, p->value.size() - 2}) {
      float& value = p->value.data[i];
      const float kept = value;
      constexpr float h = 0x1.0p-7F;
      value = kept + h;
      const double high = sum();
      value = kept - h;
      const double low = sum();
      value = kept;
      CHECK(at.gradient[p->offset + i] == doctest::Approx((high - low) / (2.0 * h)).epsilon(0.02));
    }
  }
}

TEST_CASE("discrete: a second call changes nothing") {
  Model model = S5Classifier(options(false, ops::Discretization::zoh), 3);
  ssms(model)[0]->make_discrete();
  const std::vector<float> once = ssms(model)[0]->Lambda_bar.value.data;
  ssms(model)[0]->make_discrete();
  CHECK(ssms(model)[0]->Lambda_bar.value.data == once);
}

}  // namespace
}  // namespace bitstate::tests::s5_discrete_test

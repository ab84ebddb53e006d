// States that have crossed the real axis: where a code is an angle without a sign they are replaced by their
// conjugates.
#include "core/quant_spec.h"
#include "models/s5/models.h"
#include "tests/support/models/logits_and_gradient.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate::tests::s5_conjugate_test {
namespace {

S5Options options(bool bidirectional) {
  S5Options o;
  o.inputs = 3;
  o.outputs = 4;
  o.layers = 1;
  o.layer.sizes.H = 5;
  o.layer.sizes.P_full = 8;
  o.layer.sizes.blocks = 2;
  o.layer.sizes.bidirectional = bidirectional;
  o.layer.batchnorm = false;
  return o;
}

/// Lambda, B and C of state p become their conjugates.
void conjugate(S5SSM& ssm, std::size_t p) {
  const std::size_t states = ssm.Lambda_im.value.size();
  ssm.Lambda_im.value.data[p] *= -1.0F;
  for (std::size_t h = 0; h < ssm.B.value.cols; ++h) ssm.B.value(states + p, h) *= -1.0F;
  for (Parameter* c : {&ssm.C1, &ssm.C2}) {
    for (std::size_t r = 0; r < c->value.rows; ++r) c->value(r, states + p) *= -1.0F;
  }
}

LogitsAndGradient run(Model& model, const Inventory& inventory) {
  return logits_and_gradient(model, inventory, {9, 4}, 3, "s5_conjugate_test");
}

TEST_CASE("conjugates: a model whose states have crossed the real axis is that of the conjugates, bit for bit") {
  for (const bool bidirectional : {false, true}) {
    for (const char* const form : {"polar", "log-polar", "shear"}) {
      CAPTURE(bidirectional);
      CAPTURE(form);
      const auto make = [&] {
        Model model = S5Classifier(options(bidirectional), 3);
        Inventory inventory = take_inventory(model);
        const std::string rules = std::string("weight:*.ssm.A 5 form=") + form + "\nweight:*.ssm.C 4\n";
        quantize_sites(inventory, QuantConfig::parse(rules, "test"));
        return std::pair(std::move(model), std::move(inventory));
      };
      auto [below, of_below] = make();
      auto [crossed, of_crossed] = make();
      for (const std::size_t p : {1, 3}) conjugate(*ssms(crossed)[0], p);
      const LogitsAndGradient expected = run(below, of_below);
      const LogitsAndGradient result = run(crossed, of_crossed);
      CHECK(result.logits == expected.logits);
      for (const auto& entry : of_crossed.parameters) {
        if (!entry.name.ends_with("Lambda_im")) continue;
        for (std::size_t p = 0; p < 4; ++p) {
          const std::size_t at = entry.parameter->offset + p;
          CHECK(result.gradient[at] == (p % 2 == 1 ? -1.0F : 1.0F) * expected.gradient[at]);
          CHECK(result.gradient[at] != 0.0F);
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::s5_conjugate_test

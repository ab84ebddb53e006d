// Of a whole model: what lies behind every approximation of the backward pass has its exact gradient, bit for bit.
#include "tests/experiments/training/lorenz_rig.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests::backward_forms_gradient_test {
namespace {

using Gradients = std::map<std::string, std::vector<float>>;

/// Of a batch, for each parameter of a model of two layers with LayerNorm and GLU.
Gradients gradients(NormBackward norm, ActBackward act, const std::string& rules) {
  S5Settings settings = lorenz_settings();
  settings.activation_fn = "half_glu1";
  settings.batchnorm = false;
  Model model = lorenz_model(settings);
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  Workers workers{2};
  LaneSettings lanes;
  lanes.norm_backward = norm;
  lanes.act_backward = act;
  LaneRunner runner(model, inventory, Metric::mse, lanes, workers);
  const datasets::Splits data = datasets::lorenz({.trajectories = 20});
  const std::vector<std::size_t> batch{0, 1, 2, 3};
  runner.run(LaneRunner::Mode::begin, *data.train, batch);
  calibrate_ranges(inventory, runner.observed());
  runner.run(LaneRunner::Mode::train, *data.train, batch, 1, 0);
  Gradients all;
  for (const NamedParameter& named : inventory.parameters) {
    const auto own = runner.gradient().subspan(named.parameter->offset, named.parameter->value.size());
    all[named.name] = {own.begin(), own.end()};
  }
  return all;
}

TEST_CASE("backward_forms: gradients of the decoder and of the top layer's gate are exact in every form") {
  for (const std::string rules : {"", "act:* 8 range=ema rate=0.3\nweight:* 8\nstate:* 16 range=ema rate=0.3"}) {
    const Gradients exact = gradients(NormBackward::exact, ActBackward::exact, rules);
    for (const NormBackward norm : {NormBackward::exact, NormBackward::centred, NormBackward::frozen}) {
      CAPTURE(rules);
      CAPTURE(word_of(norm));
      const Gradients sign = gradients(norm, ActBackward::sign, rules);
      std::set<std::string> behind;
      for (const auto& [name, gradient] : exact) {
        if (!name.starts_with("decoder") && !name.starts_with("layers.1.glu.out2")) continue;
        CAPTURE(name);
        CHECK(sign.at(name) == gradient);
        behind.insert(name);
      }
      CHECK(behind.size() == 4);                                       // a weight and a bias of each
      CHECK(sign.at("layers.1.ssm.C") != exact.at("layers.1.ssm.C"));  // before the top layer's GELU
      CHECK(sign.at("layers.0.ssm.B") != exact.at("layers.0.ssm.B"));
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::backward_forms_gradient_test

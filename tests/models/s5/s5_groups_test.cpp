// The groups of S5's optimiser, by the reference.
#include "models/s5/groups.h"

#include "core/error.h"
#include "models/s5/models.h"
#include "tests/support/golden.h"
#include "tests/support/models/parameter_set.h"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests::s5_groups_test {
namespace {

ParameterRule rule_of(std::string_view leaf, OptConfig config, bool dt_global) {
  Parameter parameter{Tensor(1, 3), 0};
  OptimizerSettings settings;
  settings.groups = s5_groups(config, dt_global);
  return parameter_rule({"layers.2.ssm." + std::string(leaf), &parameter}, settings);
}

/// The groups of a leaf under standard, BandCdecay, BfastandCdecay and noBCdecay.
struct LeafGroups {
  std::string leaf;
  std::array<const char*, 4> group;
};

const std::vector<LeafGroups> leaf_groups = {
    {"Lambda_re", {"ssm", "ssm", "ssm", "ssm"}},
    {"Lambda_im", {"ssm", "ssm", "ssm", "ssm"}},
    {"Lambda_bar", {"ssm", "ssm", "ssm", "ssm"}},
    {"log_step", {"ssm", "ssm", "ssm", "ssm"}},
    {"log_range", {"ssm", "ssm", "ssm", "ssm"}},
    {"B", {"ssm", "none", "regular", "ssm"}},
    {"B_bar", {"ssm", "none", "regular", "ssm"}},
    {"C", {"regular", "regular", "regular", "ssm"}},
    {"C1", {"regular", "regular", "regular", "ssm"}},
    {"C2", {"regular", "regular", "regular", "ssm"}},
    {"D", {"regular", "regular", "regular", "ssm"}},
    {"weight", {"regular", "regular", "regular", "regular"}},
    {"scale", {"regular", "regular", "regular", "regular"}},
    {"bias", {"regular", "regular", "regular", "regular"}},
};

TEST_CASE("s5 groups: the four opt_configs put every leaf in the reference's group") {
  using enum OptConfig;
  const std::array<OptConfig, 4> configs = {standard, BandCdecay, BfastandCdecay, noBCdecay};
  for (const auto& [leaf, groups] : leaf_groups) {
    for (std::size_t k = 0; k < configs.size(); ++k) {
      const std::string expected = groups[k];
      const auto rule = rule_of(leaf, configs[k], false);
      const std::string& name = leaf;
      CAPTURE(name);
      CAPTURE(k);
      CHECK(rule.group.name == expected);
      CHECK((rule.group.rate == Rate::second) == (expected != "regular"));
      CHECK(rule.decay == (expected == "ssm" ? 0.0 : 0.05));
      CHECK(rule_of(leaf, configs[k], true).group.name == (leaf == "log_step" ? "regular" : expected));
    }
  }
}

TEST_CASE("s5 groups: the leaves whose groups are tested are those of the models") {
  std::set<std::string> leaves;
  for (const bool bidirectional : {true, false}) {
    for (const bool discrete : {true, false}) {
      S5Options options;
      options.layers = 1;
      options.layer.sizes.H = 2;
      options.layer.sizes.P_full = 4;
      options.layer.sizes.blocks = 1;
      options.layer.sizes.bidirectional = bidirectional;
      options.layer.activation = Activation::full_glu;
      S5Classifier model(options, 0);
      if (discrete) model.stack.layers[0].ssm.make_discrete();
      Inventory inventory = take_inventory(model);
      quantize_sites(inventory, QuantConfig::parse("act:* 8 range=learned", "test"));
      for (const auto& entry : inventory.parameters) leaves.insert(entry.name.substr(entry.name.rfind('.') + 1));
    }
  }
  std::set<std::string> tested;
  for (const auto& row : leaf_groups) tested.insert(row.leaf);
  CHECK(leaves == tested);
}

TEST_CASE("s5 groups: three steps equal the reference's three AdamW steps") {
  const Golden golden;
  const auto models = golden.groups(GoldenKind::model);
  REQUIRE(!models.empty());
  for (const auto& group : models) {
    OptimizerSettings settings;
    const OptConfig opt_config = opt_config_of(golden.text(group, "opt_config"));
    settings.groups = s5_groups(opt_config);
    settings.method = method_of(opt_config);
    settings.weight_decay = golden.number(group, "weight_decay");
    ParameterSet set;
    std::vector<float> gradient;
    const auto names = golden.list(group + "/param");
    REQUIRE(!names.empty());
    for (const auto& name : names) {
      set.add(model_name(name), golden.parameter(group + "/param/" + name).tensor());
      const Tensor g = golden.parameter(group + "/grad/" + name).tensor();
      gradient.insert(gradient.end(), g.data.begin(), g.data.end());
    }
    Optimizer optimizer(set.list, settings);
    for (int step = 0; step < 3; ++step) {
      optimizer.step(set.list, gradient, golden.number(group, "lr"), golden.number(group, "ssm_lr"));
    }
    for (std::size_t k = 0; k < names.size(); ++k) {
      CAPTURE(group);
      CAPTURE(names[k]);
      const auto before = golden.parameter(group + "/param/" + names[k]);
      const auto after = golden.parameter(group + "/param_after_3_steps_same_grad/" + names[k]);
      const Tensor& got = set.storage[k].value;
      CHECK(relative_error(std::span<const float>(got.data), after.values) <= 1e-6);
      CHECK(relative_error(std::span<const double>(before.values), after.values) > 1e-5);  // the steps moved it
    }
  }
}

TEST_CASE("s5 groups: qaft is SGD in the groups of standard, and other names are refused") {
  CHECK(method_of(opt_config_of("qaft")) == Method::sgd);
  CHECK(method_of(OptConfig::standard) == Method::adamw);
  for (const LeafGroups& row : leaf_groups) {
    CHECK(rule_of(row.leaf, OptConfig::sgd, false).group == rule_of(row.leaf, OptConfig::standard, false).group);
  }
  CHECK_THROWS_AS(opt_config_of("Standard"), UsageError);
  CHECK(opt_config_of("BfastandCdecay") == OptConfig::BfastandCdecay);
}

TEST_CASE("s5 groups: a discrete A and B learn as Lambda and B do, and a frozen A keeps its bits") {
  using enum OptConfig;
  for (const OptConfig config : {standard, BandCdecay, BfastandCdecay, noBCdecay, sgd}) {
    CAPTURE(static_cast<int>(config));
    CHECK(rule_of("Lambda_bar", config, true).group == rule_of("Lambda_re", config, true).group);
    CHECK(rule_of("B_bar", config, true).group == rule_of("B", config, true).group);
    ParameterSet set;
    for (const char* leaf : {"Lambda_re", "Lambda_im", "log_step", "Lambda_bar"})
      set.add("l.ssm." + std::string(leaf), Tensor(1, 2, 3.0F));
    set.add("l.ssm.B", Tensor(1, 2, 3.0F));
    OptimizerSettings settings;
    settings.groups = s5_groups(config, true, true);
    settings.method = method_of(config);
    Optimizer optimizer(set.list, settings);
    for (int step = 0; step < 3; ++step) optimizer.step(set.list, std::vector<float>(10, 1.0F), 0.1, 0.1);
    for (std::size_t k = 0; k < 4; ++k) CHECK(set.storage[k].value.data == std::vector<float>(2, 3.0F));
    CHECK(set.storage[4].value.data[0] != 3.0F);
    CHECK(optimizer.table().find("l.ssm.log_step            2  frozen   0       0\n") != std::string::npos);
  }
}

}  // namespace
}  // namespace bitstate::tests::s5_groups_test

#include "autograd/optimizer.h"
#include "core/error.h"
#include "core/random.h"
#include "models/models.h"
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

/// Parameters with consecutive places, and their list.
struct ParameterSet {
  std::deque<Parameter> storage;
  std::vector<NamedParameter> list;
  std::size_t size = 0;

  void add(std::string name, Tensor value) {
    storage.push_back({std::move(value), size});
    size += storage.back().value.size();
    list.push_back({std::move(name), &storage.back()});
  }
};

ParameterRule rule_of(std::string_view leaf, OptConfig config, bool dt_global) {
  Parameter parameter{Tensor(1, 3), 0};
  OptimizerSettings settings;
  settings.opt_config = config;
  settings.dt_global = dt_global;
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

TEST_CASE("optimizer: the four opt_configs put every leaf in the reference's group") {
  using enum OptConfig;
  const std::array<OptConfig, 4> configs = {standard, BandCdecay, BfastandCdecay, noBCdecay};
  for (const auto& [leaf, groups] : leaf_groups) {
    for (std::size_t k = 0; k < configs.size(); ++k) {
      const std::string expected = groups[k];
      const auto rule = rule_of(leaf, configs[k], false);
      const std::string& name = leaf;
      CAPTURE(name);
      CAPTURE(k);
      CHECK(rule.group == expected);
      CHECK(rule.ssm_rate == (expected != "regular"));
      CHECK(rule.decay == (expected == "ssm" ? 0.0 : 0.05));
      CHECK(rule_of(leaf, configs[k], true).group == (leaf == "log_step" ? "regular" : expected));
    }
  }
}

TEST_CASE("optimizer: the leaves whose groups are tested are those of the models") {
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

TEST_CASE("optimizer: three steps equal the reference's three AdamW steps") {
  const Golden golden;
  const auto models = golden.groups(GoldenKind::model);
  REQUIRE(!models.empty());
  for (const auto& group : models) {
    OptimizerSettings settings;
    settings.opt_config = opt_config_of(golden.text(group, "opt_config"));
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

TEST_CASE("optimizer: many steps on changing gradients follow the definition in double precision") {
  constexpr std::size_t n = 37;
  const Random random{7, random_stream("optimizer_test")};
  ParameterSet set;
  set.add("layers.0.ssm.Lambda_re", Tensor(1, n));
  set.add("decoder.weight", Tensor(1, n));
  std::vector<double> p(2 * n);
  std::vector<double> m(2 * n, 0.0);
  std::vector<double> v(2 * n, 0.0);
  for (std::size_t i = 0; i < 2 * n; ++i) {
    const auto value = static_cast<float>(random.normal(i));
    set.storage[i / n].value.data[i % n] = value;
    p[i] = value;
  }
  OptimizerSettings settings;
  settings.weight_decay = 0.1;
  Optimizer optimizer(set.list, settings);
  std::vector<float> gradient(2 * n);
  for (std::size_t step = 1; step <= 200; ++step) {
    const double lr = 1e-2 / static_cast<double>(step);
    for (std::size_t i = 0; i < 2 * n; ++i) {
      gradient[i] = static_cast<float>(random.normal(1000 * step + i));
      const double g = gradient[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      const double direction = m[i] / (1.0 - std::pow(0.9, static_cast<double>(step))) /
                               (std::sqrt(v[i] / (1.0 - std::pow(0.999, static_cast<double>(step)))) + 1e-8);
      p[i] -= i < n ? 0.25 * lr * direction : lr * (direction + 0.1 * p[i]);
    }
    optimizer.step(set.list, gradient, lr, 0.25 * lr);
  }
  CHECK(optimizer.steps == 200);
  CHECK(relative_error(std::span<const float>(set.storage[0].value.data), std::span(p).first(n)) <= 1e-5);
  CHECK(relative_error(std::span<const float>(set.storage[1].value.data), std::span(p).last(n)) <= 1e-5);
  CHECK(relative_error(std::span<const float>(optimizer.m), m) <= 1e-5);
  CHECK(relative_error(std::span<const float>(optimizer.v), v) <= 1e-5);
}

TEST_CASE("optimizer: state copied into a new optimizer continues with equal bits") {
  const auto make = [] {
    ParameterSet set;
    set.add("layers.0.ssm.B", Tensor(5, 7, 0.5F));
    set.add("encoder.weight", Tensor(3, 11, -0.25F));
    return set;
  };
  const auto gradient_of = [](std::size_t step) {
    std::vector<float> gradient(35 + 33);
    const Random random{1, step};
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = static_cast<float>(random.normal(i));
    return gradient;
  };
  ParameterSet whole = make();
  Optimizer straight(whole.list, {});
  for (std::size_t step = 0; step < 10; ++step) straight.step(whole.list, gradient_of(step), 1e-2, 1e-3);

  ParameterSet halved = make();
  Optimizer first(halved.list, {});
  for (std::size_t step = 0; step < 4; ++step) first.step(halved.list, gradient_of(step), 1e-2, 1e-3);
  Optimizer second(halved.list, {});
  second.m = first.m;
  second.v = first.v;
  second.steps = first.steps;
  for (std::size_t step = 4; step < 10; ++step) second.step(halved.list, gradient_of(step), 1e-2, 1e-3);
  for (std::size_t k = 0; k < 2; ++k) {
    const auto& a = whole.storage[k].value.data;
    const auto& b = halved.storage[k].value.data;
    CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("optimizer: a zero gradient moves only what decays") {
  ParameterSet set;
  set.add("layers.0.ssm.Lambda_im", Tensor(1, 4, 2.0F));
  set.add("layers.0.norm.scale", Tensor(1, 4, 2.0F));
  Optimizer optimizer(set.list, {});
  optimizer.step(set.list, std::vector<float>(8, 0.0F), 0.1, 0.1);
  CHECK(set.storage[0].value.data[3] == 2.0F);
  CHECK(set.storage[1].value.data[3] == doctest::Approx(2.0 * (1.0 - 0.1 * 0.05)));
}

TEST_CASE("optimizer: qaft is SGD with momentum 0.9 at the rates of standard, without decay") {
  ParameterSet set;
  set.add("layers.0.ssm.B", Tensor(1, 1, 1.0F));
  set.add("encoder.weight", Tensor(1, 1, 1.0F));
  OptimizerSettings settings;
  settings.opt_config = opt_config_of("qaft");
  Optimizer optimizer(set.list, settings);
  // m: 2, 0.9 * 2 - 1 = 0.8, 0.9 * 0.8 + 0 = 0.72; p = 1 - rate (2 + 0.8 + 0.72)
  for (const float g : {2.0F, -1.0F, 0.0F}) optimizer.step(set.list, std::vector<float>(2, g), 0.1, 0.01);
  CHECK(set.storage[0].value.data[0] == doctest::Approx(1.0 - 0.01 * 3.52));
  CHECK(set.storage[1].value.data[0] == doctest::Approx(1.0 - 0.1 * 3.52));
  CHECK(optimizer.m[0] == doctest::Approx(0.72));
  CHECK(optimizer.v == std::vector<float>(2, 0.0F));
  for (const auto& rule : optimizer.rules()) CHECK(rule.decay == 0.0);
}

TEST_CASE("optimizer: a discrete A and B learn as Lambda and B do, and a frozen A keeps its bits") {
  using enum OptConfig;
  for (const OptConfig config : {standard, BandCdecay, BfastandCdecay, noBCdecay, qaft}) {
    CAPTURE(static_cast<int>(config));
    CHECK(rule_of("Lambda_bar", config, true).group == rule_of("Lambda_re", config, true).group);
    CHECK(rule_of("B_bar", config, true).group == rule_of("B", config, true).group);
    ParameterSet set;
    for (const char* leaf : {"Lambda_re", "Lambda_im", "log_step", "Lambda_bar"}) set.add(leaf, Tensor(1, 2, 3.0F));
    set.add("B", Tensor(1, 2, 3.0F));
    OptimizerSettings settings;
    settings.opt_config = config;
    settings.dt_global = true;
    settings.freeze_a = true;
    Optimizer optimizer(set.list, settings);
    for (int step = 0; step < 3; ++step) optimizer.step(set.list, std::vector<float>(10, 1.0F), 0.1, 0.1);
    for (std::size_t k = 0; k < 4; ++k) CHECK(set.storage[k].value.data == std::vector<float>(2, 3.0F));
    CHECK(set.storage[4].value.data[0] != 3.0F);
    CHECK(optimizer.table().find("log_step            2  frozen   0       0\n") != std::string::npos);
  }
}

TEST_CASE("optimizer: the table names each parameter with its group, rate and decay") {
  ParameterSet set;
  set.add("layers.0.ssm.Lambda_re", Tensor(1, 4));
  set.add("decoder.bias", Tensor(1, 10));
  const std::string table = Optimizer(set.list, {}).table();
  CHECK(table.find("layers.0.ssm.Lambda_re          4  ssm      ssm_lr  0\n") != std::string::npos);
  CHECK(table.find("decoder.bias                   10  regular  lr      0.05\n") != std::string::npos);
}

TEST_CASE("optimizer: overlapping places, short gradients, other parameters and unknown configs are errors") {
  ParameterSet set;
  set.add("a.B", Tensor(2, 2));
  set.add("a.D", Tensor(1, 2));
  Optimizer optimizer(set.list, {});
  CHECK_THROWS_AS(optimizer.step(set.list, std::vector<float>(5), 0.1, 0.1), Error);
  CHECK_THROWS_AS(optimizer.step(std::span(set.list).first(1), std::vector<float>(6), 0.1, 0.1), Error);
  set.list[1].name = "b.D";
  CHECK_THROWS_AS(optimizer.step(set.list, std::vector<float>(6), 0.1, 0.1), Error);
  set.storage[1].offset = 3;
  CHECK_THROWS_AS(Optimizer(set.list, {}), Error);
  CHECK_THROWS_AS(opt_config_of("Standard"), UsageError);
  CHECK(opt_config_of("BfastandCdecay") == OptConfig::BfastandCdecay);
}

}  // namespace
}  // namespace bitstate::tests

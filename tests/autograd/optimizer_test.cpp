#include "autograd/optimizer.h"
#include "core/error.h"
#include "core/random.h"
#include "tests/support/golden.h"
#include "tests/support/models/parameter_set.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace bitstate::tests::optimizer_test {
namespace {

constexpr Group slow{"slow", Rate::second, false, "slow_lr"};
constexpr Group decaying{"decaying", Rate::second, true, "slow_lr"};

const std::vector<GroupRule> some_groups{{"*.ssm.Lambda_*", slow}, {"*.ssm.B", slow}};

OptimizerSettings settings_with(std::vector<GroupRule> groups) {
  OptimizerSettings settings;
  settings.groups = std::move(groups);
  return settings;
}

TEST_CASE("optimizer: the last row that matches a name says its group; learned ranges and all others have theirs") {
  const OptimizerSettings settings =
      settings_with({{"*.a", slow}, {"x.*", decaying}, {"*.y.a", frozen_group}, {"act:z.log_range", regular_group}});
  const auto rule_of = [&](const char* name) {
    Parameter parameter{Tensor(1, 3), 0};
    return parameter_rule({name, &parameter}, settings);
  };
  CHECK(rule_of("w.a").group == slow);
  CHECK(rule_of("x.a").group == decaying);
  CHECK(rule_of("x.y.a").group == frozen_group);
  CHECK(rule_of("w.aa").group == regular_group);
  CHECK(rule_of("weight:w.log_range").group == range_group);
  CHECK(rule_of("act:z.log_range").group == regular_group);
  CHECK(rule_of("w.a").decay == 0.0);
  CHECK(rule_of("x.a").decay == 0.05);
  CHECK(rule_of("w").decay == 0.05);
}

TEST_CASE("optimizer: what is frozen keeps its bits") {
  ParameterSet set;
  set.add("a.x", Tensor(1, 2, 3.0F));
  set.add("b.x", Tensor(1, 2, 3.0F));
  for (const Method method : {Method::adamw, Method::sgd}) {
    OptimizerSettings settings = settings_with({{"a.*", frozen_group}});
    settings.method = method;
    Optimizer optimizer(set.list, settings);
    optimizer.step(set.list, std::vector<float>(4, 1.0F), 0.1, 0.1);
    CHECK(set.storage[0].value.data == std::vector<float>(2, 3.0F));
    CHECK(set.storage[1].value.data[0] != 3.0F);
    CHECK(optimizer.table().find("a.x                2  frozen   0       0\n") != std::string::npos);
  }
}

TEST_CASE("optimizer: a gradient beyond the largest norm is scaled down to it, whatever is frozen") {
  const auto step = [](std::vector<float> gradient) {
    ParameterSet set;
    for (const char* name : {"a.x", "b.x", "c.x"}) set.add(name, Tensor(1, 1));
    OptimizerSettings settings = settings_with({{"c.*", frozen_group}});
    settings.method = Method::sgd;
    settings.clip = 2.5;
    Optimizer optimizer(set.list, settings);
    optimizer.step(set.list, gradient, 1.0, 1.0);
    return std::vector<float>{set.storage[0].value.data[0], set.storage[1].value.data[0]};
  };
  CHECK(step({3.0F, 4.0F, 100.0F}) == std::vector<float>{-1.5F, -2.0F});
  CHECK(step({0.75F, -1.0F, 100.0F}) == std::vector<float>{-0.75F, 1.0F});
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
  OptimizerSettings settings = settings_with(some_groups);
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
  Optimizer straight(whole.list, settings_with(some_groups));
  for (std::size_t step = 0; step < 10; ++step) straight.step(whole.list, gradient_of(step), 1e-2, 1e-3);

  ParameterSet halved = make();
  Optimizer first(halved.list, settings_with(some_groups));
  for (std::size_t step = 0; step < 4; ++step) first.step(halved.list, gradient_of(step), 1e-2, 1e-3);
  Optimizer second(halved.list, settings_with(some_groups));
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
  Optimizer optimizer(set.list, settings_with(some_groups));
  optimizer.step(set.list, std::vector<float>(8, 0.0F), 0.1, 0.1);
  CHECK(set.storage[0].value.data[3] == 2.0F);
  CHECK(set.storage[1].value.data[3] == doctest::Approx(2.0 * (1.0 - 0.1 * 0.05)));
}

TEST_CASE("optimizer: SGD has momentum 0.9 and no decay") {
  ParameterSet set;
  set.add("layers.0.ssm.B", Tensor(1, 1, 1.0F));
  set.add("encoder.weight", Tensor(1, 1, 1.0F));
  OptimizerSettings settings = settings_with(some_groups);
  settings.method = Method::sgd;
  Optimizer optimizer(set.list, settings);
  // m: 2, 0.9 * 2 - 1 = 0.8, 0.9 * 0.8 + 0 = 0.72; p = 1 - rate (2 + 0.8 + 0.72)
  for (const float g : {2.0F, -1.0F, 0.0F}) optimizer.step(set.list, std::vector<float>(2, g), 0.1, 0.01);
  CHECK(set.storage[0].value.data[0] == doctest::Approx(1.0 - 0.01 * 3.52));
  CHECK(set.storage[1].value.data[0] == doctest::Approx(1.0 - 0.1 * 3.52));
  CHECK(optimizer.m[0] == doctest::Approx(0.72));
  CHECK(optimizer.v == std::vector<float>(2, 0.0F));
  for (const auto& rule : optimizer.rules()) CHECK(rule.decay == 0.0);
}

TEST_CASE("optimizer: the table names each parameter with its group, rate and decay") {
  ParameterSet set;
  set.add("layers.0.ssm.Lambda_re", Tensor(1, 4));
  set.add("decoder.bias", Tensor(1, 10));
  const std::string table = Optimizer(set.list, settings_with(some_groups)).table();
  CHECK(table.find("layers.0.ssm.Lambda_re          4  slow     slow_lr  0\n") != std::string::npos);
  CHECK(table.find("decoder.bias                   10  regular  lr      0.05\n") != std::string::npos);
}

TEST_CASE("optimizer: overlapping places, short gradients, and other parameters are errors") {
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
}

}  // namespace
}  // namespace bitstate::tests::optimizer_test

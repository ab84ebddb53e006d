// Transforms of a trained model: their order, how a list names them, and what each does.
#include "core/error.h"
#include "experiments/posttraining/balance.h"
#include "experiments/training/named_rules.h"
#include "models/s5/models.h"
#include "tests/experiments/training/lorenz_rig.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {
namespace {

struct TransformRig : tests::LorenzRig {
  using LorenzRig::LorenzRig;

  void apply(const std::vector<TransformStep>& steps, std::size_t batches) {
    const CalibrationData data_of_calibration = calibration(batches, true);
    apply_transforms(steps, {model, inventory, runner, data_of_calibration, workers});
  }
};

struct Shift {
  std::size_t by = 1;
  double at = 0.5;
};

std::vector<std::string> applied;

/// A transform `name` with options that says what it is applied with.
Transform shift(const std::string& name, bool needs_calibration = false) {
  OptionTable<Shift> options(name);
  options.whole(name + ".by", "STEPS", &Shift::by, 0, 9, "how far");
  options.real(name + ".at", "PART", &Shift::at, {0.0, 1.0}, "where");
  return transform_of<Shift>({.name = name, .needs_calibration = needs_calibration}, options,
                             [](const TransformTarget&, const Shift& options_given) {
                               applied.push_back(fmt::format("{} at {}", options_given.by, options_given.at));
                             });
}

TEST_CASE("transforms: they are applied in the order of the list, each with its options") {
  const Transform plain = shift("plain");
  const Transform looking = shift("looking", true);
  TransformRig rig("");
  applied.clear();
  rig.apply({looking.step(looking, {}), plain.step(plain, {{"by", "3"}, {"at", "0.25"}}), looking.step(looking, {})},
            1);
  CHECK(applied == std::vector<std::string>{"1 at 0.5", "3 at 0.25", "1 at 0.5"});
  applied.clear();
  rig.apply({plain.step(plain, {})}, 0);
  CHECK_THROWS_WITH_AS(rig.apply({looking.step(looking, {})}, 0),
                       "[looking] needs calibration batches, but there are 0", UsageError);
  CHECK(applied.size() == 1);
}

TEST_CASE("transforms: a step is written with the options that are not at their defaults, and refuses bad values") {
  const Transform transform = shift("shift");
  REQUIRE(transform.options.size() == 2);
  CHECK(transform.options[0].name == "by");
  CHECK(transform.options[0].value == "1");
  CHECK(transform.step(transform, {}).text == "shift");
  CHECK(transform.step(transform, {{"by", "1"}, {"at", "0.5"}}).text == "shift");
  CHECK(transform.step(transform, {{"at", "0.25"}, {"by", "2"}}).text == "shift(by=2, at=0.25)");
  CHECK_THROWS_WITH_AS(transform.step(transform, {{"by", "10"}}),
                       "[shift.by] expected a whole number from 0 to 9, got \"10\"", UsageError);
}

TEST_CASE("transforms: a list is of names that exist, each of them once, with options that they have") {
  const auto texts = [](std::string_view list) {
    std::vector<std::string> all;
    for (const TransformStep& step : transform_steps(list)) all.push_back(step.text);
    return all;
  };
  using Texts = std::vector<std::string>;
  CHECK(texts("").empty());
  for (const Transform& transform : all_transforms()) CHECK(texts(transform.name) == Texts{transform.name});
  CHECK(texts(" balance ( limit = 4 ) ,") == Texts{"balance(limit=4)"});
  CHECK(texts("balance()") == Texts{"balance"});
  CHECK(texts("balance(limit=60)") == Texts{"balance"});
  const auto refusal = [&](std::string_view list) { return tests::error_of<UsageError>([&] { texts(list); }); };
  CHECK(refusal("balanse").find("[transforms] there is no transform \"balanse\"") == 0);
  CHECK(refusal("balance, balance(limit=2)") == "[transforms] names balance twice");
  CHECK(refusal("balance(limt=4)").find("[transforms] there is no option of balance called \"limt\"") == 0);
  CHECK(refusal("balance(limit=61)") == "[balance.limit] expected a whole number from 1 to 60, got \"61\"");
  CHECK(refusal("balance(limit)") == "[transforms] balance: expected option=value, got \"limit\"");
  CHECK(refusal("balance(limit=4, limit=5)") == "[transforms] balance: gives limit twice");
  CHECK(refusal("balance(limit=4") == "[transforms] a parenthesis is not closed in \"balance(limit=4\"");
  CHECK(refusal("balance)") == "[transforms] expected name(option=value, ...), ..., got \"balance)\"");
  CHECK(refusal("balance(limit=4)balance") ==
        "[transforms] expected a comma after the parenthesis of balance, got \"balance(limit=4)balance\"");
}

TEST_CASE("balance: its limit is on the factor of every state") {
  const auto factor_of_large_state = [](std::string_view list) {
    TransformRig rig("");
    Tensor& b = ssms(rig.model).front()->B.value;
    for (std::size_t h = 0; h < b.cols; ++h) b(0, h) *= 1024.0F;  // its other states are far below
    const float before = b(0, 0);
    rig.apply(transform_steps(list), 1);
    return b(0, 0) / before;
  };
  CHECK(factor_of_large_state("balance") < 0.25F);
  CHECK(factor_of_large_state("balance(limit=2)") == 0.25F);
  CHECK(factor_of_large_state("balance(limit=1)") == 0.5F);
}

TEST_CASE("balance: the states that calibration sees come within a factor 2, and rules and ranges stay") {
  TransformRig rig(named_rules("w8a8") + "weight:decoder 8 range=stored");
  Quantizer& decoder = rig.model.as<S5Regressor>()->decoder.weight_quantizer;
  decoder.range = {0.25F};
  std::vector<QuantSpec> specs;
  for (const Quantizer* site : rig.inventory.quantizers) specs.push_back(site->spec);
  rig.apply(transform_steps("balance"), 3);
  for (std::size_t i = 0; i < specs.size(); ++i) CHECK(rig.inventory.quantizers[i]->spec == specs[i]);
  CHECK(decoder.range == std::vector<float>{0.25F});

  quantize_sites(rig.inventory,
                 QuantConfig::parse("weight:*.ssm.B 8 range=stored\nweight:decoder 8 range=stored", "test"));
  Quantizer& b = ssms(rig.model).front()->b_quantizer;
  b.range = decoder.range = {0.25F};
  rig.apply(transform_steps("balance"), 3);
  CHECK(b.range.empty());  // it belonged to numbers that are scaled now
  CHECK(decoder.range == std::vector<float>{0.25F});

  quantize_sites(rig.inventory, QuantConfig::parse("state:* 16 range=ema granularity=channel rate=0.001", "test"));
  calibrate(rig.runner, rig.inventory, rig.calibration(1, true));
  for (const S5SSM* ssm : ssms(rig.model)) {
    const auto& range = ssm->state_quantizer.range;
    REQUIRE(range.size() == 4);
    const auto [low, high] = std::minmax_element(range.begin(), range.end());
    CHECK(*high / *low < 3.0F);  // the first batch's maxima are not those of all three
  }
  CHECK_THROWS_WITH_AS(rig.apply(transform_steps("balance"), 0), doctest::Contains("[balance]"), UsageError);
}

}  // namespace
}  // namespace bitstate

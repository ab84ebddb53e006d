// Transforms of a trained model: what each promises, their order, and how a run names them.
#include "core/error.h"
#include "core/io/hdf5.h"
#include "experiments/posttraining/balance.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/train.h"
#include "models/s5/models.h"
#include "tests/experiments/training/lorenz_rig.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

using tests::small_lorenz;

struct TransformRig : tests::LorenzRig {
  using LorenzRig::LorenzRig;

  void apply(const std::vector<const Transform*>& transforms, std::size_t batches) {
    const CalibrationData calibration{*data.train, order, c.training.bsz, batches, true};
    apply_transforms(transforms, {model, inventory, runner, calibration});
  }
};

std::vector<std::string> applied;

TEST_CASE("transforms: they are applied in the order of the list") {
  const Transform first{"first", "", Transform::Needs::nothing, true,
                        [](const TransformTarget&) { applied.emplace_back("first"); }};
  const Transform second{"second", "", Transform::Needs::gradients, false,
                         [](const TransformTarget&) { applied.emplace_back("second"); }};
  TransformRig rig(Settings{});
  applied.clear();
  rig.apply({&second, &first, &second}, 1);
  CHECK(applied == std::vector<std::string>{"second", "first", "second"});
  applied.clear();
  rig.apply({&first}, 0);
  CHECK_THROWS_WITH_AS(rig.apply({&second}, 0), "[second] needs calibration batches, but there are 0", UsageError);
  CHECK(applied == std::vector<std::string>{"first"});
}

TEST_CASE("transforms: a list is of names that exist, each of them once") {
  const auto named = [](const std::vector<std::string>& names) { return bitstate::transforms_of(names); };
  CHECK(named({}).empty());
  for (const Transform& transform : all_transforms()) {
    CHECK(named({std::string(transform.name)}) == std::vector<const Transform*>{&transform});
  }
  CHECK_THROWS_WITH_AS(named({"balanse"}), doctest::Contains("[transforms] there is no transform \"balanse\""),
                       UsageError);
  CHECK_THROWS_WITH_AS(named({"balance", "balance"}), "[transforms] names balance twice", UsageError);
}

TEST_CASE("transforms: one that says so changes weights and keeps the outputs of the float model, bit for bit") {
  const tests::TempFolder folder;
  const double loss = train(small_lorenz({}, folder / "source")).test_loss;
  const auto b = [](const std::filesystem::path& run) {
    return Hdf5Reader(run / "best.h5").read<float>("parameters/layers.0.ssm.B").values;
  };
  for (const Transform& transform : all_transforms()) {
    CAPTURE(transform.name);
    const auto run = [&](const std::string& out, const std::string& transforms, const std::string& quant) {
      const RunConfig c = small_lorenz({{"from", (folder / "source").string()},
                                        {"epochs", "0"},
                                        {"calibration_batches", "2"},
                                        {"transforms", transforms},
                                        {"quant", quant}},
                                       folder / (std::string(transform.name) + out));
      const TrainResult result = train(c);
      CHECK(evaluate(c, c.run.out).test_loss == result.test_loss);
      return result.test_loss;
    };
    const std::string name(transform.name);
    CHECK((run("float", name, "none") == loss) == transform.keeps_float_output);
    CHECK(b(folder / (name + "float")) != b(folder / "source"));
    CHECK(run("w8a8", name, "w8a8") != run("plain", "", "w8a8"));
  }
}

TEST_CASE("transforms: balance, the old option, is the first of the list, under the name that runs had") {
  const tests::TempFolder folder;
  train(small_lorenz({}, folder / "source"));
  const auto with = [&](const Settings& options) {
    Settings all{{"from", (folder / "source").string()}};
    all.insert(all.end(), options.begin(), options.end());
    return small_lorenz(all, folder / "run");
  };
  const RunConfig old = with({{"balance", "true"}});
  CHECK(kept_settings(with({{"transforms", "balance"}})) == kept_settings(old));
  CHECK(settings_hash(with({{"transforms", "balance"}})) == settings_hash(old));
  CHECK(kept_settings(with({{"balance", "true"}, {"transforms", " balance "}})) == kept_settings(old));
  CHECK(settings_hash(with({{"balance", "false"}})) == settings_hash(with({})));
  CHECK(settings_hash(with({{"transforms", ""}})) == settings_hash(with({})));
  CHECK(settings_hash(old) != settings_hash(with({})));
  CHECK(settings_hash(with({{"balance", "true"}, {"transforms", "none"}})) == settings_hash(with({})));
  CHECK(kept_settings(with({{"balance", "true"}, {"transforms", ""}})) == kept_settings(old));
  CHECK(tests::error_of<UsageError>([] { small_lorenz({{"balance", "true"}}); }).find("[balance]") == 0);
  CHECK(tests::error_of<UsageError>([] { small_lorenz({{"transforms", "balance"}}); }).find("[balance]") == 0);
  CHECK(tests::error_of<UsageError>([&] { with({{"transforms", "nothing"}}); }).find("[transforms]") == 0);
  CHECK(tests::error_of<UsageError>([&] {
          with({{"transforms", "balance"}, {"calibration_batches", "0"}});
        }).find("[balance]") == 0);
}

TEST_CASE("balance: the states that calibration sees come within a factor 2, and rules and ranges stay") {
  TransformRig rig({{"quant", "w8a8"}, {"bits", "weight:decoder 8 range=stored"}});
  Quantizer& decoder = rig.model.as<S5Regressor>()->decoder.weight_quantizer;
  decoder.range = {0.25F};
  std::vector<QuantSpec> specs;
  for (const Quantizer* site : rig.inventory.quantizers) specs.push_back(site->spec);
  rig.apply({&balance_transform}, 3);
  for (std::size_t i = 0; i < specs.size(); ++i) CHECK(rig.inventory.quantizers[i]->spec == specs[i]);
  CHECK(decoder.range == std::vector<float>{0.25F});

  quantize_sites(rig.inventory,
                 QuantConfig::parse("weight:*.ssm.B 8 range=stored\nweight:decoder 8 range=stored", "test"));
  Quantizer& b = ssms(rig.model).front()->b_quantizer;
  b.range = decoder.range = {0.25F};
  rig.apply({&balance_transform}, 3);
  CHECK(b.range.empty());  // it belonged to numbers that are scaled now
  CHECK(decoder.range == std::vector<float>{0.25F});

  quantize_sites(rig.inventory, QuantConfig::parse("state:* 16 range=ema granularity=channel rate=0.001", "test"));
  calibrate(rig.runner, rig.inventory, {*rig.data.train, rig.order, rig.c.training.bsz, 1, true});
  for (const S5SSM* ssm : ssms(rig.model)) {
    const auto& range = ssm->state_quantizer.range;
    REQUIRE(range.size() == 4);
    const auto [low, high] = std::minmax_element(range.begin(), range.end());
    CHECK(*high / *low < 3.0F);  // the first batch's maxima are not those of all three
  }
  CHECK_THROWS_WITH_AS(rig.apply({&balance_transform}, 0), doctest::Contains("[balance]"), UsageError);
}

}  // namespace
}  // namespace bitstate::experiments

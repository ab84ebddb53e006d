#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "core/io/units_file.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/train.h"
#include "models/s5/models.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

/// A quantized model with batch normalization and everything that a checkpoint holds, set to values that depend on
/// `seed`.
struct Saved {
  RunConfig config = load_run_config(
      "lorenz-small", {{"quant", "w8a8"}, {"trajectories", "20"}, {"bits", "weight:decoder 8 range=stored"}});
  RunIdentity identity{format_ini(settings(config)), quant_rules(config)};
  Model model = make_model(config, load_data(config));
  Inventory inventory = take_inventory(model);
  Optimizer optimizer{inventory.parameters, {}};
  Progress progress;

  explicit Saved(float seed) {
    apply_quantization(config, inventory);
    for (auto& entry : inventory.parameters) entry.parameter->value.data[0] += seed;
    for (auto& entry : inventory.buffers) entry.buffer->value.data[0] += seed;
    for (Quantizer* quantizer : inventory.quantizers) quantizer->range.assign(quantizer->range_count(), seed);
    for (std::size_t i = 0; i < optimizer.m.size(); ++i) optimizer.m[i] = optimizer.v[i] = seed + static_cast<float>(i);
    optimizer.steps = static_cast<std::uint64_t>(seed);
    progress = {3, 4, 0.5, 0.25, 0.125, 2, 10.0, 99, "{}\n"};
  }
  Saved(const Saved&) = delete;
};

TEST_CASE("checkpoint: everything comes back, bit for bit") {
  const tests::TempFolder folder;
  const Saved saved(7.0F);
  save_checkpoint(folder / "c.h5", saved.identity, saved.progress, saved.inventory, &saved.optimizer);
  Saved loaded(1.0F);
  REQUIRE(weights_digest(loaded.inventory) != weights_digest(saved.inventory));
  const Progress progress = load_checkpoint(folder / "c.h5", loaded.identity, loaded.inventory, &loaded.optimizer);
  CHECK(weights_digest(loaded.inventory) == weights_digest(saved.inventory));
  CHECK(loaded.model.as<S5Regressor>()->decoder.weight_quantizer.range == std::vector<float>{7.0F});  // stored
  CHECK(loaded.optimizer.m == saved.optimizer.m);
  CHECK(loaded.optimizer.v == saved.optimizer.v);
  CHECK(loaded.optimizer.steps == 7);
  CHECK(progress.epoch == 3);
  CHECK(progress.step == 4);
  CHECK(progress.loss_sum == 0.5);
  CHECK(progress.best == 0.25);
  CHECK(progress.best_loss == 0.125);
  CHECK(progress.best_epoch == 2);
  CHECK(progress.tokens == 99);
  CHECK(progress.metrics == "{}\n");
}

TEST_CASE(
    "checkpoint: units come back in the precision that they standardise in, those of earlier versions in single") {
  const tests::TempFolder folder;
  Saved saved(7.0F);
  const datasets::Units twice{{0.1, 1e9}, {0.3, 1e-3}};
  const datasets::Units single{{double{0.1F}}, {double{0.3F}}, true};
  for (const auto& reading : {datasets::Reading{twice, single, "x"}, {single, twice, ""}, {{}, {}, ""}}) {
    saved.identity.reading = reading;
    save_checkpoint(folder / "c.h5", saved.identity, saved.progress, saved.inventory, &saved.optimizer);
    CHECK(trained_on(folder / "c.h5").reading == reading);
  }
}

TEST_CASE("checkpoint: names of classes come back, as many as there are classes") {
  const tests::TempFolder folder;
  Saved saved(7.0F);
  saved.identity.reading.outputs = 3;
  saved.identity.reading.classes = {"-1", "left, \"up\"", "zu"};
  save_checkpoint(folder / "c.h5", saved.identity, saved.progress, saved.inventory, &saved.optimizer);
  CHECK(trained_on(folder / "c.h5").reading == saved.identity.reading);
  saved.identity.reading.outputs = 4;
  save_checkpoint(folder / "c.h5", saved.identity, saved.progress, saved.inventory, &saved.optimizer);
  CHECK_THROWS_WITH_AS(trained_on(folder / "c.h5"), doctest::Contains("names 3 classes, but there are 4"), Error);
}

/// What a file of this format says of its rules.
std::string rules_in(std::int64_t version, const std::string& rules) {
  const tests::TempFolder folder;
  Hdf5Writer writer(folder / "c.h5");
  writer.write_scalar("version", version);
  writer.write_text("rules", rules);
  for (const char* const text : {"settings", "source", "data/digest", "data/vocabulary"}) writer.write_text(text, "");
  for (const char* const size : {"data/inputs", "data/outputs"}) writer.write_scalar(size, std::uint64_t{1});
  for (const char* const units : {"data/input_units/", "data/target_units/"}) write_units(writer, units, {});
  writer.commit();
  return identity_in(folder / "c.h5").rules;
}

TEST_CASE("checkpoint: rules of an earlier format keep the split of an eigenvalue's bits that they had") {
  const std::string rules = "a.A 8 form=log-polar\nb.A 6 form=log-polar\nc.A 4 form=log-polar\n";
  const std::string others = "d.A 8 form=log-polar phase=9\ne.A 8 form=polar\n";
  CHECK(rules_in(5, rules + others) == rules + others);
  CHECK(rules_in(4, rules + others) ==
        "a.A 8 form=log-polar magnitude=4\nb.A 6 form=log-polar magnitude=3\nc.A 4 form=log-polar magnitude=3\n" +
            others);
  CHECK(rules_in(3, rules + others) ==
        "a.A 8 form=log-polar magnitude=7\nb.A 6 form=log-polar magnitude=5\nc.A 4 form=log-polar magnitude=3\n" +
            others);
}

TEST_CASE("checkpoint: other settings, other rules and other sizes are refused by name") {
  const tests::TempFolder folder;
  Saved saved(7.0F);
  save_checkpoint(folder / "c.h5", saved.identity, saved.progress, saved.inventory, &saved.optimizer);
  RunConfig config = saved.config;
  config.training.optimizer.weight_decay = 0.5;
  CHECK_THROWS_WITH_AS(check_identity(folder / "c.h5", {format_ini(settings(config)), saved.identity.rules}),
                       doctest::Contains("weight_decay"), Error);
  CHECK_THROWS_WITH_AS(check_identity(folder / "c.h5", {saved.identity.settings, "weight:* 2\n"}),
                       doctest::Contains("rules"), Error);
  saved.inventory.parameters[0].parameter->value = Tensor(5, 5);
  CHECK_THROWS_WITH_AS(load_checkpoint(folder / "c.h5", saved.identity, saved.inventory, &saved.optimizer),
                       doctest::Contains("parameters/"), Error);
}

TEST_CASE("checkpoint: a flipped bit is an error or changes nothing, never another run") {
  const tests::TempFolder folder;
  const Saved saved(7.0F);
  save_checkpoint(folder / "c.h5", saved.identity, saved.progress, saved.inventory, &saved.optimizer);
  const std::string bytes = read_file(folder / "c.h5", std::size_t{1} << 24);
  const std::string digest = weights_digest(saved.inventory);
  std::size_t errors = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 61) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    tests::write_quickly(folder / "d.h5", damaged);
    Saved loaded(1.0F);
    try {
      const Progress progress = load_checkpoint(folder / "d.h5", loaded.identity, loaded.inventory, &loaded.optimizer);
      CAPTURE(at);
      REQUIRE(weights_digest(loaded.inventory) == digest);
      REQUIRE(loaded.optimizer.m == saved.optimizer.m);
      REQUIRE(loaded.optimizer.v == saved.optimizer.v);
      REQUIRE(progress.epoch == 3);
      REQUIRE(progress.step == 4);
    } catch (const Error&) {
      ++errors;
    }
  }
  CHECK(errors > 0);
}

TEST_CASE("model: sMNIST at Q-S5's size has the reference's 138,634 parameters, under S5's names") {
  datasets::Splits data;
  data.d_input = 1;
  data.d_output = 10;
  Model model = make_model(load_run_config("smnist", {}), data);
  const Inventory inventory = take_inventory(model);
  CHECK(inventory.parameter_count() == 138634);
  CHECK(inventory.parameters.front().name == "encoder.weight");
  CHECK(inventory.parameters.back().name == "decoder.bias");
  CHECK(inventory.parameters[4].name == "layers.0.ssm.Lambda_re");
}

TEST_CASE("training: padded sequences of full length are the unpadded ones, bit for bit") {
  const tests::TempFolder folder;
  RunConfig config = load_run_config("lorenz-small", {{"trajectories", "20"}, {"bsz", "4"}, {"epochs", "1"}});
  config.run.out = (folder / "plain").string();
  const std::string plain = train(config).weights_digest;
  config.model.s5.pad = true;
  config.run.out = (folder / "padded").string();
  CHECK(train(config).weights_digest == plain);
}

}  // namespace
}  // namespace bitstate::experiments

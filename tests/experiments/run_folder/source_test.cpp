// Runs that start from the weights of another run.
#include "experiments/run_folder/source.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/train.h"
#include "experiments/training/checkpoint.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

const Settings small_run{{"trajectories", "20"}, {"bsz", "4"}, {"epochs", "3"}};

RunConfig run_config(const Settings& options, const std::filesystem::path& out,
                     const std::string& recipe = "lorenz-small") {
  Settings all = small_run;
  if (recipe.empty()) all.clear();
  all.insert(all.end(), options.begin(), options.end());
  RunConfig c = load_run_config(recipe, all);
  c.run.out = out.string();
  c.run.threads = 2;
  return c;
}

std::vector<float> tensor(const std::filesystem::path& run, const std::string& name) {
  return Hdf5Reader(run / "best.h5").read<float>(name).values;
}

TEST_CASE("from: parameters and running statistics are those of the source, its ranges are not") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({{"quant", "w8a8"}}, source));
  const RunConfig c = run_config({{"quant", "w4a8"}, {"from", source.string()}}, folder / "unused");
  const datasets::Splits data = load_data(c);
  Model model = make_model(c, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(c, inventory);
  load_source(c, data, inventory);
  for (const auto& [name, parameter] : inventory.parameters) {
    if (name.ends_with(".log_range")) continue;
    CHECK(parameter->value.data == tensor(source, "parameters/" + name));
  }
  for (const auto& [name, buffer] : inventory.buffers) {
    CHECK(buffer->value.data == tensor(source, "buffers/" + name));
  }
  CHECK(needs_calibration(inventory));
}

TEST_CASE("from: own data are read in the units of a source that was trained on another data set") {
  const tests::TempFolder folder;
  train(run_config({{"epochs", "1"}}, folder / "source"));
  std::string rows = "a,b,c\n";
  for (int i = 0; i < 60; ++i) rows += fmt::format("{},{},{}\n", 100 + i % 7, i % 3, i % 5);
  tests::write_quickly(folder / "own.csv", rows);
  Settings own{{"dataset", "own"}, {"data", (folder / "own.csv").string()},
               {"input", "a,b,c"}, {"target", "a,b,c"},
               {"horizon", "1"},   {"window", "10"},
               {"n_layers", "1"},  {"trajectories", "1024"}};  // its default, which means nothing here
  CHECK(training_data(run_config(own, folder / "run", "")).reading.input_units.mean.size() == 3);
  own.emplace_back("from", (folder / "source").string());
  CHECK(training_data(run_config(own, folder / "run", "")).reading.input_units.mean.empty());  // as those of lorenz
}

TEST_CASE("from: stored ranges are taken over with the weights, and fine-tuning keeps them") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({{"bits", "weight:decoder 8 range=stored; weight:encoder 8 range=stored"}}, source));
  const auto stored = tensor(source, "stored/weight:decoder");
  REQUIRE(stored.size() == 1);
  const std::string rules = "weight:decoder 8 range=stored; weight:encoder 4 range=stored";
  const RunConfig c = run_config({{"bits", rules}, {"from", source.string()}}, folder / "tuned");
  const datasets::Splits data = load_data(c);
  Model model = make_model(c, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(c, inventory);
  load_source(c, data, inventory);
  for (const Quantizer* site : inventory.quantizers) {
    if (site->site == "weight:decoder") CHECK(site->range == stored);
    if (site->site == "weight:encoder") CHECK(site->range.empty());  // of other bits
  }
  REQUIRE(train(c).status == "done");
  CHECK(tensor(folder / "tuned", "stored/weight:decoder") == stored);
  CHECK(tensor(folder / "tuned", "stored/weight:encoder") != tensor(source, "stored/weight:encoder"));
  CHECK(tensor(folder / "tuned", "parameters/decoder.weight") != tensor(source, "parameters/decoder.weight"));

  const std::string digest = source_digest(source);
  for (Quantizer* site : inventory.quantizers) site->range.assign(site->range_count(), 2.0F);
  save_checkpoint(source / "best.h5", {}, {}, inventory, nullptr);
  const std::string other = source_digest(source);
  for (Quantizer* site : inventory.quantizers) site->range.assign(site->range_count(), 3.0F);
  save_checkpoint(source / "best.h5", {}, {}, inventory, nullptr);
  CHECK(source_digest(source) != other);
  CHECK(digest != other);
}

TEST_CASE("from: learned ranges of either run stay with their run") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({{"bits", "act:encoder 8 range=learned"}}, source));
  REQUIRE(Hdf5Reader(source / "best.h5").exists("parameters/act:encoder.log_range"));
  const RunConfig c =
      run_config({{"from", source.string()}, {"bits", "act:decoder 8 range=learned"}}, folder / "tuned");
  CHECK(train(c).status == "done");
}

TEST_CASE("from: the source's settings are the recipe, but not its quantization nor its own source") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({{"quant", "w8a8"}, {"a_bits", "4"}, {"bits", "state:* 9"}, {"ssm_lr_base", "0.02"}}, source));
  const RunConfig c = load_run_config("", {{"from", source.string() + "/"}, {"c_bits", "3"}});
  CHECK(c.source.from == source.string());
  CHECK(c.source.digest.size() == 64);
  CHECK(c.data.dynamics.trajectories == 20);
  CHECK(c.training.second_lr == 0.02);
  CHECK(c.quantization.quant == "none");
  CHECK_FALSE(c.model.s5.a_bits);
  CHECK(c.quantization.bits.empty());
  CHECK(c.model.s5.c_bits == 3);
  const auto middle = folder / "middle";
  train(run_config({{"from", source.string()}, {"from_lr_factor", "0.5"}, {"c_bits", "3"}}, middle, ""));
  const RunConfig next = load_run_config("", {{"from", middle.string()}});
  CHECK(next.source.from == middle.string());
  CHECK(next.source.lr_factor == 1.0);
  CHECK_FALSE(next.model.s5.c_bits);
}

TEST_CASE("from: a discrete run starts as the continuous or discrete source computes, and never turns continuous") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  const double loss = train(run_config({}, source)).test_loss;
  const auto discrete = folder / "discrete";
  const Settings untrained{{"from", source.string()}, {"epochs", "0"}, {"a_training", "discrete"}};
  CHECK(train(run_config(untrained, discrete)).test_loss == loss);
  CHECK(Hdf5Reader(discrete / "best.h5").exists("parameters/layers.0.ssm.Lambda_bar"));
  CHECK_FALSE(Hdf5Reader(discrete / "best.h5").exists("parameters/layers.0.ssm.Lambda_re"));

  RunConfig next = run_config({{"from", discrete.string()}, {"epochs", "0"}}, folder / "next", "");
  CHECK(next.model.s5.a_training == "discrete");
  CHECK(train(next).test_loss == loss);
  CHECK(evaluate(next, next.run.out).test_loss == loss);
  RunConfig trained = run_config({{"from", source.string()}, {"a_training", "discrete"}}, folder / "trained");
  CHECK(train(trained).status == "done");
  CHECK(tensor(folder / "trained", "parameters/layers.0.ssm.Lambda_bar") !=
        tensor(discrete, "parameters/layers.0.ssm.Lambda_bar"));

  next.model.s5.a_training = "continuous";
  next.run.out = (folder / "back").string();
  CHECK_THROWS_WITH_AS(train(next), doctest::Contains("holds no layers.0.ssm.Lambda_re"), UsageError);
}

TEST_CASE("from: a frozen A keeps the bits of the source while B learns, and a discrete run needs no source") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({}, source));
  train(run_config({{"from", source.string()}, {"a_training", "frozen"}, {"quant", "w8a8"}}, folder / "frozen"));
  for (const char* leaf : {"Lambda_re", "Lambda_im", "log_step"}) {
    const std::string name = std::string("parameters/layers.1.ssm.") + leaf;
    CHECK(tensor(folder / "frozen", name) == tensor(source, name));
  }
  CHECK(tensor(folder / "frozen", "parameters/layers.1.ssm.B") != tensor(source, "parameters/layers.1.ssm.B"));
  CHECK(train(run_config({{"a_training", "discrete"}}, folder / "fresh")).status == "done");
}

TEST_CASE("from: the factors apply to rate and epochs, and only with from") {
  RunConfig c = load_run_config("smnist", {{"epochs", "150"}, {"ssm_lr_base", "4e-3"}});
  c.source.from = "somewhere";
  c.source.lr_factor = 0.1;
  c.source.epochs_factor = 1.0 / 3.0;
  CHECK(epochs_of(c) == 50);
  CHECK(second_lr_of(c) == doctest::Approx(4e-4));
  c.training.epochs = 1;
  CHECK(epochs_of(c) == 1);
  c.source.from.clear();
  CHECK(epochs_of(c) == 1);
  CHECK(second_lr_of(c) == 4e-3);
  for (const char* option : {"from_lr_factor", "from_epochs_factor"}) {
    CHECK(tests::error_of<UsageError>([&] { load_run_config("smnist", {{option, "0.5"}}); }).find(option) == 1);
  }
}

TEST_CASE("from: what trains only the top layers is checked before anything is made") {
  const auto refused = [](const Settings& options, const char* sentence) {
    CHECK_THROWS_WITH_AS(load_run_config("smnist", options), doctest::Contains(sentence), UsageError);
  };
  refused({{"top_blocks", "1"}}, "[top_blocks] is only for a run that starts from another one");
  refused({{"from", "run"}, {"top_blocks", "5"}}, "[top_blocks] expected at most n_layers = 4, got \"5\"");
  refused({{"from", "run"}, {"top_blocks", "1"}, {"epochs", "0"}}, "but epochs = 0 trains none");
  refused({{"from", "run"}, {"cache_prefix", "true"}}, "[cache_prefix] is only for a run whose lower layers");
}

TEST_CASE("from: another architecture is refused by a sentence that names the tensor, and nothing is written") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({}, source));
  const auto refused = [&](const std::string& option, const std::string& value, const std::string& words) {
    CAPTURE(option);
    const RunConfig c = run_config({{"from", source.string()}, {option, value}}, folder / "other");
    CHECK_THROWS_WITH_AS(train(c), doctest::Contains(words.c_str()), UsageError);
    CHECK_FALSE(std::filesystem::exists(folder / "other"));
  };
  refused("d_model", "5", "encoder.weight of shape [3, 3], but this model has [5, 3]");
  refused("ssm_size_base", "16", "layers.0.ssm.Lambda_re of shape [1, 4], but this model has [1, 8]");
  refused("n_layers", "3", "holds no layers.2.norm.scale, which this model has");
  refused("n_layers", "1", "holds layers.1.norm.bias, which this model does not have");
  refused("batchnorm", "false", "holds layers.0.norm.running_mean, which this model does not have");
  const RunConfig none = run_config({{"from", (folder / "nowhere").string()}}, folder / "other");
  CHECK_THROWS_WITH_AS(train(none), doctest::Contains("holds no best.h5"), UsageError);
  CHECK_THROWS_WITH_AS(train(run_config({{"from", source.string()}}, source)), doctest::Contains("[out]"), UsageError);
}

TEST_CASE("from: the digest of a source sees the names of its tensors and their numbers") {
  const tests::TempFolder folder;
  const auto digest_of = [&](const std::string& name, float number) {
    Hdf5Writer writer(folder / "best.h5");
    writer.write("parameters/a", std::vector{1.0F}, {1, 1});
    writer.write("parameters/" + name, std::vector{number}, {1, 1});
    writer.commit();
    return source_digest(folder.path());
  };
  const std::string digest = digest_of("b", 2.0F);
  CHECK(digest_of("b", 2.0F) == digest);
  CHECK(digest_of("c", 2.0F) != digest);
  CHECK(digest_of("b", 3.0F) != digest);
}

TEST_CASE("from: a run resumes and is evaluated without its source, but not with a changed one") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(run_config({}, source));
  const Settings options{{"from", source.string()}, {"quant", "w8a8"}};
  RunConfig c = run_config(options, folder / "tuned");
  const std::string digest = train(c).weights_digest;
  std::filesystem::remove(folder / "tuned/result.json");
  c.run.resume = true;
  CHECK(train(c).weights_digest == digest);

  std::filesystem::rename(source, folder / "away");
  RunConfig orphan = run_config(options, folder / "tuned");
  CHECK(orphan.source.digest.empty());
  orphan.run.resume = true;
  CHECK(evaluate(orphan, orphan.run.out).status == "done");
  CHECK(train(orphan).weights_digest == digest);

  train(run_config({{"seed", "5"}}, source));
  RunConfig changed = run_config(options, folder / "tuned");
  CHECK(settings(changed) == settings(c));
  CHECK(settings_hash(changed) != settings_hash(c));
  changed.run.resume = true;
  CHECK_THROWS_WITH_AS(train(changed), doctest::Contains("other weights"), Error);
  std::filesystem::remove(folder / "tuned/result.json");
  CHECK_THROWS_WITH_AS(train(changed), doctest::Contains("other weights"), Error);
}

}  // namespace
}  // namespace bitstate::experiments

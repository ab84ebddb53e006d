// The trainer as a library: no run's folder, no settings, a model and data of the user's own.
#include "experiments/training/trainer.h"

#include "core/io/atomic_file.h"
#include "experiments/training/export_model.h"
#include "experiments/training/named_rules.h"
#include "tests/experiments/training/custom_model.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bitstate {
namespace {

using namespace tests;

const std::string eight_bits = "weight:* 8\nact:* 8\n";

TrainerOptions small_options() {
  TrainerOptions options;
  options.rules = eight_bits;
  options.epochs = 3;
  options.bsz = 4;
  options.lr = options.second_lr = 0.01;
  options.lanes = 3;
  options.threads = 2;
  return options;
}

const NoisySequences& noise() {
  static const NoisySequences data(Output::values_per_step);
  return data;
}

Trainer trainer_of(const TrainerOptions& options) { return {TwoLayers({Output::values_per_step}), options}; }

/// Trains to the end and returns the digest of the weights.
std::string digest_of(const TrainerOptions& options) {
  Trainer trainer(TwoLayers({Output::values_per_step}), options);
  REQUIRE(trainer.train(noise(), noise()));
  return weights_digest(trainer.inventory());
}

TEST_CASE("trainer: callbacks see every step and every epoch, and the best epoch is kept") {
  std::size_t steps = 0;
  std::vector<EpochResult> epochs;
  TrainerOptions options = small_options();
  options.callbacks.step = [&](const Progress& progress) { steps += progress.step > 0 ? 1 : 0; };
  options.callbacks.epoch = [&](const EpochResult& epoch) { epochs.push_back(epoch); };
  Trainer trainer(TwoLayers({Output::values_per_step}), options);
  REQUIRE(trainer.train(noise(), noise()));
  CHECK(steps == 9);
  REQUIRE(epochs.size() == 3);
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    CHECK(epochs[i].epoch == i + 1);
    CHECK(epochs[i].train_loss > 0.0);
    CHECK(epochs[i].best == (epochs[i].validation.metric < best));
    best = std::min(best, epochs[i].validation.metric);
  }
  CHECK(trainer.progress().best == best);
  CHECK(trainer.metric() == Metric::rmse);
  CHECK(trainer.evaluate(noise())->metric == epochs.back().validation.metric);
}

TEST_CASE("trainer: one that is stopped anywhere and resumed ends with the bits of one that was not") {
  const TempFolder folder;
  const std::string undisturbed = digest_of(small_options());
  for (std::size_t question = 1; question <= 12; ++question) {  // 3 steps and one evaluation per epoch
    CAPTURE(question);
    std::size_t asked = 0;
    TrainerOptions options = small_options();
    options.callbacks.stop = [&] { return ++asked == question; };
    Trainer stopped(TwoLayers({Output::values_per_step}), options);
    REQUIRE_FALSE(stopped.train(noise(), noise()));
    stopped.save(folder / "checkpoint.h5");
    Trainer resumed(TwoLayers({Output::values_per_step}), small_options());
    resumed.resume(folder / "checkpoint.h5");
    REQUIRE(resumed.train(noise(), noise()));
    CHECK(weights_digest(resumed.inventory()) == undisturbed);
    REQUIRE(stopped.train(noise(), noise()));  // the very trainer can go on as well
    CHECK(weights_digest(stopped.inventory()) == undisturbed);
  }
}

/// Weights of a float training for start_from().
void train_in_float(const std::filesystem::path& file) {
  TrainerOptions options = small_options();
  options.rules.clear();
  Trainer floating = trainer_of(options);
  REQUIRE(floating.train(noise(), noise()));
  floating.save_weights(file);
}

TEST_CASE("trainer: a fine-tuning that is stopped is resumed by a trainer that starts from nothing") {
  const TempFolder folder;
  train_in_float(folder / "float.h5");
  Trainer undisturbed = trainer_of(small_options());
  undisturbed.start_from(folder / "float.h5");
  REQUIRE(undisturbed.train(noise(), noise()));

  std::size_t asked = 0;
  TrainerOptions options = small_options();
  options.callbacks.stop = [&] { return ++asked == 2; };
  Trainer stopped = trainer_of(options);
  stopped.start_from(folder / "float.h5");
  REQUIRE_FALSE(stopped.train(noise(), noise()));
  stopped.save(folder / "checkpoint.h5");
  Trainer resumed = trainer_of(small_options());
  resumed.resume(folder / "checkpoint.h5");
  REQUIRE(resumed.train(noise(), noise()));
  CHECK(weights_digest(resumed.inventory()) == weights_digest(undisturbed.inventory()));
}

TEST_CASE("trainer: a checkpoint with the names of earlier versions is resumed") {
  const TempFolder folder;
  const auto resume = [&](const std::string& settings) {
    TrainerOptions options = small_options();
    options.identity.settings = settings;
    Trainer old = trainer_of(options);
    old.calibrate(noise());
    old.save(folder / "c.h5");
    trainer_of(small_options()).resume(folder / "c.h5");
  };
  CHECK_NOTHROW(resume("bsz = 4\nssm_lr = 0.01\ntrained = true\n"));
  CHECK_THROWS_WITH_AS(resume("bsz = 4\nssm_lr = 0.02\n"), doctest::Contains("(second_lr = 0.02)"), Error);
}

TEST_CASE("trainer: the result depends on seed and lanes, not on threads") {
  TrainerOptions options = small_options();
  const std::string digest = digest_of(options);
  options.threads = 1;
  CHECK(digest_of(options) == digest);
  options.seed = 1;
  CHECK(digest_of(options) != digest);
  options = small_options();
  options.lanes = 1;
  CHECK(digest_of(options) != digest);
}

TEST_CASE("trainer: a checkpoint of other options, other rules or another model is refused by what differs") {
  const TempFolder folder;
  Trainer trainer(TwoLayers({Output::values_per_step}), small_options());
  REQUIRE(trainer.train(noise(), noise()));
  trainer.save(folder / "c.h5");
  const auto resume = [&](const TrainerOptions& options) {
    Trainer(TwoLayers({Output::values_per_step}), options).resume(folder / "c.h5");
  };
  CHECK_NOTHROW(resume(small_options()));
  TrainerOptions options = small_options();
  options.bsz = 6;
  CHECK_THROWS_WITH_AS(resume(options), doctest::Contains("with other options (bsz = 4)"), Error);
  options = small_options();
  options.rules = "weight:* 4\nact:* 8\n";
  CHECK_THROWS_WITH_AS(resume(options), doctest::Contains("with other options (rules)"), Error);
  options = small_options();
  options.optimizer.method = Method::sgd;
  CHECK_THROWS_WITH_AS(resume(options), doctest::Contains("with other options (method"), Error);
  options.identity.settings = "mine = 1\n";  // then the caller compares
  CHECK_NOTHROW(resume(options));
  write_file_atomically(folder / "c.h5", "no checkpoint");
  CHECK_THROWS_WITH_AS(resume(small_options()), doctest::Contains("c.h5"), Error);
}

TEST_CASE("trainer: what cannot be trained is refused before anything is") {
  TrainerOptions options = small_options();
  options.bsz = 13;
  CHECK_THROWS_WITH_AS((void)trainer_of(options).train(noise(), noise()),
                       "[bsz] expected at most 12, the sequences of the training part, got \"13\"", UsageError);
  CHECK_THROWS_WITH_AS(trainer_of(options).calibrate(noise()), doctest::Contains("[bsz]"), UsageError);
  CHECK_THROWS_WITH_AS(trainer_of(options).transform(noise(), [](const TransformTarget&) {}),
                       doctest::Contains("[bsz]"), UsageError);
  for (std::size_t TrainerOptions::*const field : {&TrainerOptions::bsz, &TrainerOptions::lanes}) {
    options = small_options();
    options.*field = 0;
    CHECK_THROWS_WITH_AS(trainer_of(options), doctest::Contains("expected at least 1, got \"0\""), UsageError);
  }
  struct Nothing final : datasets::Dataset {
    [[nodiscard]] std::size_t size() const override { return 0; }
    void read(std::size_t, datasets::Example&) const override {}
  };
  CHECK_THROWS_WITH_AS((void)trainer_of(small_options()).train(noise(), Nothing()), doctest::Contains("[validation]"),
                       UsageError);
  options = small_options();
  options.rules = "weight:third 8\n";
  options.rules_origin = "mine";
  CHECK_THROWS_WITH_AS(trainer_of(options), doctest::Contains("mine:1"), UsageError);
  options = small_options();
  options.metric = Metric::accuracy;
  CHECK_THROWS_WITH_AS(trainer_of(options), doctest::Contains("which accuracy does not judge"), Error);
  options = small_options();
  options.calibration_batches = 0;
  CHECK_THROWS_WITH_AS(trainer_of(options), doctest::Contains("calibration_batches"), UsageError);
}

/// Examples whose arrays do not fit their steps.
struct Misfits final : datasets::Dataset {
  std::size_t length, numbers;
  Misfits(std::size_t steps, std::size_t count) : length(steps), numbers(count) {}
  [[nodiscard]] std::size_t size() const override { return 4; }
  void read(std::size_t, datasets::Example& out) const override {
    out.length = length;
    out.x.resize(numbers);
  }
};

TEST_CASE("trainer: an example that is none is refused by its index") {
  for (const auto& [steps, numbers] : {std::pair<std::size_t, std::size_t>{0, 6}, {4, 7}, {4, 0}}) {
    TrainerOptions options = small_options();
    options.lanes = 1;
    Trainer trainer(TwoLayers({Output::values_per_step}), options);
    CHECK_THROWS_WITH_AS((void)trainer.train(Misfits(steps, numbers), noise()), doctest::Contains("sequence "), Error);
  }
}

TEST_CASE("trainer: a callback that throws leaves a training that goes on with the same bits") {
  struct Unexpected {};
  const std::string undisturbed = digest_of(small_options());
  for (const int which : {0, 1, 2}) {
    CAPTURE(which);
    bool thrown = false;
    const auto once = [&](int me) {
      if (me == which && !std::exchange(thrown, true)) throw Unexpected{};
    };
    TrainerOptions options = small_options();
    options.callbacks.step = [&](const Progress&) { once(0); };
    options.callbacks.epoch = [&](const EpochResult&) { once(1); };
    options.callbacks.stop = [&] { return once(2), false; };
    Trainer trainer(TwoLayers({Output::values_per_step}), options);
    CHECK_THROWS_AS((void)trainer.train(noise(), noise()), Unexpected);
    REQUIRE(trainer.train(noise(), noise()));
    CHECK(weights_digest(trainer.inventory()) == undisturbed);
  }
}

TEST_CASE("trainer: weights are taken without the progress, into the same bits or into others") {
  const TempFolder folder;
  TrainerOptions options = small_options();
  options.rules.clear();
  Trainer floating(TwoLayers({Output::values_per_step}), options);
  REQUIRE(floating.train(noise(), noise()));
  floating.save_weights(folder / "float.h5");
  Trainer same(TwoLayers({Output::values_per_step}), options);
  CHECK(same.load_weights(folder / "float.h5").epoch == 3);
  CHECK(same.progress().epoch == 0);
  CHECK(weights_digest(same.inventory()) == weights_digest(floating.inventory()));

  Trainer quantized(TwoLayers({Output::values_per_step}), small_options());
  CHECK_THROWS_WITH_AS(quantized.load_weights(folder / "float.h5"), doctest::Contains("ranges/"), Error);
  CHECK_THROWS_WITH_AS(quantized.save(folder / "early.h5"), doctest::Contains("has no range yet"), Error);
  quantized.start_from(folder / "float.h5");
  quantized.calibrate(noise());
  const double rounded = quantized.evaluate(noise())->metric;
  CHECK(rounded == doctest::Approx(floating.evaluate(noise())->metric).epsilon(0.1));
  CHECK(rounded != floating.evaluate(noise())->metric);
  REQUIRE(quantized.train(noise(), noise()));
  CHECK_THROWS_WITH_AS((void)quantized.epoch(noise(), noise()), doctest::Contains("all 3 epochs"), UsageError);
}

TEST_CASE("trainer: the stored ranges that other bits cannot take over are named") {
  const TempFolder folder;
  const auto trainer = [](const std::string& bits) {
    TrainerOptions options = small_options();
    options.rules = "weight:first 8 range=stored\nweight:second " + bits + " range=stored\n";
    return std::make_unique<Trainer>(TwoLayers({Output::values_per_step}), options);
  };
  const auto source = trainer("8");
  source->calibrate(noise());
  source->save_weights(folder / "source.h5");
  CHECK(trainer("8")->start_from(folder / "source.h5").empty());
  CHECK(trainer("4")->start_from(folder / "source.h5") == std::vector<std::string>{"weight:second"});
}

/// TwoLayers with a layer that it does not use.
struct Wider : TwoLayers {
  Linear third{custom_outputs, custom_outputs, 1, "third"};
  Wider() : TwoLayers({Output::values_per_step}) {}
  template <class V>
  void visit(V& v) {
    TwoLayers::visit(v);
    v("third", third);
  }
};

TEST_CASE("trainer: a file of another model changes nothing") {
  const TempFolder folder;
  Trainer trainer(TwoLayers({Output::values_per_step}), small_options());
  REQUIRE(trainer.train(noise(), noise()));
  trainer.save_weights(folder / "w.h5");
  Trainer wider(Wider(), small_options());
  const std::string before = weights_digest(wider.inventory());
  CHECK_THROWS_WITH_AS(wider.load_weights(folder / "w.h5"), doctest::Contains("third"), Error);
  CHECK_THROWS_WITH_AS(wider.start_from(folder / "w.h5"), doctest::Contains("third"), UsageError);
  CHECK(weights_digest(wider.inventory()) == before);
  wider.calibrate(noise());
  wider.save_weights(folder / "wider.h5");
  CHECK_THROWS_WITH_AS(trainer.load_weights(folder / "wider.h5"), doctest::Contains("holds 6 arrays"), Error);
}

TEST_CASE("trainer: a divergence says where") {
  TrainerOptions options = small_options();
  options.rules.clear();
  options.lr = options.second_lr = 1e30;
  Trainer trainer(TwoLayers({Output::values_per_step}), options);
  CHECK_THROWS_WITH_AS((void)trainer.train(noise(), noise()), doctest::Contains("[train] epoch 1, step 2: "),
                       DivergedError);
}

TEST_CASE("trainer: a built-in configuration fits a model without its sites, and an unknown one is refused") {
  TrainerOptions options = small_options();
  options.rules = named_rules("w8a8");
  const NoisySequences classes(Output::class_per_sequence);
  Trainer trainer(TwoLayers({Output::class_per_sequence}), options);
  REQUIRE(trainer.train(classes, classes));
  CHECK(trainer.metric() == Metric::accuracy);
  for (const Quantizer* site : trainer.inventory().quantizers) {
    if (site->site.starts_with("weight:")) CHECK(site->spec.bits == 8);
  }
  CHECK_THROWS_WITH_AS((void)named_rules("w8a9"), doctest::Contains("did you mean 'w8a8'?"), UsageError);
  CHECK(named_rules("qs5/w8a8") != named_rules("w8a8"));
}

}  // namespace
}  // namespace bitstate

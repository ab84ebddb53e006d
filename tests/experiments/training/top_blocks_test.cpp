// Training the last layers of a model alone: what is below stays, bit for bit, and what is above learns as if it did.
#include "core/error.h"
#include "core/io/sha256.h"
#include "core/random.h"
#include "experiments/training/frozen_prefix.h"
#include "experiments/training/trainer.h"
#include "models/registry.h"
#include "tests/experiments/training/custom_model.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::top_blocks_test {
namespace {

constexpr std::size_t layers = 3;
constexpr std::size_t longest = 12;

/// Sequences of 5 to 12 steps: two columns of noise, or ids below 6, or pairs of these.
class Noise final : public datasets::Dataset {
 public:
  explicit Noise(const ModelShape& shape) : shape_(shape) {}
  [[nodiscard]] std::size_t size() const override { return 10; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{index, random_stream("top_blocks_test")};
    out.length = 5 + index % 8;
    std::size_t drawn = 0;
    const auto ids = [&](std::size_t length, std::vector<std::int32_t>& to) {
      for (std::size_t t = 0; t < length; ++t) to.push_back(static_cast<std::int32_t>(random.below(6, drawn++)));
    };
    if (shape_.tokens) {
      ids(out.length, out.tokens);
    } else {
      for (std::size_t i = 0; i < 2 * out.length; ++i) out.x.push_back(static_cast<float>(random.normal(drawn++)));
    }
    if (shape_.output.sequences == 2) ids(4 + index % 5, out.second);
    if (shape_.output.output == Output::class_per_step) ids(out.length, out.labels);
    out.label = static_cast<std::int32_t>(index % 3);
  }

 private:
  ModelShape shape_;
};

struct Case {
  std::string name;
  ModelSettings settings;
  ModelShape shape;
  std::size_t padded_length = 0;
};

ModelSettings small(const std::string& family) {
  ModelSettings settings;
  settings.model = family;
  settings.s5.n_layers = settings.mamba.n_layers = layers;
  settings.s5.d_model = settings.mamba.d_model = 6;
  settings.s5.ssm_size_base = 8;
  settings.s5.blocks = 2;
  settings.s5.batchnorm = false;
  settings.s5.p_dropout = 0.2;
  settings.mamba.mamba2 = family == "mamba2";
  settings.mamba.headdim = 4;
  settings.mamba.tie_embeddings = false;
  return settings;
}

/// Every kind of model and of pass.
std::vector<Case> all_cases() {
  const ModelShape numbers{2, false, 3};
  const ModelShape pairs{6, true, 3, {Output::class_per_sequence, 2}};
  const ModelShape steps{6, true, 6, {Output::class_per_step}};
  std::vector<Case> all{{"layer norm", small("s5"), numbers},
                        {"batch norm, padding", small("s5"), numbers, longest},
                        {"both directions, padding", small("s5"), numbers, longest},
                        {"pairs", small("s5"), pairs},
                        {"mamba", small("mamba"), numbers},
                        {"mamba2 of tokens", small("mamba2"), steps}};
  all[1].settings.s5.batchnorm = true;
  all[2].settings.s5.bidirectional = true;
  return all;
}

/// Ranges that are kept move by nothing: with them a training of all layers has those of one whose prefix is frozen.
const std::string kept_ranges = "weight:* 8\nact:* 8 rate=1e-38\nstate:* 16 range=ema rate=1e-38\n";
const std::string learned_ranges = "weight:* 8 range=learned\nact:* 8 range=learned\nstate:* 16\n";
const std::string new_ranges = "weight:* 8\nact:* 8 range=absmax\n";

/// Mamba's scan knows ranges that are kept only.
bool knows(const Case& c, const std::string& rules) {
  return c.settings.model == "s5" || (rules != learned_ranges && rules != new_ranges);
}

TrainerOptions options_of(const Case& c, const std::string& rules) {
  TrainerOptions options;
  options.rules = rules;
  options.epochs = 2;
  options.bsz = 4;
  options.lr = options.second_lr = 0.02;
  options.warmup_end = 0;
  options.lanes = 2;
  options.threads = 2;
  options.padded_length = c.padded_length;
  return options;
}

Model model_of(const Case& c) { return make_model(c.settings, c.shape, 7); }

using Digests = std::map<std::string, std::string>;

std::string digest(const std::vector<float>& values) {
  Sha256 hash;
  hash.update(values.data(), values.size() * sizeof(float));
  return hash.hex();
}

/// SHA-256 of every tensor of the model.
Digests digests(const Inventory& inventory) {
  Digests all;
  for (const auto& [name, parameter] : inventory.parameters) all[name] = digest(parameter->value.data);
  for (const auto& [name, buffer] : inventory.buffers) all[name] = digest(buffer->value.data);
  for (const Quantizer* site : inventory.quantizers) {
    if (!site->is_learned()) all["range of " + site->site] = digest(site->range);
  }
  return all;
}

Digests trained(Trainer& trainer, const Noise& data) {
  REQUIRE(trainer.train(data, data));
  return digests(trainer.inventory());
}

TEST_CASE("top_blocks: all layers learn as in a training whose encoder has no rate, bit for bit") {
  for (const Case& c : all_cases()) {
    for (const std::string& rules : {std::string(), kept_ranges, learned_ranges, new_ranges}) {
      // in a packed pass the last bits of float products depend on the number of sequences
      if (!knows(c, rules)) continue;
      if (c.settings.s5.batchnorm && (rules.empty() || rules == new_ranges)) continue;
      CAPTURE(c.name);
      CAPTURE(rules);
      const Noise data(c.shape);
      TrainerOptions options = options_of(c, rules);
      for (const char* const frozen : {"encoder*", "embedding*", "*:encoder*.log_range", "*:embedding*.log_range"}) {
        options.optimizer.groups.push_back({frozen, frozen_group});
      }
      Trainer whole(model_of(c), options);
      const Digests expected = trained(whole, data);
      options.top_blocks = layers;
      Trainer behind(model_of(c), options);
      CHECK(trained(behind, data) == expected);
      CHECK(behind.optimizer().m.size() < whole.optimizer().m.size());
    }
  }
}

TEST_CASE("top_blocks: nothing below changes by a bit, and everything above learns, whatever keeps the prefix") {
  for (const Case& c : all_cases()) {
    for (const std::string& rules :
         {std::string(), std::string("weight:* 8\nact:* 8\nstate:* 16 range=ema\n"), learned_ranges, new_ranges}) {
      if (!knows(c, rules)) continue;
      for (const std::size_t top : {0U, 1U, 2U}) {
        CAPTURE(c.name);
        CAPTURE(rules);
        CAPTURE(top);
        const Noise data(c.shape);
        TrainerOptions options = options_of(c, rules);
        options.top_blocks = top;
        Trainer trainer(model_of(c), options);
        trainer.calibrate(data);
        const Digests before = digests(trainer.inventory());
        const Digests after = trained(trainer, data);
        std::size_t frozen = 0;
        for (const auto& [name, parameter] : trainer.inventory().parameters) {
          CAPTURE(name);
          CHECK((before.at(name) == after.at(name)) == parameter->frozen);
          frozen += parameter->frozen ? 1 : 0;
        }
        CHECK(frozen >= 10);
        for (const auto& [name, buffer] : trainer.inventory().buffers) {
          CHECK((before.at(name) == after.at(name)) == buffer->frozen);
        }
        for (const Quantizer* site : trainer.inventory().quantizers) {
          if (!site->frozen || site->is_learned()) continue;
          CHECK(before.at("range of " + site->site) == after.at("range of " + site->site));
        }
        options.threads = 1;
        Trainer kept(model_of(c), options);
        kept.runner().keep_prefix();
        CHECK(trained(kept, data) == after);
      }
    }
  }
}

TEST_CASE("top_blocks: the prefix is the integer program, with the codes of an evaluation") {
  for (const Case& c : all_cases()) {
    if (c.settings.model != "s5") continue;
    CAPTURE(c.name);
    const Noise data(c.shape);
    TrainerOptions options = options_of(c, "weight:* 8\nact:* 8\nstate:* 16 range=ema\n");
    options.top_blocks = 1;
    Trainer trainer(model_of(c), options);
    REQUIRE(trainer.train(data, data));
    datasets::Example example;
    data.read(1, example);
    const FrozenPrefix prefix(trainer.model(), trainer.inventory(), layers - 1, example);
    CHECK(prefix.is_program());
    for (const std::size_t rows : {example.length, longest}) {
      example.x.resize(example.x.empty() ? 0 : 2 * rows);
      example.tokens.resize(example.tokens.empty() ? 0 : rows);
      const std::vector<std::size_t> all{rows}, lengths{example.length};
      Batch batch{{all, lengths}, example.x, example.tokens};
      Tape tape;
      const PrefixRows found = prefix(tape, batch);
      batch.parts_end = layers - 1;
      tape.begin({});
      const Value expected = trainer.model().forward(tape, batch);
      Tape behind;
      behind.begin({});
      const auto kept = std::make_shared<const PrefixRows>(found);
      const Value leaf = prefix_leaf(behind, {&kept, 1});
      CHECK(behind.codes32(leaf) == tape.codes32(expected));
      CHECK(behind[leaf].bound == tape[expected].bound);
      CHECK(behind[leaf].layout == tape[expected].layout);
      CHECK(behind[leaf].scale[0] == tape[expected].scale[0]);
    }
  }
}

TEST_CASE("top_blocks: what stops anywhere and is resumed ends with the same bits") {
  const TempFolder folder;
  const Case c = all_cases()[0];
  const Noise data(c.shape);
  TrainerOptions options = options_of(c, kept_ranges);
  options.top_blocks = 1;
  Trainer undisturbed(model_of(c), options);
  const Digests expected = trained(undisturbed, data);
  for (std::size_t question = 1; question <= 5; ++question) {
    std::size_t asked = 0;
    options.callbacks.stop = [&] { return ++asked == question; };
    Trainer stopped(model_of(c), options);
    REQUIRE_FALSE(stopped.train(data, data));
    stopped.save(folder / "checkpoint.h5");
    options.callbacks.stop = nullptr;
    Trainer resumed(model_of(c), options);
    resumed.runner().keep_prefix();
    resumed.resume(folder / "checkpoint.h5");
    CHECK(trained(resumed, data) == expected);
  }
}

TEST_CASE("top_blocks: what cannot be frozen is refused by a sentence") {
  Case c = all_cases().back();
  const Noise data(c.shape);
  TrainerOptions options = options_of(c, "");
  options.top_blocks = layers + 1;
  CHECK(contains(error_of<UsageError>([&] { Trainer(model_of(c), options); }), "expected at most 3, the layers"));
  options.top_blocks = 0;
  c.settings.mamba.tie_embeddings = true;
  Trainer tied(model_of(c), options);
  CHECK(contains(error_of<UsageError>([&] { static_cast<void>(tied.train(data, data)); }),
                 "the head multiplies by embedding.weight, which is frozen"));
  CHECK(contains(error_of<UsageError>([&] { Trainer(TwoLayers({Output::values_per_step}), options); }),
                 "none of its members is a layer"));
}

}  // namespace
}  // namespace bitstate::tests::top_blocks_test

// A text is read in windows as it is read in one piece.
#include "experiments/training/streaming.h"

#include "core/error.h"
#include "core/random.h"
#include "datasets/splits.h"
#include "datasets/windows.h"
#include "experiments/training/trainer.h"
#include "models/registry.h"
#include "tests/experiments/training/custom_model.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace bitstate::streaming_test {
namespace {

using namespace datasets;

constexpr std::size_t vocabulary = 12;

/// Ids that depend on those before, with an id 0 now and then.
std::shared_ptr<const TokenIds> text(std::size_t count) {
  TokenIds ids;
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<std::uint16_t>(Random{5, 0}.below(vocabulary, i)));
  }
  return std::make_shared<const TokenIds>(std::move(ids));
}

std::shared_ptr<const Dataset> part_of(const std::shared_ptr<const TokenIds>& ids,
                                       const std::vector<Document>& documents, std::size_t length, const char* stream) {
  return token_windows(ids, windows_of(documents, {length}, {stream}));
}

struct Rig {
  ModelSettings settings;
  TrainerOptions options;

  explicit Rig(const char* model) {
    settings.model = model;
    settings.mamba.mamba2 = settings.model == "mamba2";
    settings.mamba.n_layers = 2;
    settings.mamba.d_model = 8;
    settings.mamba.headdim = 4;
    options.threads = 2;
    options.metric = Metric::bits_per_token;
  }

  /// Of a model whose state matters: the tokens of an untrained one are nearly 0.
  [[nodiscard]] Evaluation evaluate(const Dataset& part, bool streams) const {
    Model model = make_model(settings, {vocabulary, true, vocabulary, {Output::class_per_step}}, 3);
    for (const NamedParameter& named : take_inventory(model).parameters) {
      if (named.name != "embedding.weight" && named.name.find("out_proj") == std::string::npos) continue;
      for (float& number : named.parameter->value.data) number *= 20.0F;
    }
    TrainerOptions with = options;
    if (streams) with.carrying_forward = carrying_forward(settings);
    Trainer trainer(std::move(model), with);
    return *trainer.evaluate(part);
  }
};

TEST_CASE("streaming: windows of a text with the state carried give the loss of the text in one piece") {
  const auto ids = text(1500);
  const std::vector<Document> whole = {{0, ids->size()}};
  for (const char* model : {"mamba", "mamba2"}) {
    CAPTURE(model);
    const Rig rig(model);
    const Evaluation expected = rig.evaluate(*part_of(ids, whole, 0, "none"), false);
    for (const std::size_t length : {4, 37, 1499}) {  // 4: the windows are more than one chunk of an evaluation
      CAPTURE(length);
      const Evaluation streamed = rig.evaluate(*part_of(ids, whole, length, "carry"), true);
      CHECK(std::fabs(streamed.metric - expected.metric) <= 1e-5 * expected.metric);
      CHECK(streamed.tokens == expected.tokens);
    }
    const Evaluation cut = rig.evaluate(*part_of(ids, whole, 4, "none"), false);
    CHECK(std::fabs(cut.metric - expected.metric) > 1e-3 * expected.metric);
    CHECK(rig.evaluate(*part_of(ids, whole, 4, "none"), true).metric == doctest::Approx(cut.metric).epsilon(1e-6));
  }
}

TEST_CASE("streaming: with a reset at the start of a document each is what it is alone") {
  const auto ids = text(1500);
  const std::vector<Document> documents = split_documents(*ids, {0, ids->size()}, 0);
  REQUIRE(documents.size() > 50);
  for (const char* model : {"mamba", "mamba2"}) {
    CAPTURE(model);
    const Rig rig(model);
    const Evaluation alone = rig.evaluate(*part_of(ids, documents, 0, "none"), false);
    const Evaluation streamed = rig.evaluate(*part_of(ids, documents, 3, "carry_reset"), true);
    CHECK(std::fabs(streamed.metric - alone.metric) <= 1e-5 * alone.metric);
    const Evaluation carried = rig.evaluate(*part_of(ids, documents, 3, "carry"), true);
    CHECK(std::fabs(carried.metric - alone.metric) > 1e-3 * alone.metric);
  }
}

TEST_CASE("streaming: the result does not depend on the number of threads") {
  const auto ids = text(900);
  const auto part = part_of(ids, split_documents(*ids, {0, ids->size()}, 0), 2, "carry_reset");
  Rig rig("mamba");
  const double two = rig.evaluate(*part, true).metric;
  rig.options.threads = 1;
  CHECK(rig.evaluate(*part, true).metric == two);
}

TEST_CASE("streaming: models without a state to carry are refused in a sentence") {
  const auto refusal = [](const ModelSettings& settings) {
    try {
      (void)carrying_forward(settings);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal({}) ==
        "[stream] models of s5 carry no state from one sequence to the next; those of mamba and mamba2 do");
  Rig both("mamba");
  both.settings.mamba.bidirectional = true;
  CHECK(refusal(both.settings) == "[stream] a model that reads sequences in both directions has no state to carry on");
}

TEST_CASE("streaming: a quantized model is refused in a sentence that names a site") {
  Rig rig("mamba");
  rig.options.metric = {};
  rig.options.carrying_forward = carrying_forward(rig.settings);
  rig.options.rules = "act:* 8\n";
  const auto error =
      tests::error_of<UsageError>([&] { Trainer trainer(tests::TwoLayers({Output::values_per_step}), rig.options); });
  CHECK(error.find("[stream] act:") == 0);
  CHECK(error.find("is quantized, and only a float model carries its state through an evaluation") !=
        std::string::npos);
  rig.options.rules.clear();
  Trainer floating(tests::TwoLayers({Output::values_per_step}), rig.options);
}

}  // namespace
}  // namespace bitstate::streaming_test

// Runs of Mamba that start from one of another form: rotated, or with a head of its own.
#include "core/error.h"
#include "core/io/hdf5.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/options.h"
#include "tests/experiments/run_folder/small_copying.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>

namespace bitstate::experiments {
namespace {

/// A run of `model` without training that starts from `source`.
RunConfig converted(const std::string& model, const tests::TempFolder& folder, const std::string& source,
                    const std::string& out, const Settings& options) {
  Settings all{{"model", model}, {"from", (folder / source).string()}, {"epochs", "0"}};
  if (model == "mamba2") all.emplace_back("headdim", "4");
  all.insert(all.end(), options.begin(), options.end());
  return tests::small_copying(all, folder / out);
}

TEST_CASE("from: a Mamba takes the weights of one that is rotated less, and answers as it does") {
  for (const std::string model : {"mamba", "mamba2"}) {
    CAPTURE(model);
    const tests::TempFolder folder;
    Settings options{{"model", model}};
    if (model == "mamba2") options.emplace_back("headdim", "4");
    const double loss = train(tests::small_copying(options, folder / "none")).test_loss;
    const auto out_proj = [&](const std::string& run) {
      return Hdf5Reader(folder / run / "best.h5").read<float>("parameters/layers.1.mixer.out_proj.weight").values;
    };
    const auto answers = [&](const std::string& source, const std::string& out, const Settings& how) {
      CAPTURE(out);
      const RunConfig c = converted(model, folder, source, out, how);
      CHECK(train(c).test_loss == doctest::Approx(loss).epsilon(1e-5));
      CHECK(evaluate(c, c.run.out).test_loss == doctest::Approx(loss).epsilon(1e-5));
    };
    answers("none", "out_proj", {{"hadamard", "out_proj"}});
    answers("none", "all", {{"hadamard", "all"}});
    answers("out_proj", "later", {{"hadamard", "all"}});
    answers("all", "same", {{"hadamard", "all"}});
    answers("none", "untied", {{"tie_embeddings", "false"}});
    CHECK(out_proj("out_proj") != out_proj("none"));
    CHECK(out_proj("all") != out_proj("out_proj"));
    CHECK(out_proj("same") == out_proj("all"));
    CHECK(Hdf5Reader(folder / "untied/best.h5").exists("parameters/lm_head.weight"));
    const auto refused = [&](const std::string& source, const Settings& how) {
      return tests::error_of<UsageError>([&] { train(converted(model, folder, source, "back", how)); });
    };
    CHECK(refused("all", {{"hadamard", "out_proj"}}) ==
          "[hadamard] the source was made with all, which is not undone; expected at least that, got \"out_proj\"");
    CHECK(refused("out_proj", {}).find("[hadamard] the source was made with out_proj") == 0);
    CHECK(refused("untied", {}) == "[tie_embeddings] the head of the source is its own; expected false, got \"true\"");
  }
}

TEST_CASE("from: stored ranges do not come with weights that are converted") {
  const tests::TempFolder folder;
  const std::string rules = "weight:*.out_proj 8 range=stored";
  train(tests::small_copying({{"bits", rules}}, folder / "source"));
  const auto ranges = [&](const std::string& run) {
    return Hdf5Reader(folder / run / "best.h5").read<float>("stored/weight:layers.0.mixer.out_proj").values;
  };
  train(converted("mamba", folder, "source", "alike", {{"bits", rules}}));
  train(converted("mamba", folder, "source", "rotated", {{"bits", rules}, {"hadamard", "out_proj"}}));
  CHECK(ranges("alike") == ranges("source"));
  CHECK(ranges("rotated") != ranges("source"));
}

TEST_CASE("hadamard: a run that starts from a rotated one is rotated, and runs without it keep their settings") {
  const tests::TempFolder folder;
  train(tests::small_copying({{"hadamard", "out_proj"}}, folder / "source"));
  RunConfig next = load_run_config("", {{"from", (folder / "source").string()}, {"quant", "w8a8"}});
  CHECK(next.model.mamba.hadamard == "out_proj");
  next.run.out = (folder / "tuned").string();
  CHECK(train(next).status == "done");
  const RunConfig plain = tests::small_copying({});
  CHECK(last_value(kept_settings(plain), "hadamard") == nullptr);
  CHECK(settings_hash(plain) == settings_hash(tests::small_copying({{"hadamard", "none"}})));
  CHECK(settings_hash(plain) != settings_hash(tests::small_copying({{"hadamard", "all"}})));
}

TEST_CASE("hadamard: a width without a matrix is refused") {
  CHECK(tests::error_of<UsageError>([] {
          tests::small_copying({{"d_model", "7"}, {"hadamard", "out_proj"}});
        }).find("[hadamard] ") == 0);
  CHECK(tests::error_of<UsageError>([] {
          tests::small_copying({{"d_model", "6"}, {"hadamard", "all"}});
        }).find("[hadamard] ") == 0);  // twice the width has one
}

}  // namespace
}  // namespace bitstate::experiments

// What a training's result depends on: never the number of threads, with everything switched on that could; always its
// seed, the epoch, and the part of the data that is meant.
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <set>
#include <string>

namespace bitstate::experiments {
namespace {

/// 56 steps of a quantized, bidirectional model with dropout; batches of 10 on 4 lanes, so lanes are of different size.
RunConfig config(bool batchnorm, const std::string& quant) {
  RunConfig c = load_run_config("lorenz-small", {{"quant", quant},
                                                 {"trajectories", "100"},
                                                 {"bsz", "10"},
                                                 {"lanes", "4"},
                                                 {"epochs", "7"},
                                                 {"p_dropout", "0.2"},
                                                 {"activation_fn", "half_glu1"},
                                                 {"bidirectional", "true"},
                                                 {"d_model", "8"},
                                                 {"batchnorm", batchnorm ? "true" : "false"}});
  return c;
}

std::string digest(RunConfig c, std::size_t threads) {
  const tests::TempFolder folder;
  c.run.threads = threads;
  c.run.out = (folder.path() / "run").string();
  const TrainResult result = train(c);
  REQUIRE(result.status == "done");
  return result.weights_digest;
}

TEST_CASE("determinism: equal weights after 56 quantized steps with dropout on 1, 2, 3 and 7 threads") {
  for (const bool batchnorm : {false, true}) {
    CAPTURE(batchnorm);
    const RunConfig c = config(batchnorm, "w8a8");
    const std::string one = digest(c, 1);
    for (const std::size_t threads : {2U, 3U, 7U}) CHECK(digest(c, threads) == one);
  }
}

TEST_CASE("determinism: equal weights of Mamba on 1, 2 and 3 threads, and where layers are computed again") {
  for (const Settings& model : {Settings{{"model", "mamba"}}, Settings{{"model", "mamba2"}, {"headdim", "4"}}}) {
    CAPTURE(model[0].second);
    Settings given{{"length", "12"},
                   {"examples", "100"},
                   {"bsz", "10"},
                   {"lanes", "4"},
                   {"epochs", "2"},
                   {"d_model", "8"},
                   {"bidirectional", "true"},
                   {"clip_grad_norm", "0.5"}};
    given.insert(given.end(), model.begin(), model.end());
    RunConfig c = load_run_config("copying", given);
    const std::string one = digest(c, 1);
    for (const std::size_t threads : {2U, 3U}) CHECK(digest(c, threads) == one);
    c.run.memory = "small";
    CHECK(digest(c, 2) == one);
  }
}

TEST_CASE("determinism: the digest sees the seed, the lanes and the quantization") {
  const RunConfig c = config(false, "w8a8");
  const std::string base = digest(c, 2);
  RunConfig other = c;
  other.training.seed += 1;
  CHECK(digest(other, 2) != base);
  other = c;
  other.training.lanes = 5;
  CHECK(digest(other, 2) != base);
  CHECK(digest(config(false, "none"), 2) != base);
}

TEST_CASE("training: every epoch has an order of its own") {
  // at a rate that moves nothing the loss of an epoch is that of its sequences: of 16 all but the last of its order
  RunConfig c = config(false, "none");
  c.data.dynamics.trajectories = 20;
  c.training.bsz = 15;
  c.model.s5.p_dropout = 0.0;
  c.training.second_lr = 1e-30;
  c.training.lr_min = 0.0;
  const tests::TempFolder folder;
  c.run.out = (folder.path() / "run").string();
  REQUIRE(train(c).status == "done");
  std::ifstream metrics(folder.path() / "run" / "metrics.jsonl");
  std::set<double> losses;
  for (std::string line; std::getline(metrics, line);)
    losses.insert(nlohmann::json::parse(line).at("train_loss").get<double>());
  CHECK(losses.size() >= 4);
}

TEST_CASE("training: the best epoch is told by the validation part, and the test part is another") {
  const tests::TempFolder folder;
  std::string text = "u,y\n";
  for (int i = 0; i < 400; ++i) text += std::to_string(i % 7) + "," + std::to_string(i % 5 * (i < 360 ? 1 : 3)) + "\n";
  tests::write_quickly(folder / "series.csv", text);  // the last tenth, the test part, is three times as large
  RunConfig c = load_run_config("", {{"dataset", "own"},
                                     {"data", (folder / "series.csv").string()},
                                     {"input", "u"},
                                     {"target", "y"},
                                     {"window", "20"},
                                     {"n_layers", "1"},
                                     {"d_model", "4"},
                                     {"ssm_size_base", "4"},
                                     {"blocks", "1"},
                                     {"bsz", "4"},
                                     {"epochs", "2"}});
  c.run.out = (folder / "run").string();
  const TrainResult result = train(c);
  REQUIRE(result.status == "done");
  CHECK(result.test_metric > 2.0 * result.val_metric);
  CHECK(evaluate(c, c.run.out).test_metric == doctest::Approx(result.test_metric));
}

TEST_CASE("quantization: a configuration without rules is the float model, bit for bit") {
  RunConfig c = config(true, "none");
  const std::string base = digest(c, 2);
  c.quantization.bits = {"weight:* none", "act:* none", "state:* none"};
  CHECK(digest(c, 2) == base);
}

}  // namespace
}  // namespace bitstate::experiments

// Equal bits of all weights whatever the number of threads, with everything that could depend on it switched on.
#include "experiments/trainer.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

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
                                                 {"d_model", "20"},
                                                 {"batchnorm", batchnorm ? "true" : "false"}});
  return c;
}

std::string digest(RunConfig c, std::size_t threads) {
  const tests::TempFolder folder;
  c.threads = threads;
  c.out = (folder.path() / "run").string();
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

TEST_CASE("determinism: the digest sees the seed, the lanes and the quantization") {
  const RunConfig c = config(false, "w8a8");
  const std::string base = digest(c, 2);
  RunConfig other = c;
  other.seed += 1;
  CHECK(digest(other, 2) != base);
  other = c;
  other.lanes = 5;
  CHECK(digest(other, 2) != base);
  CHECK(digest(config(false, "none"), 2) != base);
}

TEST_CASE("quantization: a configuration without rules is the float model, bit for bit") {
  RunConfig c = config(true, "none");
  const std::string base = digest(c, 2);
  c.bits = {"weight:* none", "act:* none", "state:* none"};
  CHECK(digest(c, 2) == base);
}

}  // namespace
}  // namespace bitstate::experiments

// Runs without training: post-training quantization.
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>

namespace bitstate::experiments {
namespace {

std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = read_file(entry.path(), std::size_t{1} << 24);
  }
  return files;
}

}  // namespace

TEST_CASE("calibration: without batches a stored range may come from the source, and from nowhere else") {
  const tests::TempFolder folder;
  const Settings rules{{"bits", "weight:decoder 8 range=stored"}};
  Settings source = rules;
  source.insert(source.end(), {{"from", (folder / "source").string()}, {"calibration_batches", "0"}, {"epochs", "0"}});
  train(tests::small_lorenz(rules, folder / "source"));
  const RunConfig kept = tests::small_lorenz(source, folder / "kept");
  CHECK_NOTHROW(rehearse(kept, training_data(kept)));
  REQUIRE(train(kept).status == "done");
  const auto stored = [&](const char* run) {
    return Hdf5Reader(folder / run / "best.h5").read<float>("stored/weight:decoder").values;
  };
  CHECK(stored("kept") == stored("source"));

  source.front().second = "weight:decoder 4 range=stored";
  const RunConfig missing = tests::small_lorenz(source, folder / "missing");
  const std::string sentence =
      "[calibration_batches] expected at least 1, got \"0\": weight:decoder has no range yet, which only batches can "
      "set";
  CHECK_THROWS_WITH_AS(rehearse(missing, training_data(missing)), sentence.c_str(), UsageError);
  CHECK_THROWS_WITH_AS(train(missing), sentence.c_str(), UsageError);
  CHECK_FALSE(std::filesystem::exists(folder / "missing/settings.ini"));
}

TEST_CASE("ptq: 0 epochs keep the source's weights, its folder and give a run folder that eval and report read") {
  const tests::TempFolder folder;
  const auto source = folder / "source";
  train(tests::small_lorenz({}, source));
  const auto before = files_of(source);
  const auto quantized = folder / "quantized";
  RunConfig c = tests::small_lorenz(
      {{"from", source.string()}, {"epochs", "0"}, {"quant", "w4a8"}, {"calibration_batches", "3"}}, quantized);
  const TrainResult result = train(c);
  CHECK(result.status == "done");
  CHECK(result.epochs == 0);
  CHECK(files_of(source) == before);
  const Hdf5Reader a(source / "best.h5");
  const Hdf5Reader b(quantized / "best.h5");
  for (const std::string group : {"parameters", "buffers"}) {
    REQUIRE(a.list(group) == b.list(group));
    for (const auto& name : a.list(group)) {
      CHECK(a.read<float>(group + "/" + name).values == b.read<float>(group + "/" + name).values);
    }
  }
  CHECK(b.list("ranges").size() > 3);
  CHECK(evaluate(c, quantized).test_metric == result.test_metric);
  CHECK(evaluate(tests::small_lorenz({}, source), source).test_metric != result.test_metric);
  const RunRecord record = read_run(quantized);
  CHECK(record.status == RunRecord::Status::done);
  CHECK(record.setting("quant") == "w4a8");
  CHECK(record.figures.at("test_mse") == result.test_metric);
  c.run.resume = true;
  CHECK(train(c).test_metric == result.test_metric);
  c.training.optimizer.weight_decay = 0.5;
  CHECK_THROWS_WITH_AS(train(c), doctest::Contains("weight_decay"), Error);
}

TEST_CASE("ptq: the number of batches matters to static ranges, and the number of threads does not") {
  const tests::TempFolder folder;
  train(tests::small_lorenz({}, folder / "source"));
  const auto digest = [&](const std::string& batches, std::size_t threads) {
    RunConfig c = tests::small_lorenz(
        {{"from", (folder / "source").string()}, {"epochs", "0"}, {"quant", "w8a8"}, {"calibration_batches", batches}},
        folder / (batches + "-" + std::to_string(threads)));
    c.run.threads = threads;
    return train(c).weights_digest;
  };
  const std::string one = digest("1", 1);
  CHECK(digest("1", 3) == one);
  CHECK(digest("4", 1) != one);
  CHECK(digest("4", 3) == digest("4", 2));
}

}  // namespace bitstate::experiments

// Ranges before training, and post-training quantization.
#include "experiments/training/calibration.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "experiments/report/run_record.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/training/lorenz_rig.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <string>

namespace bitstate::experiments {
namespace {

struct CalibrationRig : tests::LorenzRig {
  using LorenzRig::LorenzRig;

  /// The ranges of the encoder's input after so many batches.
  std::vector<float> ranges(std::size_t batches) {
    calibrate(runner, inventory, {*data.train, order, c.training.bsz, batches});
    return inventory.quantizers.front()->range;
  }
};

const Settings input_only{{"bits", "act:encoder 8 range=ema granularity=channel rate=0.25"}};

std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = read_file(entry.path(), std::size_t{1} << 24);
  }
  return files;
}

}  // namespace

TEST_CASE("calibration: ranges are the mean of what the batches show") {
  constexpr std::size_t batches = 5;
  std::vector<double> mean(3, 0.0);
  std::set<std::vector<float>> shown;
  for (std::size_t b = 0; b < batches; ++b) {
    CalibrationRig rig(input_only);
    std::rotate(rig.order.begin(), rig.order.begin() + static_cast<std::ptrdiff_t>(4 * b), rig.order.end());
    const std::vector<float> one = rig.ranges(1);
    REQUIRE(one.size() == 3);
    for (std::size_t c = 0; c < 3; ++c) mean[c] += double{one[c]} / batches;
    shown.insert(one);
  }
  CHECK(shown.size() == batches);
  const std::vector<float> all = CalibrationRig(input_only).ranges(batches);
  for (std::size_t c = 0; c < 3; ++c) CHECK(all[c] == doctest::Approx(mean[c]).epsilon(1e-6));
}

TEST_CASE("calibration: it reads the batches there are, and leaves ranges that exist and all weights alone") {
  CalibrationRig rig(input_only);
  REQUIRE(CalibrationData{*rig.data.train, rig.order, 4, 1000}.count() == rig.order.size() / 4);
  const Model before = rig.model;
  const std::vector<float> once = rig.ranges(1000);
  CHECK(rig.ranges(1) == once);
  Model copy = before;
  const Inventory old = take_inventory(copy);
  for (std::size_t i = 0; i < old.parameters.size(); ++i) {
    CHECK(old.parameters[i].parameter->value.data == rig.inventory.parameters[i].parameter->value.data);
  }
  for (std::size_t i = 0; i < old.buffers.size(); ++i) {
    CHECK(old.buffers[i].buffer->value.data == rig.inventory.buffers[i].buffer->value.data);
  }
}

TEST_CASE("calibration: without batches a site that keeps a range is refused by name") {
  const CalibrationRig rig(input_only);
  CHECK_THROWS_WITH_AS(check_calibration(rig.inventory, 0), doctest::Contains("act:encoder keeps a range"), UsageError);
  CHECK_NOTHROW(check_calibration(rig.inventory, 1));
  CHECK_NOTHROW(check_calibration(CalibrationRig(Settings{{"bits", "act:* 8 range=absmax; weight:* 8"}}).inventory, 0));
}

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

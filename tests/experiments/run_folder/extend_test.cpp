#include "experiments/run_folder/extend.h"

#include "core/error.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::TempFolder;
using bitstate::tests::write_quickly;

RunConfig short_run(const std::filesystem::path& out, Settings options) {
  options.insert(options.begin(), {{"trajectories", "20"}, {"bsz", "4"}, {"seed", "1"}});
  RunConfig config = load_run_config("lorenz-small", options);
  config.run.out = out.string();
  return config;
}

}  // namespace

TEST_CASE("extend: the longest run is found that differs in nothing but fewer epochs") {
  const TempFolder folder;
  std::vector<std::filesystem::path> finished;
  const auto trained = [&](const std::string& name, const Settings& options) {
    finished.push_back(folder / name);
    train(short_run(folder / name, options));
  };
  trained("one", {{"epochs", "1"}});
  trained("two", {{"epochs", "2"}});
  trained("four", {{"epochs", "4"}});
  trained("rules", {{"epochs", "3"}, {"a_bits", "8"}});
  trained("seed", {{"epochs", "3"}, {"seed", "2"}});
  const auto found = [&](const Settings& options) {
    return shorter_run(short_run(folder / "new", options), finished).filename().string();
  };
  CHECK(found({{"epochs", "4"}}) == "two");
  CHECK(found({{"epochs", "5"}}) == "four");
  CHECK(found({{"epochs", "1"}}).empty());
  CHECK(found({{"epochs", "5"}, {"a_bits", "8"}}) == "rules");
  CHECK(found({{"epochs", "5"}, {"a_bits", "4"}}).empty());
  CHECK(found({{"epochs", "5"}, {"p_dropout", "0.5"}}).empty());
  write_quickly(folder / "four/checkpoint.h5", "damaged");
  CHECK(found({{"epochs", "5"}}) == "two");
}

TEST_CASE("extend: the run goes on, keeps the best weights so far and says where it comes from") {
  const TempFolder folder;
  train(short_run(folder / "short", {{"epochs", "2"}}));
  RunConfig longer = short_run(folder / "long", {{"epochs", "3"}});
  std::filesystem::create_directory(folder / "long");
  extend_run(longer, folder / "short");
  longer.run.resume = true;
  const TrainResult result = train(longer);
  CHECK(result.status == "done");
  CHECK(result.epochs == 3);
  CHECK(result.extended_from == "../short");
  const std::string json = to_json(result);
  CHECK(result_from_json(json, "result.json").extended_from == "../short");
  CHECK(train(short_run(folder / "once", {{"epochs", "3"}})).extended_from.empty());
}

TEST_CASE("extend: a run whose checkpoint is gone begins anew, and says nothing of the shorter one") {
  const TempFolder folder;
  train(short_run(folder / "short", {{"epochs", "2"}}));
  const RunConfig longer = short_run(folder / "long", {{"epochs", "3"}});
  std::filesystem::create_directory(folder / "long");
  extend_run(longer, folder / "short");
  std::filesystem::remove(folder / "long/checkpoint.h5");
  write_quickly(folder / "long/best.h5", "of the shorter run");
  const TrainResult anew = train(longer);
  CHECK(anew.extended_from.empty());
  CHECK_FALSE(std::filesystem::exists(folder / "long/extended_from.txt"));
  CHECK(anew.weights_digest == train(short_run(folder / "once", {{"epochs", "3"}})).weights_digest);
}

TEST_CASE("extend: what came with a lost checkpoint is taken away, and nothing that a run wrote itself") {
  const TempFolder folder;
  const auto is_there = [&](const char* name) { return std::filesystem::exists(folder / name); };
  for (const char* const name : {"best.h5", "curves.csv"}) write_quickly(folder / name, "x");
  CHECK(extended_from(folder.path()).empty());
  CHECK(is_there("best.h5"));
  for (const char* const name : {"extended_from.txt", "checkpoint.h5"}) write_quickly(folder / name, "../short\n");
  CHECK(extended_from(folder.path()) == "../short");
  CHECK(is_there("curves.csv"));
  std::filesystem::remove(folder / "checkpoint.h5");
  CHECK(extended_from(folder.path()).empty());
  for (const char* const name : {"extended_from.txt", "best.h5", "curves.csv"}) CHECK_FALSE(is_there(name));
}

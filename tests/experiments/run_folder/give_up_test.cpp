// Runs that are given up: when, by what, and how they go on.
#include "experiments/run_folder/give_up.h"

#include "core/error.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/claim.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using tests::contains;
using tests::error_of;
using tests::TempFolder;

/// A small run on a series with a validation part. Its loss is a mean square: it is far above 0.001 and below 1e6.
RunConfig run_with(const TempFolder& folder, const std::string& give_up, const Settings& more = {}) {
  if (!fs::exists(folder / "series.csv")) {
    std::string text = "u,y\n";
    for (int i = 0; i < 400; ++i) text += std::to_string(i % 7) + "," + std::to_string(i % 5) + "\n";
    tests::write_quickly(folder / "series.csv", text);
  }
  Settings options{{"dataset", "own"}, {"data", (folder / "series.csv").string()},
                   {"input", "u"},     {"target", "y"},
                   {"window", "20"},   {"n_layers", "1"},
                   {"d_model", "4"},   {"ssm_size_base", "4"},
                   {"blocks", "1"},    {"bsz", "4"},
                   {"epochs", "3"},    {"give_up", give_up}};
  options.insert(options.end(), more.begin(), more.end());
  RunConfig config = load_run_config("", options);
  config.run.out = (folder / "run").string();
  return config;
}

TrainResult resumed(RunConfig config) {
  config.run.resume = true;
  return train(config);
}

TEST_CASE("give up: the epochs up to that of the rule decide, whatever came later") {
  const std::string lines = "{\"epoch\":1,\"val_accuracy\":0.25}\n{\"epoch\":2,\"val_accuracy\":0.125}\n";
  CHECK(reason_to_give_up({3, 0.9}, Metric::accuracy, lines).empty());
  CHECK(reason_to_give_up({2, 0.25}, Metric::accuracy, lines).empty());
  CHECK(reason_to_give_up({2, 0.5}, Metric::accuracy, lines) ==
        "after epoch 2: the best val_accuracy is 0.25, worse than 0.5");
  CHECK(reason_to_give_up({2, 0.5}, Metric::accuracy, lines + "{\"epoch\":3,\"val_accuracy\":1}\n") ==
        "after epoch 2: the best val_accuracy is 0.25, worse than 0.5");
  const std::string errors = "{\"epoch\":1,\"val_mse\":2}\n";  // the smaller the better
  CHECK(reason_to_give_up({1, 3.0}, Metric::mse, errors).empty());
  CHECK(contains(reason_to_give_up({1, 1.0}, Metric::mse, errors), "the best val_mse is 2, worse than 1"));
  CHECK(contains(reason_to_give_up({1, 1.0}, Metric::mse, "{\"epoch\":1,\"val_mse\":null}\n"), "is not finite"));
  for (const char* const damaged : {"", "{", "[]\n", "{\"epoch\":\"1\"}\n"}) {
    CHECK(reason_to_give_up({1, 1.0}, Metric::mse, damaged).empty());
  }
}

TEST_CASE("give up: the option is a rule, and settings know nothing of it") {
  const TempFolder folder;
  const RunConfig with = run_with(folder, "2:0.5");
  CHECK(text_of(with.run.give_up) == "2:0.5");
  CHECK(text_of(run_with(folder, "none").run.give_up) == "none");
  CHECK(settings_hash(with) == settings_hash(run_with(folder, "none")));
  CHECK_FALSE(contains(settings_text(with), "give_up"));
  for (const char* const wrong : {"", "2", "2:", ":0.5", "0:0.5", "2:half", "2:nan", "2:inf", "2:0.5:1", "-1:0.5"}) {
    CHECK(contains(error_of<UsageError>([&] { run_with(folder, wrong); }), "[give_up] expected"));
  }
}

TEST_CASE("give up: a hopeless run ends with its reason and without a test figure, and goes on under another rule") {
  const TempFolder folder;
  const RunConfig hopeless = run_with(folder, "1:0.001");
  const TrainResult given_up = train(hopeless);
  CHECK(given_up.status == "given up");
  CHECK(given_up.epochs == 1);
  CHECK(given_up.exit_code == 1);
  CHECK(contains(given_up.reason, "after epoch 1: the best val_"));
  const std::string file = read_text(folder / "run/result.json");
  CHECK_FALSE(contains(file, "test_"));
  CHECK(contains(file, "\"give_up\":\"1:0.001\""));
  CHECK(result_from_json(file, "r").reason == given_up.reason);
  RunRecord record = read_run(folder / "run");
  CHECK(record.status == RunRecord::Status::given_up);
  CHECK(record.reason == given_up.reason);
  CHECK_FALSE(record.test());
  CHECK(resumed(hopeless).status == "given up");  // as it is
  CHECK(read_text(folder / "run/result.json") == file);
  CHECK(resumed(run_with(folder, "2:0.001")).epochs == 2);  // a later one
  const TrainResult done = resumed(run_with(folder, "none"));
  CHECK(done.status == "done");
  CHECK(read_run(folder / "run").status == RunRecord::Status::done);
  CHECK(resumed(hopeless).status == "done");     // what is done stays done
  RunConfig once = run_with(folder, "3:0.001");  // the last epoch is the end anyway
  once.run.out = (folder / "once").string();
  const TrainResult undisturbed = train(once);
  CHECK(undisturbed.status == "done");
  CHECK(undisturbed.weights_digest == done.weights_digest);
  CHECK(undisturbed.test_metric == done.test_metric);
}

TEST_CASE("give up: a run that stands behind the epoch of a new rule is judged by it before it goes on") {
  const TempFolder folder;
  const RunConfig config = run_with(folder, "2:0.001");
  (void)train(config);
  fs::remove(folder / "run/result.json");  // as if it was killed before it wrote that
  const TrainResult again = resumed(config);
  CHECK(again.status == "given up");
  CHECK(again.epochs == 2);
  fs::remove(folder / "run/result.json");
  CHECK(resumed(run_with(folder, "1:0.001")).epochs == 2);
}

TEST_CASE("give up: no run is judged by its test part") {
  RunConfig config = load_run_config("lorenz-small", {{"trajectories", "20"}, {"bsz", "4"}, {"give_up", "1:0.5"}});
  const TempFolder folder;
  config.run.out = (folder / "run").string();
  CHECK(error_of<UsageError>([&] { train(config); }) ==
        "[give_up] lorenz has no validation part to judge a run by, and the test part is not for that; "
        "--val_split=0.1 holds back a tenth of the training part");
  config.training.epochs = 1;  // it has no epoch that could be spared
  CHECK(train(config).status == "done");
}

TEST_CASE("give up: whoever had a run that is reopened cannot end it any more") {
  const TempFolder folder;
  CHECK(take_claim(folder.path(), 1));
  CHECK(accept_result(folder.path(), 1, R"({"status":"given up","metric":"mse","give_up":"1:0.5","attempt":1})"));
  reopen_given_up(folder.path(), GiveUpRule{1, 0.5});
  CHECK(fs::exists(folder / "result.json"));
  reopen_given_up(folder.path(), {});
  CHECK_FALSE(fs::exists(folder / "result.json"));
  const Claim claim = newest_claim(folder.path());
  CHECK(claim.state == Claim::State::released);
  CHECK(claim.attempt == 3);
  CHECK_FALSE(accept_result(folder.path(), 1, "{}"));
  CHECK_FALSE(accept_result(folder.path(), 2, "{}"));
  CHECK(take_claim(folder.path(), 4));
  CHECK(accept_result(folder.path(), 4, R"({"status":"done","metric":"mse","test_mse":1.0})"));
  reopen_given_up(folder.path(), {});
  CHECK(fs::exists(folder / "result.json"));
}

}  // namespace
}  // namespace bitstate::experiments

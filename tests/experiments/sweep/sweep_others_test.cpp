// A sweep beside other processes in the same folder.
#include "experiments/run_folder/claim.h"
#include "experiments/run_folder/train.h"
#include "experiments/sweep/run_folders.h"
#include "experiments/sweep/sweep.h"
#include "tests/experiments/sweep/fake_launcher.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::FakeLauncher;
using bitstate::tests::plan_with;
using bitstate::tests::run;
using bitstate::tests::small_sweep;
using bitstate::tests::TempFolder;

}  // namespace

TEST_CASE("sweep: what another process works on is waited for, and its result counts") {
  const TempFolder folder;
  const auto runs = plan_with(small_sweep);
  const auto others = run_folders(runs, folder.path()).at(runs[0].hash);
  std::filesystem::create_directories(others);
  std::ofstream(others / "claim.1") << R"({"host":"there","system":"another","pid":7,"began":1})";
  FakeLauncher launcher;
  int rounds = 0;
  launcher.at_wait = [&] {
    if (++rounds == 10) CHECK(accept_result(others, 1, R"({"status":"done","metric":"mse","test_mse":2.5})"));
  };
  std::vector<std::string> lines;
  const auto summary = run(runs, folder.path(), launcher, &lines);
  CHECK(launcher.started.size() == 5);
  CHECK(summary.elsewhere == 1);
  CHECK(summary.measured == 4);
  CHECK(exit_code(summary) == 0);
  const auto said = [&](const std::string& words) {
    return std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return contains(line, words); });
  };
  CHECK(said("waiting   float seed=1: run by there:7") == 1);
  CHECK(said("done      float seed=1, by another process") == 1);
}

TEST_CASE("sweep: a run that another process takes over is ended here and waited for") {
  const TempFolder folder;
  const auto runs = plan_with("recipe = lorenz-small\nquant = none\n");
  REQUIRE(runs.size() == 1);
  const auto taken = run_folders(runs, folder.path()).at(runs[0].hash);
  FakeLauncher launcher;
  int rounds = 0;
  launcher.at_wait = [&] {
    if (++rounds == 1) {
      CHECK(std::filesystem::exists(taken / "claim.1"));
      std::ofstream(taken / "claim.2") << R"({"host":"there","system":"another","pid":7,"began":1})";
      launcher.hold = true;
    }
    if (rounds == 10) CHECK(accept_result(taken, 2, R"({"status":"done","metric":"mse","test_mse":2.5})"));
  };
  const auto summary = run(runs, folder.path(), launcher);
  CHECK(launcher.killed == std::vector<int>{1});
  CHECK(summary.done == 0);
  CHECK(summary.elsewhere == 1);
}

TEST_CASE("sweep: a run that failed elsewhere since is not tried again by this call, and one from before is") {
  const TempFolder folder;
  const auto runs = plan_with(small_sweep);
  const auto folders = run_folders(runs, folder.path());
  const std::string failed = R"({"host":"there","system":"another","pid":7,"began":1,"failed":"out of memory"})";
  for (int i : {0, 1}) std::filesystem::create_directories(folders.at(runs[i].hash));
  std::ofstream(folders.at(runs[1].hash) / "claim.1") << failed;
  std::ofstream(folders.at(runs[0].hash) / "claim.4") << R"({"host":"there","system":"another","pid":7,"began":1})";
  FakeLauncher launcher;
  launcher.at_wait = [&] { std::ofstream(folders.at(runs[0].hash) / "claim.4") << failed; };
  std::vector<std::string> lines;
  const auto summary = run(runs, folder.path(), launcher, &lines);
  CHECK(summary.failed == 1);
  CHECK(launcher.started.size() == 5);
  CHECK(std::count(lines.begin(), lines.end(), "failed    float seed=1: run by there:7: out of memory") == 1);
}

TEST_CASE("sweep: what a longer run takes over is written by whoever has claimed it, and else fails alone") {
  const TempFolder folder;
  const std::string text = "recipe = lorenz-small\nset.trajectories = 20\nset.bsz = 4\nquant = none\nseeds = 1 2 3 4\n";
  const auto shorter = plan_with(text + "set.epochs = 1\n");
  const auto longer = plan_with(text + "set.epochs = 2\n");
  for (const SweepRun& run : shorter) {
    RunConfig config = run.config;
    config.run.out = run_folders(shorter, folder.path()).at(run.hash).string();
    (void)train(config);
  }
  const auto folders = run_folders(longer, folder.path());
  const auto held = folders.at(longer[0].hash);
  const auto faulty = folders.at(longer[1].hash);
  std::filesystem::create_directories(held);
  std::ofstream(held / "claim.1") << R"({"host":"there","system":"another","pid":7,"began":1})";
  std::filesystem::create_directories(faulty / "extended_from.txt");
  std::filesystem::create_directories(folders.at(longer[2].hash) / "curves.csv");
  const auto looped = folders.at(longer[3].hash);
  std::filesystem::create_directories(looped);
  std::filesystem::create_symlink("checkpoint.h5", looped / "checkpoint.h5");
  FakeLauncher launcher;
  int rounds = 0;
  launcher.at_wait = [&] {
    CHECK(std::filesystem::exists(held / "checkpoint.h5") == (rounds >= 10));
    if (++rounds == 10) leave_claim(held, 1);
  };
  std::vector<std::string> lines;
  const auto say = [&](std::string_view line, bool transient) {
    if (!transient) lines.emplace_back(line);
  };
  const auto summary = run_sweep(longer, {folder.path(), 1, {}, true}, launcher, say);
  CHECK(launcher.started == std::vector<std::string>{"float seed=1"});
  CHECK(std::filesystem::exists(held / "extended_from.txt"));
  CHECK(summary.done == 1);
  CHECK(summary.failed == 3);
  CHECK(newest_claim(faulty).state == Claim::State::failed);
  CHECK(newest_claim(looped).state == Claim::State::failed);
  const auto is_said = [&](const std::string& begin, const std::string& words) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.starts_with(begin) && contains(line, words); });
  };
  CHECK(is_said("failed    float seed=2: [", "extended_from.txt] "));
  CHECK(is_said("failed    float seed=3: [", "curves.csv] "));
  CHECK(is_said("failed    float seed=4: ", "checkpoint.h5"));
}

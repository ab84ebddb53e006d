// Runs of a sweep that fail, stop or leave what is no result, and what starts from them.
#include "experiments/run_folder/text_files.h"
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
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::accounted;
using bitstate::tests::contains;
using bitstate::tests::FakeLauncher;
using bitstate::tests::plan_with;
using bitstate::tests::run;
using bitstate::tests::small_sweep;
using bitstate::tests::TempFolder;

}  // namespace

TEST_CASE("sweep: a run that ends without a result is failed, is tried again, and does not stop the others") {
  const TempFolder folder;
  FakeLauncher first, second, third;
  first.fails = "a_bits=8 seed=1";
  std::vector<std::string> lines;
  const auto summary = run(plan_with(small_sweep), folder.path(), first, &lines);
  CHECK(summary.failed == 1);
  CHECK(summary.done == 3);
  CHECK(std::any_of(lines.begin(), lines.end(),
                    [](const auto& line) { return contains(line, "failed    a_bits=8 seed=1: exit code 1"); }));
  second.fails = "a_bits=8 seed=1";
  second.fails_with = 128 + 9;
  CHECK(run(plan_with(small_sweep), folder.path(), second, &lines).failed == 1);
  CHECK(second.started == std::vector<std::string>{"a_bits=8 seed=1"});
  CHECK(contains(lines.back(), "failed    a_bits=8 seed=1: killed by signal 9; see "));
  CHECK(run(plan_with(small_sweep), folder.path(), third).done == 1);
}

namespace {

constexpr const char* staged_sweep =
    "recipe = lorenz-small\nseeds = 1 2\nquant = w8a8\nstage.float =\nstage.ptq = epochs=0\nstage.qaft = epochs=1\n";

}  // namespace

TEST_CASE("sweep: a run starts only when the run that it starts from is done") {
  const TempFolder folder;
  FakeLauncher launcher;
  CHECK(run(plan_with(staged_sweep), folder.path(), launcher, nullptr, 3).done == 6);
  // both float runs first, for two of three places; then what starts from them
  CHECK(launcher.started == std::vector<std::string>{"float float seed=1", "float float seed=2",
                                                     "quant=w8a8 ptq seed=1", "quant=w8a8 qaft seed=1",
                                                     "quant=w8a8 ptq seed=2", "quant=w8a8 qaft seed=2"});
  const auto folders = run_folders(plan_with(staged_sweep), folder.path());
  for (const auto& planned : plan_with(staged_sweep)) {
    if (planned.source.empty()) continue;
    const auto settings = read_ini(folders.at(planned.hash) / "settings.ini");
    CHECK(*last_value(settings, "from") == "../" + folders.at(planned.source).filename().string());
  }
}

TEST_CASE("sweep: what starts from a run that failed or diverged is not started, and the rest goes on") {
  const TempFolder folder;
  FakeLauncher failing, later;
  failing.fails = "float float seed=1";
  std::vector<std::string> lines;
  const auto runs = plan_with(staged_sweep);
  const auto summary = run(runs, folder.path(), failing, &lines, 2);
  CHECK(summary.failed == 1);
  CHECK(summary.not_started == 2);
  CHECK(summary.done == 3);
  CHECK(std::count(lines.begin(), lines.end(), "not started: quant=w8a8 ptq seed=1: the run it starts from failed") ==
        1);
  CHECK(run(runs, folder.path(), later).done == 3);  // a failed one is tried again

  const TempFolder other;
  const auto source = run_folders(runs, other.path()).at(runs[0].hash);
  std::filesystem::create_directories(source);
  std::ofstream(source / "result.json") << R"({"status":"diverged","metric":"mse"})";
  FakeLauncher launcher;
  lines.clear();
  const auto rest = run(runs, other.path(), launcher, &lines);
  CHECK(rest.not_started == 2);
  CHECK(rest.done == 3);
  CHECK(std::count(lines.begin(), lines.end(), "not started: quant=w8a8 ptq seed=1: the run it starts from diverged") ==
        1);
}

TEST_CASE("sweep: a torn result.json counts as none") {
  const TempFolder folder;
  const auto runs = plan_with(small_sweep);
  std::filesystem::create_directories(folder.path() / "runs" / runs[0].hash);
  std::ofstream(folder.path() / "runs" / runs[0].hash / "result.json") << R"({"status":"do)";
  FakeLauncher launcher;
  CHECK(run(runs, folder.path(), launcher).skipped == 0);
  CHECK(launcher.started.size() == 6);
}

TEST_CASE("sweep: a result of another process is not taken for a torn one, whenever it comes") {
  const TempFolder folder;
  const auto runs = plan_with("recipe = lorenz-small\nquant = none\n");
  const auto others = run_folders(runs, folder.path()).at(runs[0].hash);
  std::filesystem::create_directories(others);
  std::ofstream(others / "claim.1") << R"({"host":"there","system":"another","pid":7,"began":1})";
  std::ofstream(others / "result.json") << R"({"status":"do)";
  FakeLauncher launcher;
  int rounds = 0;
  launcher.at_wait = [&] {
    if (++rounds == 1) CHECK(read_text(others / "result.json") == R"({"status":"do)");  // the holder's own affair
    if (rounds == 3) std::ofstream(others / "result.json") << R"({"status":"done","metric":"mse","test_mse":2.5})";
  };
  CHECK(run(runs, folder.path(), launcher).elsewhere == 1);
  CHECK(launcher.started.empty());
}

TEST_CASE("sweep: a whole result that this version does not count is named, counts as failed and stays") {
  for (const std::string text : {R"({"status":"of a later version"})", R"({"status":"done","metric":"mse"})", "[]"}) {
    const TempFolder folder;
    const auto runs = plan_with(staged_sweep);
    const auto strange = run_folders(runs, folder.path()).at(runs[0].hash);
    std::filesystem::create_directories(strange);
    std::ofstream(strange / "result.json") << text;
    FakeLauncher launcher;
    std::vector<std::string> lines;
    const auto summary = run(runs, folder.path(), launcher, &lines);
    CHECK(summary.failed == 1);
    CHECK(summary.not_started == 2);
    CHECK(summary.done == 3);
    CHECK(exit_code(summary) == 1);
    CHECK(lines.front() == "failed    float float seed=1: " + (strange / "result.json").string() +
                               " is no result of this version; move it away to run this again");
    CHECK(read_text(strange / "result.json") == text);
  }
}

TEST_CASE("sweep: a run that alone was asked to stop is counted, and is for the next call") {
  const TempFolder folder;
  FakeLauncher launcher, later;
  launcher.stops = "float float seed=1";
  const auto runs = plan_with(staged_sweep);
  const auto summary = run(runs, folder.path(), launcher);
  CHECK(summary.stopped == 1);
  CHECK(summary.not_started == 2);
  CHECK(summary.done == 3);
  CHECK(accounted(summary) == summary.planned);
  CHECK_FALSE(summary.interrupted);
  CHECK(exit_code(summary) == 75);
  CHECK(run(runs, folder.path(), later).done == 3);
}

TEST_CASE("sweep: runs that could not be started are no success") {
  SweepSummary summary;
  summary.planned = 3;
  summary.measured = summary.skipped = 2;
  CHECK(exit_code(summary) == 0);
  summary.not_started = 1;
  CHECK(exit_code(summary) == 1);
}

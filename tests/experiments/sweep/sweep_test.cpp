#include "experiments/sweep/sweep.h"

#include "core/error.h"
#include "experiments/run_folder/load.h"
#include "experiments/sweep/run_folders.h"
#include "tests/experiments/sweep/fake_launcher.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace {

using namespace bitstate::experiments;
using bitstate::Error;
using bitstate::tests::accounted;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::FakeLauncher;
using bitstate::tests::plan_with;
using bitstate::tests::run;
using bitstate::tests::small_sweep;
using bitstate::tests::TempFolder;

}  // namespace

TEST_CASE("sweep: every run gets its folder and its settings, which load back to the same run") {
  const TempFolder folder;
  const auto runs = plan_with(small_sweep);
  FakeLauncher launcher;
  const auto summary = run(runs, folder.path(), launcher);
  CHECK(summary.planned == 6);
  CHECK(summary.done == 4);
  const auto folders = run_folders(runs, folder.path());
  for (const auto& planned : runs) {
    const auto settings_file = folders.at(planned.hash) / "settings.ini";
    CHECK(settings_hash(load_run_config(settings_file.string(), {})) == planned.hash);
  }
}

TEST_CASE("sweep: plan.json says what is planned before anything runs, and keeps what earlier calls knew") {
  const TempFolder folder;
  FakeLauncher launcher, later;
  launcher.stop_after = 1;
  const auto first = plan_with(small_sweep);
  run_sweep(first, {folder.path(), 1, {"0.1.0", "bitstate sweep", "", "", 2, "", {}}}, launcher,
            [](std::string_view, bool) {});
  const auto plan = read_plan_file(folder.path());
  REQUIRE(plan);
  CHECK(plan->command == "bitstate sweep");
  REQUIRE(plan->rows.size() == 3);
  CHECK(plan->rows[0].label == "float");
  CHECK(plan->rows[1].label == "a_bits=2");
  CHECK(plan->rows[2].label == "a_bits=8");
  for (const PlanRow& row : plan->rows) {
    REQUIRE(row.runs.size() == 2);
    CHECK(row.runs[0].seed == 1);
    CHECK(row.runs[1].seed == 2);
    for (const PlanRun& run : row.runs) CHECK(std::filesystem::is_directory(folder / "runs" / run.folder));
  }
  CHECK(plan->rows[1].runs[0].folder == "a-bits-2-seed-1-" + first[1].hash);
  run(plan_with("recipe = lorenz-small\nseeds = 2\naxis.a_bits = 4\n"), folder.path(), later);
  const auto wider = read_plan_file(folder.path());
  REQUIRE(wider->rows.size() == 4);
  CHECK(wider->rows[0].label == "float");
  CHECK(wider->rows[0].runs.size() == 2);
  CHECK(wider->rows[1].label == "a_bits=4");
  CHECK(wider->rows[2].label == "a_bits=2");
  std::ofstream(folder / "plan.json") << "{";
  CHECK(contains(error_of<Error>([&] { run(first, folder.path(), later); }), "plan.json] is damaged"));
}

TEST_CASE("sweep: runs of older sweeps, in folders called by their hash, are not run again") {
  const TempFolder folder;
  FakeLauncher launcher;
  const auto runs = plan_with(small_sweep);
  const auto old = folder / "runs" / runs[0].hash;
  std::filesystem::create_directories(old);
  std::ofstream(old / "result.json") << R"({"status":"done","metric":"mse","test_mse":1.5})";
  CHECK(run(runs, folder.path(), launcher).skipped == 1);
  CHECK(launcher.started.size() == 5);
  CHECK(read_plan_file(folder.path())->rows[0].runs[0].folder == runs[0].hash);
}

TEST_CASE("sweep: a diverged run is reported with its reason, and the others go on") {
  const TempFolder folder;
  FakeLauncher launcher;
  std::vector<std::string> lines;
  const auto summary = run(plan_with(small_sweep), folder.path(), launcher, &lines);
  CHECK(summary.diverged == 2);
  CHECK(summary.done == 4);
  CHECK(summary.measured == 4);
  CHECK(summary.failed == 0);
  const auto told = std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
    return contains(line, "diverged") && contains(line, "a_bits=2") && contains(line, "loss is NaN in step 3");
  });
  CHECK(told == 2);
}

TEST_CASE("sweep: a run that is given up is no failure, is left alone under its rule, and goes on under another") {
  const TempFolder folder;
  const std::string text = "recipe = lorenz-small\nseeds = 1 2\nrow.A = a_bits=8\n";
  const Settings rule{{"give_up", "5:9"}};
  FakeLauncher launcher, again, without;
  launcher.gives_up = "A seed=2";
  std::vector<std::string> lines;
  const auto first = run(plan_with(text, rule), folder.path(), launcher, &lines);
  CHECK(first.given_up == 1);
  CHECK(first.done == 3);
  CHECK(accounted(first) == first.planned);
  CHECK(exit_code(first) == 0);
  CHECK(std::any_of(lines.begin(), lines.end(),
                    [](const auto& line) { return contains(line, "given up  A seed=2: after epoch 5: too bad"); }));
  const auto second = run(plan_with(text, rule), folder.path(), again);
  CHECK(again.started.empty());
  CHECK(second.skipped == 4);
  CHECK(second.skipped_given_up == 1);
  CHECK(second.measured == 3);
  const auto third = run(plan_with(text), folder.path(), without);
  CHECK(without.started == std::vector<std::string>{"A seed=2"});
  CHECK(third.measured == 4);
}

TEST_CASE("sweep: what starts from a run that was given up is not started") {
  const TempFolder folder;
  FakeLauncher launcher;
  launcher.gives_up = "float seed=1";
  const auto summary =
      run(plan_with(
              "recipe = lorenz-small\nseeds = 1\nrow.A = a_bits=8\nstage.float = give_up=5:9\nstage.ptq = epochs=0\n"),
          folder.path(), launcher);
  CHECK(summary.given_up == 1);
  CHECK(summary.not_started == 1);
}

TEST_CASE("sweep: a second call skips what is done or diverged, and a wider sweep runs only what is new") {
  const TempFolder folder;
  FakeLauncher first, second, third;
  run(plan_with(small_sweep), folder.path(), first);
  const auto again = run(plan_with(small_sweep), folder.path(), second);
  CHECK(second.started.empty());
  CHECK(again.skipped == 6);
  CHECK(again.measured == 4);
  const auto wider = run(plan_with("recipe = lorenz-small\nseeds = 1 2\naxis.a_bits = 2 4 8\n"), folder.path(), third);
  CHECK(wider.skipped == 6);
  CHECK(third.started == std::vector<std::string>{"a_bits=4 seed=1", "a_bits=4 seed=2"});
}

TEST_CASE("sweep: asked to stop it starts nothing more, waits for the running ones and says so") {
  const TempFolder folder;
  FakeLauncher launcher, later;
  launcher.stop_after = 2;
  const auto summary = run(plan_with(small_sweep), folder.path(), launcher, nullptr, 2);
  CHECK(summary.interrupted);
  CHECK(summary.stopped == 2);
  CHECK(summary.left == 4);
  CHECK(accounted(summary) == summary.planned);
  CHECK(launcher.started.size() == 2);
  CHECK(summary.failed == 0);
  CHECK(run(plan_with(small_sweep), folder.path(), later).done == 4);
}

TEST_CASE("sweep: jobs bounds how many runs are in work at once") {
  const TempFolder one, three;
  FakeLauncher narrow, wide;
  run(plan_with(small_sweep), one.path(), narrow, nullptr, 1);
  run(plan_with(small_sweep), three.path(), wide, nullptr, 3);
  CHECK(narrow.most_at_once == 1);
  CHECK(wide.most_at_once == 3);
}

TEST_CASE("sweep: a report that cannot be written in the end is said, and is no success") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "index.html" / "in_the_way");
  FakeLauncher launcher;
  std::vector<std::string> lines;
  const auto summary = run(plan_with("recipe = lorenz-small\nquant = none\n"), folder.path(), launcher, &lines);
  CHECK(summary.done == 1);
  CHECK(summary.no_report);
  CHECK(exit_code(summary) == 1);
  const auto is_said = [&](std::string_view begin) {
    return std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return line.starts_with(begin); });
  };
  CHECK(is_said("warning: ") == 1);  // of the page meanwhile
  CHECK(is_said("failed    the report: ") == 1);
}

TEST_CASE("sweep: two sweeps plan one after the other") {
  const TempFolder folder;
  const int lock = open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(flock(lock, LOCK_EX | LOCK_NB) == 0);
  std::thread other([lock] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    close(lock);
  });
  FakeLauncher launcher;
  CHECK(run(plan_with(small_sweep), folder.path(), launcher).done == 4);
  other.join();
}

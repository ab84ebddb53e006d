#include "experiments/sweep/sweep.h"

#include "core/error.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/claim.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "experiments/sweep/run_folders.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace {

using namespace bitstate::experiments;
using bitstate::Error;
using bitstate::UsageError;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::TempFolder;

std::vector<SweepRun> plan_with(const std::string& text, const Settings& overrides = {}) {
  return plan_sweep(parse_ini(text, "s.ini"), "s.ini", overrides);
}

/// Ends runs in the order in which they were started; what a run leaves is decided by its label.
class FakeLauncher : public RunLauncher {
 public:
  std::vector<std::string> started;
  std::size_t most_at_once = 0;
  std::vector<int> killed;
  bool hold = false;  ///< no run ends
  std::function<void()> at_wait = [] {};
  std::size_t stop_after = 1000;  ///< asks to stop when so many runs were started
  std::string fails = "nothing";
  int fails_with = 1;
  std::string stops = "nothing";
  std::string gives_up = "nothing";

  int start(const SweepRun& run, const std::filesystem::path& folder) override {
    CHECK(std::filesystem::exists(folder / "settings.ini"));
    started.push_back(run.label);
    waiting_.push_back({static_cast<int>(started.size()), run.label, folder});
    most_at_once = std::max(most_at_once, waiting_.size());
    return static_cast<int>(started.size());
  }

  Event wait() override {
    at_wait();
    if (!stopping_ && started.size() >= stop_after) {
      stopping_ = true;
      return {Event::Kind::stop, 0, 0};
    }
    if (waiting_.empty() || hold) return {};
    const Job job = waiting_.front();
    waiting_.pop_front();
    if (stopping_ || contains(job.label, stops)) return {Event::Kind::ended, job.id, 75};
    if (contains(job.label, fails)) return {Event::Kind::ended, job.id, fails_with};
    if (contains(job.label, gives_up)) {
      std::ofstream(job.folder / "result.json")
          << R"({"status":"given up","metric":"mse","give_up":"5:9","attempt":1,"reason":"after epoch 5: too bad"})";
      return {Event::Kind::ended, job.id, 1};
    }
    const bool diverges = contains(job.label, "a_bits=2");
    std::ofstream(job.folder / "result.json")
        << (diverges ? R"({"status":"diverged","reason":"loss is NaN in step 3","metric":"mse","test_mse":0.0})"
                     : R"({"status":"done","metric":"mse","test_mse":1.5})");
    return {Event::Kind::ended, job.id, diverges ? 1 : 0};
  }

  void kill(int job) override { killed.push_back(job); }

 private:
  struct Job {
    int id;
    std::string label;
    std::filesystem::path folder;
  };
  std::deque<Job> waiting_;
  bool stopping_ = false;
};

constexpr const char* small_sweep = "recipe = lorenz-small\nseeds = 1 2\naxis.a_bits = 2 8\n";

SweepSummary run(const std::vector<SweepRun>& runs, const std::filesystem::path& out, RunLauncher& launcher,
                 std::vector<std::string>* lines = nullptr, std::size_t jobs = 1) {
  return run_sweep(runs, {out, jobs}, launcher, [lines](std::string_view line, bool transient) {
    if (lines != nullptr && !transient) lines->emplace_back(line);
  });
}

/// All runs that a summary knows the end of.
std::size_t accounted(const SweepSummary& s) {
  return s.skipped + s.elsewhere + s.done + s.diverged + s.given_up + s.failed + s.not_started + s.stopped + s.left;
}

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

#include "experiments/results/run_record.h"

#include "core/error.h"
#include "experiments/report/report.h"
#include "experiments/run_folder/source.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::axis_of;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::MadeUpRuns;
using bitstate::tests::row_at;
using bitstate::tests::TempFolder;

const std::string done = R"({"status":"done","test_rmse":1.0})";

/// What a process that trains in `run` holds.
class HeldLock {
 public:
  explicit HeldLock(const std::filesystem::path& run)
      : file_(open((run / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    REQUIRE(flock(file_, LOCK_EX | LOCK_NB) == 0);
  }
  ~HeldLock() { close(file_); }
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

 private:
  int file_;
};

}  // namespace

TEST_CASE("report: of an unfinished sweep every configuration is one row whose counts add up") {
  MadeUpRuns runs;
  for (const std::string a : {"none", "4", "8"}) {
    const std::string settings = "dataset = own\na_bits = " + a + "\nepochs = 5\n";
    runs.add(settings + "seed = 1\ndata = /series.csv\n", a == "4" ? R"({"status":"diverged"})" : done);
    runs.add(settings + "seed = 2\n", a == "none" ? done : "");  // an older version kept no data in what it planned
    runs.add(settings + "seed = 3\ndata = /series.csv\n", "");
  }
  const HeldLock lock(runs.folder / "runs/run8");
  const Report report = runs.report();
  CHECK(report.columns == std::vector<std::string>{"a_bits"});
  REQUIRE(report.rows.size() == 3);
  for (const auto& row : report.rows) CHECK(row.test.n + row.diverged + row.running + row.missing == 3);
  CHECK(contains(report_markdown(report), "| n | diverged | running | missing |"));
  CHECK(contains(report_markdown(report), "| 8 | 1.000 | 0.000 | – | – | 1 | 0 | 1 | 1 | – |"));
  CHECK(contains(report_markdown(report), "| 4 | – | – | – | – | 0 | 1 | 0 | 2 | – |"));
}

TEST_CASE("report: sources that differ in the seed alone have a name for all seeds") {
  MadeUpRuns runs;
  for (const std::string seed : {"0", "1"}) runs.add("epochs = 9\nseed = " + seed + "\n", "");
  const auto from = [&](const std::string& path, const std::string& seed) {
    return runs.add("a_bits = 8\nepochs = 3\nfrom = " + path + "\nseed = " + seed + "\n", "");
  };
  const auto names = [&] {
    std::set<std::string> found;
    for (const RunRecord& run : read_runs({runs.folder.path()})) found.insert(run.setting("from"));
    return found;
  };
  from("../run0", "0");
  CHECK(names() == std::set<std::string>{"", "../run0"});
  from("../run1", "1");
  CHECK(names() == std::set<std::string>{"", "../run{seed}"});
  from("../run1", "2");  // now it is the source of two seeds, and no seed's own
  CHECK(names() == std::set<std::string>{"", "../run0", "../run1"});
}

TEST_CASE("report: kinds of sources whose folders are called alike but for the seed are told apart by their settings") {
  MadeUpRuns runs;
  for (const std::string epochs : {"9", "4"}) {
    for (const std::string seed : {"1", "2"}) {
      const std::string name = "float-seed-" + seed + "-000000000000000" + epochs;
      std::filesystem::rename(runs.add("epochs = " + epochs + "\nlr_factor = 2\nseed = " + seed + "\n", done),
                              runs.folder / "runs" / name);
      runs.add("a_bits = 8\nepochs = 0\nfrom = ../" + name + "\nseed = " + seed + "\n", done);
    }
  }
  std::set<std::string> names;
  for (const RunRecord& run : read_runs({runs.folder.path()})) names.insert(run.setting("from"));
  CHECK(names == std::set<std::string>{"", "../float-seed-{seed} (epochs 9)", "../float-seed-{seed} (epochs 4)"});
  CHECK(runs.report().rows.size() == 4);
}

TEST_CASE("report: weights of a source that still trains say nothing of the runs that will start from it") {
  MadeUpRuns runs;
  const auto source = runs.add("epochs = 9\n", "");
  const auto run = runs.add("a_bits = 8\nfrom = ../run0\n", "");
  MadeUpRuns::keep_weights(source, 1.0F);
  CHECK(read_run(run).source.empty());  // the next epoch may have others
  bitstate::tests::write_quickly(source / "result.json", done);
  CHECK(read_run(run).source == source_digest(source));
}

TEST_CASE("report: a run that was given up is counted and listed as such, and is in no mean") {
  MadeUpRuns runs;
  const std::string settings = "dataset = own\na_bits = 8\n";
  runs.add(settings + "seed = 1\n", done);
  runs.add(
      settings + "seed = 2\n",
      R"({"status":"given up","metric":"mse","val_mse":7.0,"reason":"after epoch 2: the best val_mse is 7, worse than 5"})",
      "{\"epoch\":1,\"val_mse\":9.0}\n");
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 1);
  CHECK(report.rows[0].test.n == 1);
  CHECK(report.rows[0].given_up == 1);
  CHECK(report.rows[0].missing == 0);
  CHECK(report.rows[0].validation.n == 0);
  const std::string text = report_markdown(report);
  CHECK(contains(text, "| n | diverged | given up | missing |"));
  CHECK(contains(text, "\nGiven up (1), in none of the figures above:\n\n- seed 2 (run1): "));
  CHECK(contains(report_csv(report), ",qs5,cortex_m4_instructions,given_up\n"));
  CHECK(contains(report_csv(report), ",1\n"));
  CHECK(contains(text, "after epoch 2: the best val_mse is 7, worse than 5"));
  CHECK(contains(runs_csv(report), ",given up,"));
}

TEST_CASE("report: where the data are is a column where it differs, and one's own other data are not compared") {
  MadeUpRuns runs;
  const auto add = [&](const std::string& data, const std::string& a, double rmse) {
    for (const double seed : {1.0, 2.0}) {
      runs.add(fmt::format("dataset = own\ndata = {}\na_bits = {}\nseed = {}\n", data, a, seed),
               fmt::format(R"({{"status":"done","test_rmse":{}}})", rmse + 0.01 * seed));
    }
  };
  add("/easy.csv", "none", 1.0);
  add("/easy.csv", "4", 2.0);
  add("/easy.csv", "8", 3.0);
  add("/hard.csv", "none", 9.0);
  add("/hard.csv", "4", 8.0);
  add("/hard.csv", "8", 7.0);
  const Report report = runs.report();
  CHECK(report.columns == std::vector<std::string>{"a_bits", "data"});
  CHECK_FALSE(row_at(report, "8", "/easy.csv").best);
  CHECK(row_at(report, "4", "/easy.csv").best);
  CHECK_FALSE(row_at(report, "none", "/hard.csv").best);
  CHECK_FALSE(row_at(report, "4", "/hard.csv").best);
  CHECK(row_at(report, "8", "/hard.csv").best);
  CHECK(*row_at(report, "4", "/hard.csv").difference.mean == doctest::Approx(-1.0));
  CHECK(contains(report_markdown(report), "every other quantized one that is tested on the same data"));
}

TEST_CASE("report: columns stand in the order of the options, whatever the runs and their folders are called") {
  std::vector<std::string> texts{"dataset = lorenz\ntrajectories = 5\nbsz = 8\n",
                                 "dataset = mackey-glass\ntau = 5\ntrajectories = 5\nbsz = 8\n",
                                 "dataset = own\nwindow = 4\nmoons = 2\ninput = u\nbsz = 8\ndata = /a.csv\n",
                                 "data = /b.csv\ndataset = own\nwindow = 4\ninput = u\nbsz = 8\n"};
  std::sort(texts.begin(), texts.end());
  do {
    MadeUpRuns runs;
    for (const std::string& text : texts) runs.add(text, done);
    const Report report = runs.report();
    CHECK(report.columns ==
          std::vector<std::string>{"dataset", "tau", "trajectories", "input", "window", "moons", "data"});
    CHECK(report.common == Settings{{"bsz", "8"}});
  } while (std::next_permutation(texts.begin(), texts.end()));
}

TEST_CASE("report: a run that kept the options of all data sets and one that kept its own are one row") {
  for (const bool older_first : {false, true}) {
    MadeUpRuns runs;
    const std::string older = "dataset = lorenz\na_bits = 4\nseed = 1\ntau = 17\ncontour_length = 14\nwindow = 0\n";
    const std::string newer = "dataset = lorenz\na_bits = 4\nseed = 2\n";
    runs.add(older_first ? older : newer, done);
    runs.add(older_first ? newer : older, done);
    const Report report = runs.report();
    CHECK(report.columns.empty());
    REQUIRE(report.rows.size() == 1);
    CHECK(report.rows.front().test.n == 2);
    CHECK(report.common ==
          Settings{{"dataset", "lorenz"}, {"a_bits", "4"}, {"tau", "17"}, {"contour_length", "14"}, {"window", "0"}});
  }
}

TEST_CASE("report: the best is one of its data set, and of what is asked of the data") {
  const std::vector<std::pair<std::string, std::string>> data{
      {"dataset = smnist", "dataset = psmnist"},
      {"dataset = mackey-glass\ntau = 1", "dataset = mackey-glass\ntau = 17"},
      {"dataset = own\ntarget = y", "dataset = own\ntarget = z"},
      {"dataset = own\nhorizon = 1", "dataset = own\nhorizon = 9"}};
  for (const auto& [easy, hard] : data) {
    const std::string& harder = hard;
    CAPTURE(harder);
    MadeUpRuns runs;
    for (const std::string epochs : {"1", "2"}) {
      for (const std::string seed : {"\nseed = 1", "\nseed = 2"}) {
        runs.add(easy + seed + "\nepochs = " + epochs, R"({"status":"done","test_mse":)" + epochs + "}");
        runs.add(hard + seed + "\nepochs = " + epochs, R"({"status":"done","test_mse":1)" + epochs + "}");
      }
    }
    std::vector<double> best;
    for (const auto& row : runs.report().rows) {
      if (row.best) best.push_back(*row.test.mean);
    }
    std::sort(best.begin(), best.end());
    CHECK(best == std::vector<double>{1.0, 11.0});
  }
}

TEST_CASE("report: a run in progress is shown as running, with its curves so far, until its process has ended") {
  MadeUpRuns runs;
  const std::string epochs = "{\"epoch\":1,\"train_loss\":4.0}\n{\"epoch\":2,\"train_loss\":2.0}\n";
  runs.add("a_bits = 4\nseed = 1\n", done, "{\"epoch\":1,\"train_loss\":3.0}\n{\"epoch\":2,\"train_loss\":1.0}\n");
  const auto run = runs.add("a_bits = 4\nseed = 2\n", "", epochs);
  runs.add("a_bits = 8\nseed = 1\n", "");
  {
    const HeldLock lock(run);
    const Report report = runs.report();
    REQUIRE(report.running.size() == 1);
    CHECK(report.running[0].folder == run);
    CHECK(report.missing.size() == 1);
    CHECK(report.rows[0].running == 1);
    CHECK(report.rows[0].missing == 0);
    const Curves expected{{"train_loss", {{1.0, 4.0}, {2.0, 2.0}}}};
    REQUIRE(report.rows[0].curves_so_far.size() == 1);
    CHECK(report.rows[0].curves_so_far[0].second == expected);
    CHECK(report.rows[0].curves.at("train_loss").back().second == 1.0);  // of those that are done
    CHECK(contains(report_terminal(report), "Running (1)"));
    CHECK(contains(report_terminal(report), "seed 2, a_bits 4 (run1): 2 epochs so far"));
    const std::string page = report_html(report);
    CHECK(contains(page, "<title>a_bits 4, seed 2, running</title>"));
    CHECK(contains(page, "stroke-dasharray=\"1 3\""));
    CHECK(contains(report_csv(report), ",running,a_products,a_stored_bits,"));
  }
  CHECK(runs.report().running.empty());
  CHECK(runs.report().missing.size() == 2);
  CHECK_FALSE(contains(report_markdown(runs.report()), "running"));
}

TEST_CASE("report: several folders and folders of sweeps are tabulated together, each run once") {
  MadeUpRuns one, two;
  const TempFolder all;
  one.accuracy("a_bits = 4\nseed = 1\n", 0.5);
  one.accuracy("a_bits = none\nseed = 1\n", 0.9);
  two.accuracy("a_bits = 8\nseed = 1\n", 0.7);
  two.accuracy("a_bits = none\nseed = 1\n", 0.9);  // the same float run, trained by both sweeps
  two.accuracy("a_bits = none\nseed = 2\n", 0.8);
  const auto check = [&](const std::vector<std::filesystem::path>& dirs) {
    const Report report = make_report(read_runs(dirs));
    REQUIRE(report.rows.size() == 3);
    CHECK(report.rows[0].test.n == 2);
    CHECK(*report.rows[0].test.mean == doctest::Approx(0.85));
    CHECK(*report.rows[1].difference.mean == doctest::Approx(-0.4));  // to the run of seed 1
    REQUIRE(report.repeated.size() == 1);
    CHECK(contains(report_markdown(report), "Repeated (1)"));
  };
  check({one.folder.path(), two.folder.path()});
  check({one.folder.path(), two.folder / "runs", two.folder.path()});
  std::filesystem::create_directories(all / "sweeps/nested");
  std::filesystem::rename(one.folder / "runs", all / "sweeps/one");
  std::filesystem::rename(two.folder / "runs", all / "sweeps/nested/two");
  std::filesystem::create_directory_symlink(all.path(), all / "sweeps/circle");
  check({all.path()});
  CHECK(contains(error_of<UsageError>([&] { read_runs({all.path(), one.folder.path()}); }), "holds no runs"));
  CHECK(contains(error_of<UsageError>([&] { read_runs({all / "absent"}); }), "absent] cannot be read"));
}

TEST_CASE("report: a repeated run with another result is said to have one, and a result counts before none") {
  MadeUpRuns runs;
  runs.add("seed = 1\n", "");
  runs.accuracy("seed = 1\n", 0.5);
  runs.accuracy("seed = 1\n", 0.6);
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 1);
  CHECK(report.rows[0].test.n == 1);
  CHECK(report.rows[0].missing == 0);
  CHECK(*report.rows[0].test.mean == doctest::Approx(0.5));
  REQUIRE(report.repeated.size() == 2);
  CHECK(contains(report.repeated[1].reason, "another one"));
  CHECK_FALSE(contains(report.repeated[0].reason, "another one"));
}

TEST_CASE("report: sources that are gone and were called by the seeds of their runs have a name for all seeds") {
  MadeUpRuns runs;
  const auto add = [&](const std::string& bits, const std::string& from, int seed, const std::string& digest) {
    const auto run = runs.accuracy(fmt::format("bits = {}\nfrom = ../../{}\nseed = {}\n", bits, from, seed), 0.8);
    MadeUpRuns::keep_weights(run, 1.0F, digest);
  };
  for (int seed = 1; seed <= 3; ++seed) {
    for (const char* bits : {"none", "weight:* 8", "weight:* 4"}) {
      add(bits, fmt::format("lorenz-{}", seed), seed, std::string(10, static_cast<char>('a' + seed)));
    }
  }
  const Report report = runs.report();
  CHECK(report.columns == std::vector<std::string>{"bits"});
  REQUIRE(report.rows.size() == 3);
  for (const auto& row : report.rows) CHECK(row.test.n == 3);
  CHECK(report.pivot.rows.empty());
  add("none", "lorenz-1", 4, std::string(10, 'b'));  // now seed 1 does not call its source alone
  CHECK(runs.report().rows.size() > 3);
}

TEST_CASE("report: a run is compared with the float run whose weights it started from, wherever both are now") {
  MadeUpRuns runs;
  const auto source = runs.accuracy("quant = none\nepochs = 9\n", 0.9);
  const auto other = runs.accuracy("quant = none\nepochs = 8\n", 0.7);
  MadeUpRuns::keep_weights(source, 1.0F);
  MadeUpRuns::keep_weights(other, 2.0F);
  const auto ptq = runs.accuracy("quant = w8a8\nepochs = 0\nfrom = gone/elsewhere\n", 0.8);
  MadeUpRuns::keep_weights(ptq, 1.0F, source_digest(source));
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 3);
  CHECK(*report.rows[0].difference.mean == doctest::Approx(-0.1));
}

TEST_CASE("report: a source is known by its weights, not by how its path was written") {
  MadeUpRuns runs;
  const auto start = [&](const std::string& from, const std::string& seed, const std::string& digest) {
    const auto run = runs.accuracy("quant = w8a8\nfrom = " + from + "\nseed = " + seed + "\n", 0.8);
    if (!digest.empty()) MadeUpRuns::keep_weights(run, 1.0F, digest);
  };
  start("runs/a", "1", "aaaaaaaaaa");
  start("/home/runs/a", "2", "aaaaaaaaaa");
  start("runs/a", "3", "");  // not known, but by the same path
  CHECK(runs.report().rows.size() == 1);
  CHECK(runs.report().columns.empty());
  start("runs/a", "4", "bbbbbbbbbb");  // trained anew since then
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 2);
  CHECK(axis_of(report, 0) == std::vector<std::string>{"runs/a (bbbbbbbb)", "runs/a (aaaaaaaa)"});
}

TEST_CASE("report: runs by one .quant file with other rules in it are other configurations") {
  MadeUpRuns runs;
  for (const std::string seed : {"1", "2", "3"}) {
    const auto run = runs.accuracy("quant = my.quant\nseed = " + seed + "\n", 0.8);
    MadeUpRuns::keep_weights(run, 1.0F, "", seed == "3" ? "weight:* 2\n" : "weight:* 8\n");
  }
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 2);
  CHECK(report.rows[0].test.n + report.rows[1].test.n == 3);
}

// Reports of runs that went on from shorter ones.
#include "experiments/report/report.h"
#include "experiments/results/comparison.h"
#include "experiments/results/plan_file.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::MadeUpRuns;
using bitstate::tests::write_quickly;

/// A run of 4 epochs and this seed, that went on from a run, unless its name is empty.
std::filesystem::path add_run(MadeUpRuns& runs, int seed, double error, const std::string& from = "") {
  return runs.add(fmt::format("epochs = 4\nseed = {}\n", seed),
                  fmt::format(R"({{"status":"done","test_mse":{}{}}})", error,
                              from.empty() ? "" : R"(,"extended_from":"../)" + from + "\""));
}

/// The run run0 of 2 epochs, to go on from.
void add_shorter(MadeUpRuns& runs) { runs.add("epochs = 2\nseed = 1\n", R"({"status":"done","test_mse":9})"); }

}  // namespace

TEST_CASE("report: extended runs form a row of their own, which says from how many epochs") {
  MadeUpRuns runs;
  add_shorter(runs);
  add_run(runs, 1, 1.0);
  add_run(runs, 2, 3.0);
  add_run(runs, 1, 5.0, "run0");
  add_run(runs, 2, 7.0, "run0");
  const Report report = runs.report();
  CHECK(report.repeated.empty());
  CHECK(report.columns == std::vector<std::string>{"epochs", "extended_from"});
  REQUIRE(report.rows.size() == 3);
  CHECK(report.rows[1].values == std::vector<std::string>{"4", ""});
  CHECK(*report.rows[1].test.mean == 2.0);
  CHECK(report.rows[2].values == std::vector<std::string>{"4", "2 epochs"});
  CHECK(*report.rows[2].test.mean == 6.0);
  CHECK(contains(runs_csv(report), "epochs,extended_from,seed,"));
  CHECK(contains(runs_csv(report), "\n4,2 epochs,2,done,mse,7,"));
}

TEST_CASE("report: the labels of extended runs say so, also where all runs of a sweep were extended") {
  MadeUpRuns ordinary;
  MadeUpRuns runs;
  add_shorter(runs);
  std::filesystem::rename(runs.folder / "runs", runs.folder / "short");
  for (int seed = 1; seed <= 2; ++seed) {
    add_run(ordinary, seed, 1.0);
    add_run(runs, seed, 2.0, "../short/run0");
  }
  for (const auto& [sweep, first] : {std::pair(&ordinary, 0), {&runs, 1}}) {
    PlanFile plan;
    plan.rows = {{"W8A8", "", {}}};
    for (const int i : {0, 1}) {
      plan.rows[0].runs.push_back({1U + i, fmt::format("{:016x}", i), fmt::format("run{}", first + i)});
    }
    write_plan_file(sweep->folder.path(), plan);
  }
  const std::filesystem::path extended = runs.folder / "runs";
  const Report report = make_report(read_runs({extended}));
  REQUIRE(report.rows.size() == 1);
  CHECK(report.titles == std::vector<std::string>{"configuration"});
  CHECK(row_label(report, report.rows[0]) == "W8A8, extended from 2 epochs");
  CHECK(contains(runs_csv(report), "\n,W8A8,2 epochs,1,done,"));
  CHECK_FALSE(compare_sweeps(ordinary.folder.path(), extended));  // they have no row in common
  CHECK(compare_sweeps(ordinary.folder.path(), ordinary.folder / "runs"));
}

TEST_CASE(
    "report: a run extended twice names both, one without a result is known by its file, and a shorter one may "
    "be gone") {
  MadeUpRuns runs;
  add_shorter(runs);
  const auto once = add_run(runs, 1, 1.0, "run0");
  const auto twice = runs.add("epochs = 8\n", R"({"status":"done","test_mse":1,"extended_from":"../run1"})");
  CHECK(read_run(once).extended_from == "2 epochs");
  CHECK(read_run(twice).extended_from == "4 epochs, extended from 2 epochs");
  const auto unfinished = runs.add("epochs = 8\n", "");
  CHECK(read_run(unfinished).extended_from.empty());
  write_quickly(unfinished / "extended_from.txt", "../run1\n");
  CHECK(read_run(unfinished).extended_from == "4 epochs, extended from 2 epochs");
  std::filesystem::remove_all(runs.folder / "runs/run0");
  CHECK(read_run(once).extended_from == "a shorter run");
  CHECK(read_run(add_run(runs, 2, 1.0, std::string(5000, 'x'))).extended_from == "a shorter run");
  const auto circle = add_run(runs, 3, 1.0, "run5");
  CHECK(circle.filename() == "run5");
  CHECK(read_run(circle).extended_from.starts_with("4 epochs, extended from 4 epochs"));
}

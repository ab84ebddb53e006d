// Reports of sweeps that wrote a plan, and of two of them.
#include "core/error.h"
#include "experiments/report/figures.h"
#include "experiments/report/report.h"
#include "experiments/results/comparison.h"
#include "experiments/results/plan_file.h"
#include "experiments/run_folder/text_files.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::Error;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::MadeUpRuns;

PlanFile plan_of(std::vector<PlanRow> rows) {
  PlanFile plan{"0.2.0, commit abc", "bitstate sweep my.ini --out=x", "2026-11-28", "Some CPU", 2, "", {}};
  std::size_t next = 0;
  for (PlanRow& row : rows) {
    for (PlanRun& run : row.runs) run = {1, fmt::format("{:016x}", next), fmt::format("run{}", next)}, ++next;
  }
  plan.rows = std::move(rows);
  return plan;
}

/// Two labels with two runs each, out of the order of their settings, and a plan for them.
struct LabelledRuns {
  MadeUpRuns runs;

  explicit LabelledRuns(const std::string& more = "", double shift = 0.0, const std::string& stage = "") {
    for (const auto& [a, result] : std::vector<std::pair<std::string, double>>{{"8", 0.4}, {"none", 0.9}}) {
      for (const double seed : {1.0, 2.0}) {
        runs.add(fmt::format("a_bits = {}\nseed = {}\n{}", a, seed, more),
                 fmt::format(R"({{"status":"done","test_accuracy":{}}})", result + 0.01 * seed + shift * seed));
      }
    }
    write_plan_file(runs.folder.path(),
                    plan_of({{"eight bits", stage, {{}, {}}}, {"float | reference", stage, {{}, {}}}}));
  }
};

}  // namespace

TEST_CASE("report: rows stand in the order of the plan and are called by its labels") {
  const LabelledRuns all;
  const Report report = all.runs.report();
  REQUIRE(report.rows.size() == 2);
  CHECK(report.titles == std::vector<std::string>{"configuration"});
  CHECK(report.rows[0].names == std::vector<std::string>{"eight bits"});
  CHECK(report.rows[1].names == std::vector<std::string>{"float | reference"});
  CHECK(*report.rows[0].difference.mean == doctest::Approx(-0.5));
  const std::string text = report_markdown(report);
  CHECK(contains(text, "| configuration | test accuracy, % |"));
  CHECK(contains(text, "| float \\| reference | 91.50 ± 0.71 | reference |"));
  CHECK(contains(report_csv(report), "stage,label,a_bits,metric,"));
  CHECK(contains(report_csv(report), "\n,eight bits,8,accuracy,0.415,"));
  CHECK(contains(runs_csv(report), "\n,eight bits,8,1,done,accuracy,0.41"));
}

TEST_CASE("report: the head says command, program, date, machine and data") {
  LabelledRuns all;
  const std::string text = report_markdown(all.runs.report());
  CHECK(contains(text,
                 "# smnist\n\n- command: `bitstate sweep my.ini --out=x`\n- program: bitstate 0.2.0, commit abc\n"
                 "- date: 2026-11-28\n- machine: Some CPU, 2 cores\n- data: smnist\n\nMean ±"));
  // what results say of themselves counts more than the last call of the sweep
  for (const std::string day : {"2026-11-30", "2026-12-01"}) {
    all.runs.add("a_bits = 8\nseed = 3" + day.substr(9) + "\n",
                 R"({"status":"done","test_accuracy":0.5,"program":"0.3.0, commit def","date":")" + day +
                     R"(","machine":{"cpu":"CPU of )" + day + R"(","cores":8}})");
  }
  write_plan_file(all.runs.folder.path(), plan_of({{"eight bits", "", {{}, {}, {}, {}}}, {"float", "", {{}, {}}}}));
  const std::string later = report_markdown(all.runs.report());
  CHECK(contains(later,
                 "- program: bitstate 0.3.0, commit def\n- date: 2026-11-30 to 2026-12-01\n"
                 "- machine: CPU of 2026-11-30, 8 cores\n- machine: CPU of 2026-12-01, 8 cores\n- data: "));
  CHECK(contains(runs_csv(all.runs.report()), ",2026-12-01,\"CPU of 2026-12-01, 8 cores\",,"));
  CHECK(contains(report_tex(all.runs.report()), "% command: bitstate sweep my.ini --out=x\n% program: "));
}

TEST_CASE("report: what was made of a sweep's runs and lies beside them is no part of its table") {
  LabelledRuns all;
  const std::string before = report_markdown(all.runs.report());
  all.runs.accuracy("a_bits = 2\nepochs = 7\nseed = 1\n", 0.1);  // that the plan does not have
  CHECK(report_markdown(all.runs.report()) == before);
}

TEST_CASE("report: runs that start from runs without weights yet are one row for all seeds") {
  MadeUpRuns runs;
  for (const std::string seed : {"1", "2"}) runs.add("epochs = 9\nseed = " + seed + "\n", "");
  for (const std::string seed : {"1", "2"}) {
    const std::string source = seed == "1" ? "run0" : "run1";
    runs.add("a_bits = 8\nepochs = 3\nfrom = ../" + source + "\nseed = " + seed + "\n", "");
  }
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 2);
  CHECK(report.rows[0].missing == 2);
  CHECK(report.rows[1].missing == 2);
}

TEST_CASE("report: where rows are compared with different float rows, the table names them") {
  MadeUpRuns runs;
  runs.accuracy("epochs = 9\nseed = 1\n", 0.9);
  runs.accuracy("a_bits = 8\nepochs = 0\nfrom = ../run0\nseed = 1\n", 0.8);
  CHECK(!contains(report_markdown(runs.report()), "which float"));
  runs.accuracy("epochs = 3\nfrom = ../run0\nseed = 1\n", 0.95);
  runs.accuracy("a_bits = 8\nepochs = 3\nfrom = ../run0\nseed = 1\n", 0.85);
  write_plan_file(
      runs.folder.path(),
      plan_of({{"Float", "float", {{}}}, {"W8A8", "ptq", {{}}}, {"Float", "qaft", {{}}}, {"W8A8", "qaft", {{}}}}));
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 4);
  CHECK(report.rows[1].reference == "float, Float");
  CHECK(report.rows[3].reference == "qaft, Float");
  ReportRow without_stage = report.rows[0];
  without_stage.names[0].clear();
  CHECK(row_label(report, without_stage) == "Float");
  const std::string text = report_markdown(report);
  CHECK(contains(text, "| difference to float | which float |"));
  CHECK(contains(text, "| qaft | W8A8 | 85.00 | −10.00 | qaft, Float |"));
  CHECK(contains(report_html(report), "<td class=\"words aside\">qaft, Float</td>"));  // so that it is wrapped
  CHECK(contains(report_html(report), "<th hidden>diverged</th><th hidden>missing</th>"));
  CHECK(contains(report_tex(report), "% Compared with qaft, Float: qaft, W8A8.\n"));
  CHECK(!contains(report_tex(report), "which float"));  // it would not fit a page
}

TEST_CASE("report: settings in which rows of one label differ stand beside it, and so do stages") {
  MadeUpRuns runs;
  for (const std::string epochs : {"2", "1"}) {
    runs.accuracy("quant = w8a8\nlr_factor = 4\nepochs = " + epochs + "\n", 0.5);
    runs.accuracy("quant = w4a8\nlr_factor = 5\nepochs = " + epochs + "\n", 0.4);
  }
  auto plan = plan_of({{"W8A8", "", {{}}}, {"W4A8", "", {{}}}, {"W8A8", "", {{}}}, {"W4A8", "", {{}}}});
  write_plan_file(runs.folder.path(), plan);
  CHECK(runs.report().titles == std::vector<std::string>{"configuration", "epochs"});
  CHECK(runs.report().rows[0].names == std::vector<std::string>{"W8A8", "2"});
  CHECK(runs.report().rows[3].names == std::vector<std::string>{"W4A8", "1"});
  plan.rows[0].stage = plan.rows[1].stage = "ptq";
  plan.rows[2].stage = plan.rows[3].stage = "qaft";
  write_plan_file(runs.folder.path(), plan);
  CHECK(runs.report().titles == std::vector<std::string>{"stage", "configuration"});
  CHECK(runs.report().rows[2].names == std::vector<std::string>{"qaft", "W8A8"});
  bitstate::tests::write_quickly(runs.folder / "plan.json", "{");
  CHECK(contains(error_of<Error>([&] { (void)runs.report(); }), "plan.json] is damaged"));
}

TEST_CASE("report: two sweeps are compared row by row, over the seeds that both have") {
  const LabelledRuns a("epochs = 1\n");
  LabelledRuns b("epochs = 2\n", 0.01);
  const auto out = b.runs.folder / "report";
  write_report({a.runs.folder.path(), b.runs.folder.path()}, out);
  const std::string text = read_text(out / "table.md");
  CHECK(contains(text, "| configuration | A: test accuracy, % | n | B: test accuracy, % | n | B − A | pairs |"));
  CHECK(contains(text, "| eight bits | 41.50 ± 0.71 | 2 | 43.00 ± 1.41 | 2 | +1.50 [−4.85, +7.85] | 2 |"));
  CHECK(contains(text, "Their runs differ in epochs 1 and 2."));
  CHECK(contains(text, "| configuration | epochs | test accuracy, % |"));  // all rows, as ever
  CHECK(contains(read_text(out / "comparison.csv"), "\neight bits,accuracy,0.415,"));
  CHECK(contains(read_text(out / "index.html"), "<td>+1.50 [−4.85, +7.85]</td>"));
}

TEST_CASE("report: sweeps whose stages differ say in which") {
  MadeUpRuns a, b;
  for (MadeUpRuns* runs : {&a, &b}) {
    const std::string epochs = runs == &a ? "9" : "4";
    runs->accuracy("d_model = 8\nepochs = " + epochs + "\nseed = 1\n", 0.9);
    runs->accuracy("d_model = 8\na_bits = 8\nepochs = 0\nfrom = ../run0\nseed = 1\n", 0.8);
    write_plan_file(runs->folder.path(), plan_of({{"Float", "float", {{}}}, {"W8A8", "ptq", {{}}}}));
  }
  const auto found = compare_sweeps(a.folder.path(), b.folder.path());
  REQUIRE(found.has_value());
  CHECK(found->settings == std::vector<std::string>{"epochs 9 and 4 (stage float)"});
}

TEST_CASE(
    "plots: series of rows with labels are called by stage and by as little as it takes, and end at their float") {
  MadeUpRuns runs;
  std::vector<PlanRow> rows;
  for (const std::string width : {"8", "16"}) {
    const std::string model = "d_model = " + width + "\nseed = 1\n";
    const std::string source = runs.accuracy(model + "epochs = 9\n", 0.9).filename().string();
    rows.push_back({"Float d_model=" + width, "float", {{}}});
    for (const std::string bits : {"4", "8"}) {
      runs.accuracy(model + "bits = weight:*.ssm.A " + bits + "\nepochs = 0\nfrom = ../" + source + "\n", 0.5);
      rows.push_back({"A" + bits + " d_model=" + width, "ptq", {{}}});
    }
  }
  write_plan_file(runs.folder.path(), plan_of(rows));
  const auto figures = report_figures(runs.report());
  const auto found =
      std::find_if(figures.begin(), figures.end(), [](const Figure& f) { return f.name == "bits-bits"; });
  REQUIRE(found != figures.end());
  const Plot& plot = std::get<Plot>(found->content);
  REQUIRE(plot.series.size() == 2);
  CHECK(plot.series[0].label == "ptq, d_model 8");
  CHECK(plot.series[1].label == "ptq, d_model 16");
  CHECK(plot.series[0].points.size() == 3);
  CHECK(plot.series[0].points.back().y == doctest::Approx(90.0));
  CHECK(plot.x.ticks.back().second == "float");
}

TEST_CASE("report: rows without labels are matched by the settings that vary, and only on the same data") {
  MadeUpRuns a, b, other;
  a.accuracy("a_bits = 4\nepochs = 1\n", 0.5);
  a.accuracy("a_bits = 8\nepochs = 1\n", 0.6);
  b.accuracy("a_bits = 8\nepochs = 2\n", 0.7);
  b.accuracy("a_bits = 2\nepochs = 2\n", 0.1);
  other.add("dataset = lorenz\na_bits = 8\n", R"({"status":"done","test_mse":0.1})");
  other.add("dataset = lorenz\na_bits = 4\n", R"({"status":"done","test_mse":0.1})");
  const auto found = compare_sweeps(a.folder.path(), b.folder.path());
  REQUIRE(found.has_value());
  CHECK(found->titles == std::vector<std::string>{"a_bits"});
  REQUIRE(found->rows.size() == 1);
  CHECK(found->rows[0].names == std::vector<std::string>{"8"});
  CHECK(*found->rows[0].difference.mean == doctest::Approx(0.1));
  CHECK(found->only_a == std::vector<std::string>{"a_bits 4"});
  CHECK(found->only_b == std::vector<std::string>{"a_bits 2"});
  CHECK_FALSE(compare_sweeps(a.folder.path(), other.folder.path()).has_value());
  write_report({a.folder.path(), b.folder.path()}, a.folder / "out");
  CHECK(std::filesystem::exists(a.folder / "out/comparison.csv"));
  const std::string page = read_text(a.folder / "out/index.html");
  CHECK(page.find("<h2>B against A</h2>") < page.find("<h2>All rows</h2>"));
  write_report({a.folder.path(), other.folder.path()}, a.folder / "out");
  CHECK_FALSE(std::filesystem::exists(a.folder / "out/comparison.csv"));
  CHECK_FALSE(contains(read_text(a.folder / "out/table.md"), "B against A"));
}

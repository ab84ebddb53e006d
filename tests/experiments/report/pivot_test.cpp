// Tables of rows by columns.
#include "experiments/report/pivot.h"

#include "core/error.h"
#include "experiments/report/report.h"
#include "experiments/results/plan_file.h"
#include "experiments/run_folder/text_files.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::MadeUpRuns;

/// A row of the plan: label, stage, settings, and a result per seed.
struct Planned {
  std::string label, stage, settings;
  std::vector<double> results;
};

/// Runs with a plan that gives them their labels.
struct PlannedRuns {
  MadeUpRuns runs;

  explicit PlannedRuns(const std::vector<Planned>& rows, const std::string& metric = "accuracy") {
    PlanFile plan;
    std::size_t hash = 0;
    for (const auto& row : rows) {
      PlanRow& planned = plan.rows.emplace_back(PlanRow{row.label, row.stage, {}});
      for (const double result : row.results) {
        const std::uint64_t seed = planned.runs.size() + 1;
        const auto run = runs.add(fmt::format("{}seed = {}\n", row.settings, seed),
                                  fmt::format(R"({{"status":"done","test_{}":{}}})", metric, result));
        planned.runs.push_back({seed, fmt::format("{:016x}", ++hash), run.filename().string()});
      }
    }
    write_plan_file(runs.folder.path(), plan);
  }

  [[nodiscard]] Report report(const std::string& rows, const std::string& columns) const {
    Report report = runs.report();
    report.pivot = {rows, columns};
    return report;
  }
};

PlannedRuns parts() {
  return PlannedRuns({{"Float", "", "bits = none\n", {0.98, 0.99}},
                      {"A, shear, 8 bits", "", "bits = weight:*.ssm.A 8 form=shear\n", {0.97, 0.98}},
                      {"A, shear, 4 bits", "", "bits = weight:*.ssm.A 4 form=shear\n", {0.90, 0.92}},
                      {"8 bits, B", "", "bits = weight:*.ssm.B 8\n", {0.98, 0.98}},
                      {"C alone", "", "bits = weight:*.ssm.C 4\n", {0.5, 0.5}}});
}

}  // namespace

TEST_CASE("report: parts by widths, as their labels call them, with float beside") {
  const auto tables = pivot_tables(parts().report("part", "width"), " *");
  REQUIRE(tables.size() == 1);
  CHECK(tables[0].cells == Cells{{"part \\ width", "8", "4"},
                                 {"A, shear", "97.50 ± 0.71", "91.00 ± 1.41"},
                                 {"B", "98.00 ± 0.00", "–"},
                                 {"weight:*.ssm.C #", "–", "50.00 ± 0.00"}});
  CHECK(tables[0].beside == std::vector<std::string>{"Float: 98.50 ± 0.71"});
  CHECK(tables[0].title.empty());
}

TEST_CASE("report: configurations by stages in the order of the plan, in Markdown, LaTeX and on the page") {
  const PlannedRuns all({{"W8 | A8", "ptq", "a_bits = 8\nepochs = 0\n", {0.7, 0.8}},
                         {"W4", "ptq", "a_bits = 4\nepochs = 0\n", {0.6, 0.5}},
                         {"W8 | A8", "qaft", "a_bits = 8\nepochs = 1\n", {0.9, 0.9}}});
  const Report report = all.report("configuration", "stage");
  CHECK(contains(
      report_markdown(report),
      "\n| configuration \\ stage | ptq | qaft |\n|---|---:|---:|\n| W8 \\| A8 | 75.00 ± 7.07 | 90.00 ± 0.00 |\n"
      "| W4 | 55.00 ± 7.07 | – |\n"));
  CHECK(contains(report_terminal(report), "configuration \\ stage           ptq          qaft\n"));
  CHECK(contains(report_terminal(report, 49), "configuration \\ stage           ptq          qaft\n"));
  CHECK(contains(report_terminal(report, 48), "\nconfiguration by stage does not fit here: see table.md\n"));
  CHECK(contains(pivot_tex(report),
                 "\\begin{tabular}{lrr}\n  \\toprule\n  & \\multicolumn{2}{c}{stage} \\\\\n  \\cmidrule(lr){2-3}\n"
                 "  configuration & ptq & qaft \\\\\n  \\midrule\n"
                 "  W8 $|$ A8 & 75.00 $\\pm$ 7.07 & 90.00 $\\pm$ 0.00 \\\\\n  W4 & 55.00 $\\pm$ 7.07 & -- \\\\\n"));
  CHECK(contains(report_html(report), "<h2>configuration by stage</h2>"));
  CHECK(contains(report_html(report), "<td class=\"words\">W8 | A8</td><td>75.00 ± 7.07</td><td>90.00 ± 0.00</td>"));
}

TEST_CASE("report: what no key says makes tables of its own, which say it, and so does the data set") {
  MadeUpRuns runs;
  for (const char* dataset : {"lorenz", "smnist"}) {
    for (const char* a : {"none", "8"}) {
      for (const char* x : {"none", "4"}) {
        runs.add(fmt::format("dataset = {}\na_bits = {}\nssm_act_bits = {}\n", dataset, a, x),
                 R"({"status":"done","test_mse":1.0})");
      }
    }
  }
  Report report = runs.report();
  CHECK(pivot_tables(report, "").empty());  // three settings vary
  report.pivot = {"a_bits", "ssm_act_bits"};
  const auto tables = pivot_tables(report, "");
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].title + " and " + tables[1].title == "dataset smnist and dataset lorenz");
  CHECK(tables[0].cells[0] == std::vector<std::string>{"a_bits \\ ssm_act_bits", "float", "4"});
  CHECK(contains(pivot_tex(report), "\\noindent dataset smnist\\par\\smallskip\n\\noindent\\begin{tabular}{lrr}\n"));
  report.pivot = {"a_bits", "dataset"};
  CHECK(pivot_tables(report, "").size() == 2);  // one for each width of activations
}

TEST_CASE("report: rows of which no key says anything make no table, and stand beside the last one") {
  const PlannedRuns all({{"Float", "float", "bits = none\nepochs = 9\n", {0.98, 0.99}},
                         {"A, 8 bits", "ptq", "bits = weight:*.ssm.A 8\nepochs = 0\n", {0.9, 0.9}},
                         {"B, 8 bits", "ptq", "bits = weight:*.ssm.B 8\nepochs = 0\n", {0.8, 0.8}}});
  const auto tables = pivot_tables(all.report("part", "width"), "");
  REQUIRE(tables.size() == 1);
  CHECK(tables[0].title == "stage ptq");
  CHECK(tables[0].cells == Cells{{"part \\ width", "8"}, {"A", "90.00 ± 0.00"}, {"B", "80.00 ± 0.00"}});
  CHECK(tables[0].beside == std::vector<std::string>{"float, Float: 98.50 ± 0.71"});
  const PlannedRuns none({{"Float", "", "bits = none\n", {0.9}}, {"All", "", "bits = act:* none\n", {0.8}}});
  CHECK(error_of<UsageError>([&] { (void)pivot_tables(none.report("part", "width"), ""); }) ==
        "[report] --rows=part --columns=width makes no table: no row has both");
}

TEST_CASE("report: stages stand in their order, whichever a label has, and labels without the settings beside them") {
  const PlannedRuns all({{"Float d_model=3", "float", "epochs = 9\nd_model = 3\n", {0.9}},
                         {"Float d_model=3", "qaft", "epochs = 1\nd_model = 3\n", {0.8}},
                         {"A of 4 bits d_model=3", "ptq", "bits = weight:*.ssm.A 4\nepochs = 0\nd_model = 3\n", {0.7}},
                         {"A of 4 bits d_model=3", "qaft", "bits = weight:*.ssm.A 4\nepochs = 1\nd_model = 3\n", {0.6}},
                         {"Float d_model=8", "float", "epochs = 9\nd_model = 8\n", {0.5}}});
  const auto tables = pivot_tables(all.report("label", "stage"), "");
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].title == "d_model 3");
  CHECK(tables[0].cells == Cells{{"label \\ stage", "float", "ptq", "qaft"},
                                 {"Float", "90.00", "–", "80.00"},
                                 {"A of 4 bits", "–", "70.00", "60.00"}});
  CHECK(tables[1].title == "d_model 8");
  CHECK(tables[1].cells == Cells{{"label \\ stage", "float"}, {"Float", "50.00"}});
  CHECK(pivot_tables(all.report("d_model", "stage"), "")[0].cells[1] ==
        std::vector<std::string>{"3", "90.00", "80.00"});  // one table for each configuration
  const auto stages = pivot_tables(all.report("label", "d_model"), "");
  REQUIRE(stages.size() == 3);
  CHECK(stages[1].title == "stage ptq");
  CHECK(stages[2].title == "stage qaft");
  const auto parts = pivot_tables(all.report("part", "stage"), "");
  CHECK(parts[0].cells == Cells{{"part \\ stage", "float", "ptq", "qaft"}, {"A", "–", "70.00", "60.00"}});
}

TEST_CASE("report: what rows of one cell differ in makes tables, by as few settings as it takes") {
  const PlannedRuns all({{"Float", "float", "bits = none\nd_model = 3\nssm_size_base = 8\n", {0.9}},
                         {"A3", "ptq", "bits = weight:*.ssm.A 3\nd_model = 3\nssm_size_base = 8\n", {0.7}},
                         {"A3, wide", "ptq", "bits = weight:*.ssm.A 3\nd_model = 8\nssm_size_base = 16\n", {0.8}}});
  const auto tables = pivot_tables(all.report("width", "stage"), "");
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].title == "d_model 3");
  CHECK(tables[1].cells == Cells{{"width \\ stage", "ptq"}, {"3", "80.00"}});
}

TEST_CASE("report: rows with labels are laid out only where that is asked for") {
  const PlannedRuns all(
      {{"one", "", "a_bits = 8\nssm_act_bits = 8\n", {0.7}}, {"two", "", "a_bits = 4\nssm_act_bits = 4\n", {0.8}}});
  CHECK(all.runs.report().pivot.rows.empty());
}

TEST_CASE("report: rows of a product, whose labels are their settings, are laid out by them") {
  const PlannedRuns all(
      {{"float", "", "", {0.9}}, {"a_bits=4 ssm_act_bits=8", "", "a_bits = 4\nssm_act_bits = 8\n", {0.8}}});
  CHECK(all.runs.report().pivot.rows == "a_bits");
  CHECK(all.runs.report().pivot.columns == "ssm_act_bits");
}

TEST_CASE("report: keys that only tell seeds apart lay nothing out") {
  MadeUpRuns runs;
  for (const char* a : {"8", "4"}) {
    for (const int seed : {1, 2}) {
      const char* const source = seed == 1 ? "first" : "second";
      runs.accuracy(fmt::format("a_bits = {}\nfrom = ../../{}\nseed = {}\n", a, source, seed), 0.5);
    }
  }
  CHECK(runs.report().columns == std::vector<std::string>{"from", "a_bits"});
  CHECK(runs.report().pivot.rows.empty());
  runs.accuracy("a_bits = 8\nfrom = ../../first\nseed = 2\n", 0.5);
  CHECK(runs.report().pivot.rows == "from");
}

TEST_CASE("report: data sets and other settings make no table of themselves") {
  MadeUpRuns runs;
  for (const char* dataset : {"lorenz", "smnist"}) {
    for (const char* a : {"none", "8"}) {
      runs.add(fmt::format("dataset = {}\na_bits = {}\n", dataset, a), R"({"status":"done","test_mse":1.0})");
    }
  }
  CHECK(runs.report().pivot.rows.empty());
  CHECK(!contains(report_markdown(runs.report()), "\\ "));
}

TEST_CASE("report: tables of two data sets name them, whatever the labels") {
  const PlannedRuns all({{"digits", "", "dataset = smnist\na_bits = 8\n", {0.5}},
                         {"system", "", "dataset = lorenz\na_bits = 8\n", {0.5}}});
  const Report report = all.runs.report();
  CHECK(report.titles == std::vector<std::string>{"configuration", "dataset"});
  CHECK(contains(report_markdown(report), "| digits | smnist |"));
}

TEST_CASE("report: a cell says how many of its runs have no result and why, and a row without a result why") {
  MadeUpRuns runs;
  const auto add = [&](const char* a, const char* x, int seed, const char* result) {
    runs.add(fmt::format("a_bits = {}\nssm_act_bits = {}\nseed = {}\n", a, x, seed), result);
  };
  add("8", "8", 1, R"({"status":"done","test_mse":1.0})");
  add("8", "8", 2, R"({"status":"diverged"})");
  add("8", "4", 1, R"({"status":"diverged"})");
  add("4", "8", 1, "");
  for (const int seed : {1, 2, 3})
    add("4", "4", seed,
        seed == 1   ? R"({"status":"done","test_mse":2.0})"
        : seed == 2 ? R"({"status":"given up"})"
                    : "");
  const auto tables = pivot_tables(runs.report(), "");
  REQUIRE(tables.size() == 1);
  CHECK(tables[0].cells == Cells{{"a_bits \\ ssm_act_bits", "4", "8"},
                                 {"4", "2.000 (1 of 3 given up, 1 missing)", "–"},
                                 {"8", "diverged", "1.000 (1 of 2 diverged)"}});
}

TEST_CASE("report: the keys that a plan names lay its rows out, unless others are given or they make no table") {
  const PlannedRuns all = parts();
  const auto out = all.runs.folder / "report";
  const auto name_keys = [&](const PivotKeys& keys) {
    PlanFile plan = *read_plan_file(all.runs.folder.path());
    plan.pivot = keys;
    write_plan_file(all.runs.folder.path(), plan);
  };
  name_keys({"part", "width"});
  write_report({all.runs.folder.path()}, out);
  CHECK(contains(read_text(out / "pivot.tex"), "  part & 8 & 4 \\\\\n"));
  CHECK(std::filesystem::exists(out / "plots/heat-map.svg"));
  write_report({all.runs.folder.path()}, out, {"label", "width"});
  CHECK(contains(read_text(out / "pivot.tex"), "  label & 8 & 4 \\\\\n"));
  name_keys({"quant", "preset"});  // which do not vary
  write_report({all.runs.folder.path()}, out);
  CHECK_FALSE(std::filesystem::exists(out / "pivot.tex"));
  const PlannedRuns other = parts();
  name_keys({"part", "width"});
  write_report({all.runs.folder.path(), other.runs.folder.path()}, out);  // whose plan names none
  CHECK_FALSE(std::filesystem::exists(out / "pivot.tex"));
}

TEST_CASE("report: keys that rows do not have are refused, as is a key twice, before anything is written") {
  const PlannedRuns all = parts();
  const auto out = all.runs.folder / "report";
  const auto said = [&](const PivotKeys& keys) {
    return error_of<UsageError>([&] { write_report({all.runs.folder.path()}, out, keys); });
  };
  CHECK(said({"part", "stage"}) ==
        "[report] rows have no \"stage\"; there are bits, configuration, label, part, width");
  CHECK(said({"seed", "width"}) == "[report] rows have no \"seed\"; there are bits, configuration, label, part, width");
  CHECK(said({"width", "width"}) == "[report] --rows=width --columns=width: a table needs two different keys");
  CHECK_FALSE(std::filesystem::exists(out));
  CHECK(said({"part", "width"}).empty());
  CHECK(contains(read_text(out / "pivot.tex"), "\\multicolumn{3}{l}{Float: 98.50 $\\pm$ 0.71}"));
  write_report({all.runs.folder.path()}, out);
  CHECK_FALSE(std::filesystem::exists(out / "pivot.tex"));
}

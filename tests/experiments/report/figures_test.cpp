#include "experiments/report/figures.h"

#include "experiments/results/run_files.h"
#include "experiments/run_folder/text_files.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::MadeUpRuns;
using bitstate::tests::write_quickly;

const Figure* find(const std::vector<Figure>& figures, const std::string& name) {
  const auto found = std::find_if(figures.begin(), figures.end(), [&](const Figure& f) { return f.name == name; });
  return found == figures.end() ? nullptr : &*found;
}

const Plot& plot_of(const std::vector<Figure>& figures, const std::string& name) {
  const Figure* const figure = find(figures, name);
  REQUIRE_MESSAGE(figure != nullptr, name);
  return std::get<Plot>(figure->content);
}

std::vector<double> values(const Series& series, double PlotPoint::*part) {
  std::vector<double> list;
  for (const auto& point : series.points) list.push_back(point.*part);
  return list;
}

}  // namespace

TEST_CASE("plots: rules are a family and its bits") {
  const auto one = bits_of_rules("state:* 4 granularity=channel");
  REQUIRE(one);
  CHECK(one->family == "state:* # granularity=channel");
  CHECK(one->bits == 4.0);
  const auto several = bits_of_rules("act:* 8 range=ema rate=0.3; act:*.ssm.* none; weight:* 8");
  REQUIRE(several);
  CHECK(several->family == "act:* # range=ema rate=0.3; act:*.ssm.* none; weight:* #");
  CHECK_FALSE(bits_of_rules("act:* 8; weight:* 4"));
  CHECK_FALSE(bits_of_rules("act:* none"));
  CHECK_FALSE(bits_of_rules("act:*"));
  CHECK_FALSE(bits_of_rules(" ; "));
  CHECK_FALSE(bits_of_rules(""));
}

TEST_CASE("plots: accuracy against bits, a series for what is otherwise the same, float at the end of each") {
  MadeUpRuns runs;
  for (const auto& [bits, accuracy] : {std::pair("none", 0.9),
                                       {"weight:*.ssm.A 4", 0.6},
                                       {"weight:*.ssm.A 2", 0.3},
                                       {"weight:*.ssm.A 4 form=log-polar", 0.8},
                                       {"weight:*.ssm.A 2 form=log-polar", 0.7},
                                       {"weight:*.ssm.A", 0.5}}) {
    runs.accuracy(std::string("bits = ") + bits + "\nseed = 1\n", accuracy);
    runs.accuracy(std::string("bits = ") + bits + "\nseed = 2\n", accuracy + 0.02);
  }
  const auto figures = report_figures(runs.report());
  const Plot& plot = plot_of(figures, "bits-bits");
  CHECK(plot.y.label == "test accuracy, %");
  REQUIRE(plot.series.size() == 2);
  const bool first = plot.series[0].label == "weight:*.ssm.A #";
  const Series& plain = plot.series[first ? 0 : 1];
  CHECK(plot.series[first ? 1 : 0].label == "weight:*.ssm.A # form=log-polar");
  CHECK(values(plain, &PlotPoint::x) == std::vector<double>{2.0, 4.0, plot.x.ticks.back().first});
  CHECK(plot.x.ticks.back().second == "float");
  CHECK(plain.points[0].y == doctest::Approx(31.0));
  CHECK(plain.points[2].y == doctest::Approx(91.0));
  REQUIRE(plain.points[0].low);
  CHECK(*plain.points[0].low == doctest::Approx(31.0 - 12.7062));
  const Series& difference = plot_of(figures, "difference-bits").series[first ? 0 : 1];
  CHECK(values(difference, &PlotPoint::x) == std::vector<double>{2.0, 4.0});  // float is what it is compared with
  CHECK(difference.points[0].y == doctest::Approx(-60.0));
  CHECK(plot_of(figures, "difference-bits").x.ticks.size() == 2);
  CHECK(plot_of(figures, "difference-bits").series.back().aside);  // zero
  CHECK(*difference.points[0].high == doctest::Approx(-60.0));     // both seeds lose as much
}

TEST_CASE("plots: two axes of bits give a plot for each and a heat map with deviations and a scale") {
  MadeUpRuns runs;
  for (const char* a : {"none", "2", "4"}) {
    for (const char* x : {"none", "2", "4"}) runs.mse(a, x, std::string(a) == "2" ? 3.0 : 2.0);
  }
  const auto figures = report_figures(runs.report());
  CHECK(plot_of(figures, "bits-a-bits").series.size() == 3);
  CHECK(plot_of(figures, "bits-ssm-act-bits").series.size() == 3);
  const Figure* const figure = find(figures, "heat-map");
  REQUIRE(figure != nullptr);
  const auto& map = std::get<HeatMap>(figure->content);
  CHECK(map.cells.size() == 9);
  CHECK(map.scale == std::vector<std::string>{"3.000", "2.500", "2.000"});  // small errors are deep
  for (const auto& cell : map.cells) CHECK(cell.share == (map.rows[cell.row] == "2" ? 0.0 : 1.0));
}

TEST_CASE("plots: the Pareto front holds what no smaller row beats") {
  MadeUpRuns runs;
  const auto add = [&](const std::string& quant, double error, int kib) {
    runs.add("quant = " + quant + "\n", R"({"status":"done","test_mse":)" + std::to_string(error) + R"(,"size_bits":)" +
                                            std::to_string(8192 * kib) + R"(,"a_width":8})");
  };
  add("none", 1.0, 40);
  add("w8a8", 1.5, 10);
  add("w4a8", 2.5, 5);
  add("w4a8-a8", 3.0, 6);
  const auto figures = report_figures(runs.report());
  const Plot& plot = plot_of(figures, "size");
  REQUIRE(plot.series.size() == 5);
  CHECK(plot.series[0].aside);
  CHECK(values(plot.series[0], &PlotPoint::x) == std::vector<double>{5.0, 10.0, 40.0, 40.0});
  CHECK(values(plot.series[0], &PlotPoint::y) == std::vector<double>{2.5, 1.5, 1.0, 1.0});
  CHECK(find(figures, "multiplier") == nullptr);  // all rows have the same
}

TEST_CASE("plots: of many rows, those that differ in bits alone share a mark against the size, and keep their names") {
  MadeUpRuns runs;
  for (int bits = 2; bits <= 6; ++bits) {
    for (const char* form : {"shear", "delta"}) {
      runs.add(fmt::format("bits = weight:*.ssm.A {} form={}\nssm_act_bits = 8\n", bits, form),
               fmt::format(R"({{"status":"done","test_mse":{},"size_bits":{}}})", 10 - bits, 8192 * bits));
    }
  }
  runs.add("bits = none\nssm_act_bits = none\n", R"({"status":"done","test_mse":1.0,"size_bits":819200})");
  const auto figures = report_figures(runs.report());
  const Plot& plot = plot_of(figures, "size");
  REQUIRE(plot.series.size() == 4);  // the front, float, two forms
  for (const auto& series : plot.series) {
    if (!contains(series.label, "#")) continue;
    CHECK(contains(series.label, "ssm_act_bits 8"));  // all rows that have bits there have 8
    CHECK(series.points.size() == 5);
    CHECK(contains(series.points[0].name, "form="));
  }
}

TEST_CASE("plots: rows that are tested on other data stand in plots of their own") {
  MadeUpRuns runs;
  for (const char* tau : {"17", "30"}) {
    for (const char* bits : {"none", "2", "4"}) {
      runs.add(std::string("dataset = mackey-glass\ntau = ") + tau + "\na_bits = " + bits + "\n",
               R"({"status":"done","test_mse":1.5})");
    }
  }
  const auto figures = report_figures(runs.report());
  CHECK(plot_of(figures, "bits-a-bits").series.size() == 1);
  CHECK(plot_of(figures, "bits-a-bits-2").series.size() == 1);
  CHECK(contains(find(figures, "bits-a-bits-2")->title, "(tau 30)"));
}

TEST_CASE("plots: a heat map for each table by two keys, also of rows without a result, and none of several data") {
  MadeUpRuns runs;
  const auto add = [&](const char* tau, const char* a, const char* x, const char* result) {
    runs.add(fmt::format("dataset = mackey-glass\ntau = {}\na_bits = {}\nssm_act_bits = {}\n", tau, a, x), result);
  };
  add("17", "none", "8", R"({"status":"done","test_mse":1.0})");
  add("17", "4", "8", R"({"status":"done","test_mse":3.0})");
  add("17", "4", "2", R"({"status":"diverged"})");
  add("30", "none", "8", R"({"status":"done","test_mse":500.0})");
  add("30", "8", "4", R"({"status":"done","test_mse":700.0})");
  Report report = runs.report();
  CHECK(find(report_figures(report), "heat-map") == nullptr);  // three settings vary
  report.pivot = {"a_bits", "ssm_act_bits"};
  const auto figures = report_figures(report);
  const auto texts = [&](const char* name, const char* tau) {
    const Figure* const figure = find(figures, name);
    REQUIRE(figure != nullptr);
    CHECK(contains(figure->title, std::string("by a_bits and ssm_act_bits (tau ") + tau + ")"));
    std::vector<std::string> list;
    for (const auto& cell : std::get<HeatMap>(figure->content).cells) list.push_back(cell.text);
    return list;
  };
  CHECK(texts("heat-map", "17") == std::vector<std::string>{"–", "1.000", "diverged", "3.000"});
  CHECK(texts("heat-map-2", "30") == std::vector<std::string>{"–", "500.0", "700.0", "–"});
  report.pivot = {"a_bits", "tau"};
  CHECK(find(report_figures(report), "heat-map") == nullptr);  // errors on other data have no common colours
}

TEST_CASE("plots: a cell of the heat map says how many of its seeds there are where some are missing") {
  MadeUpRuns runs;
  for (const char* a : {"4", "8"}) {
    for (const char* x : {"4", "8"}) {
      for (const char* seed : {"1", "2", "3"}) {
        const bool diverged = std::string(a) + x + seed == "482";
        runs.add(fmt::format("a_bits = {}\nssm_act_bits = {}\nseed = {}\n", a, x, seed),
                 diverged ? R"({"status":"diverged"})" : R"({"status":"done","test_mse":2.5})");
      }
    }
  }
  const auto figures = report_figures(runs.report());
  const Figure* const figure = find(figures, "heat-map");
  REQUIRE(figure != nullptr);
  CHECK(contains(figure->note, "Below, where seeds are missing: how many there are."));
  std::vector<std::string> below;
  for (const auto& cell : std::get<HeatMap>(figure->content).cells) below.push_back(cell.below);
  CHECK(below == std::vector<std::string>{"", "2 of 3 seeds", "", ""});
}

TEST_CASE("plots: the tables of runs are read, and torn or senseless lines passed over") {
  MadeUpRuns runs;
  const auto run = runs.accuracy("seed = 1\n", 0.5);
  CHECK(read_sites(run).empty());
  CHECK(read_eigenvalues(run).empty());
  write_quickly(
      run / "sites.csv",
      "site,kind,bits,low,high,saturated\nact:u,act,8,-1.5,2,0.25\nact:v,act,8,nan,2,0\nact:w,act,8\nact:x,act,8,0,1,");
  REQUIRE(read_sites(run).size() == 1);
  CHECK(read_sites(run)[0].site == "act:u");
  CHECK(read_sites(run)[0].low == -1.5);
  CHECK(read_sites(run)[0].saturated == 0.25);
  write_quickly(run / "eigenvalues.csv",
                "layer,state,re,im,rounded_re,rounded_im\n0,0,0.5,0.25,0.75,0.125\n0,1,x,0,0,0\n");
  REQUIRE(read_eigenvalues(run).size() == 1);
  CHECK(read_eigenvalues(run)[0].rounded.imag() == 0.125);
  write_quickly(run / "curves.csv", "epoch,step,loss,seconds\n0.5,1,2.5,0.1\n1,2,1.5,0.2\n1,2,1.5,0.3\n1.5,3,1");
  CHECK(read_run(run).curves.at("loss") == std::vector<std::pair<double, double>>{{0.5, 2.5}, {1.0, 1.5}});
  write_quickly(run / "curves.csv", "");
  CHECK(read_run(run).curves.count("loss") == 0);
  write_quickly(run / "sites.csv", "site,bits\nact:u,8\n");
  CHECK(read_sites(run).empty());
}

TEST_CASE("plots: the loss of curves.csv takes the place of that of the epochs") {
  MadeUpRuns runs;
  for (const char* seed : {"1", "2"}) {
    const auto run = runs.add(
        std::string("seed = ") + seed + "\n", R"({"status":"done","test_mse":1.0})",
        "{\"epoch\":1,\"train_loss\":4.0,\"seconds\":1.0}\n{\"epoch\":2,\"train_loss\":2.0,\"seconds\":2.0}\n");
    write_quickly(run / "curves.csv",
                  std::string("epoch,step,loss,seconds\n0.5,1,") + seed + ",1\n1,2,2,1\n1.5,3,1,1\n2,4,1,1\n");
  }
  const auto figures = report_figures(runs.report());
  REQUIRE(figures.size() == 1);  // seconds are no curve
  CHECK(values(plot_of(figures, "curve-loss").series[0], &PlotPoint::y) == std::vector<double>{1.5, 2.0, 1.0, 1.0});
}

TEST_CASE("plots: saturation, ranges and eigenvalues of a row are those of the first run that has them") {
  MadeUpRuns runs;
  runs.accuracy("seed = 1\n", 0.5);
  const auto second = runs.accuracy("seed = 2\n", 0.5);
  const Report before = runs.report();
  CHECK(row_figures(before, before.rows[0]).empty());
  write_quickly(second / "sites.csv",
                "site,kind,bits,low,high,saturated\nact:u,act,8,-1.5,2,0.25\nact:v,act,4,0,3,0\n");
  write_quickly(second / "eigenvalues.csv", "layer,state,re,im,rounded_re,rounded_im\n0,0,0.5,0.25,0.75,0.125\n");
  write_quickly(second / "instructions.csv",
                "function,calls,cortex-m3,cortex-m4\nscan,2,90,70.5\ntable,1,,\nsum,4,99,90\nin all,1,189,160.5\n");
  const Report report = runs.report();
  CHECK(report.rows[0].instructions == 160.5);
  const auto figures = row_figures(report, report.rows[0]);
  REQUIRE(figures.size() == 4);
  for (const auto& figure : figures) CHECK(contains(figure.note, second.filename().string()));
  const auto& saturation = std::get<Plot>(figures[0].content);
  CHECK(values(saturation.series[0], &PlotPoint::x) == std::vector<double>{25.0, 0.0});
  CHECK(saturation.y.ticks[1].second == "act:v, 4");
  const auto& range = std::get<Plot>(figures[1].content);
  CHECK(values(range.series[0], &PlotPoint::x) == std::vector<double>{2.0, 3.0});
  CHECK(values(range.series[1], &PlotPoint::x) == std::vector<double>{1.5});  // 0 has no logarithm
  const auto& disk = std::get<Plot>(figures[2].content);
  REQUIRE(disk.series.size() == 1);
  CHECK(disk.series[0].points[0].from->x == 0.5);
  CHECK(disk.series[0].points[0].x == 0.75);
  const auto& instructions = std::get<Plot>(figures[3].content);
  CHECK(values(instructions.series[0], &PlotPoint::x) == std::vector<double>{160.5, 90.0, 70.5});
  CHECK(instructions.y.ticks[1].second == "sum");
}

TEST_CASE("plots: eigenvalues fill their figure, with the arc of the unit circle beside them") {
  MadeUpRuns runs;
  const auto plot = [&](const std::string& lines) {
    write_quickly(runs.accuracy("seed = 1\n", 0.5) / "eigenvalues.csv",
                  "layer,state,re,im,rounded_re,rounded_im\n" + lines);
    Report report = runs.report();
    auto figures = row_figures(report, report.rows[0]);
    std::filesystem::remove_all(runs.folder / "runs");
    return std::get<Plot>(figures.at(0).content);
  };
  const Plot near_one = plot("0,0,0.95,0.05,0.96,0.06\n0,1,0.9,0.1,0.92,0.08\n");
  CHECK(*near_one.x.high - *near_one.x.low < 0.2);
  CHECK(*near_one.x.low < 0.9);
  CHECK(*near_one.x.high > 0.995);  // where the circle is
  CHECK(*near_one.y.low < 0.05);
  CHECK(*near_one.y.high > 0.1);
  const Plot everywhere = plot("0,0,0.9,0.1,0.9,0.1\n0,1,-0.9,0.1,-0.9,0.1\n0,2,0,-0.8,0,-0.9\n");
  CHECK(*everywhere.x.low < -0.99);
  CHECK(*everywhere.y.low < -1.0);
  for (const Plot& one : {near_one, everywhere, plot("0,0,1,0,1,0\n"), plot("0,0,0,0,0,0\n")}) {
    CHECK(*one.x.high > *one.x.low);
    const double shape = (*one.y.high - *one.y.low) / (*one.x.high - *one.x.low);
    CHECK(shape > 0.49);
    CHECK(shape < 1.01);
  }
}

TEST_CASE("plots: each figure is written as SVG, PDF, data and script, and the page links to all of them") {
  MadeUpRuns runs;
  for (const char* a : {"none", "2", "4"}) runs.mse(a, "none", 2.0);
  write_report({runs.folder.path()}, runs.folder.path());
  const std::string page = read_text(runs.folder / "index.html");
  for (const char* extension : {"svg", "pdf", "csv", "gnuplot"}) {
    const std::string name = std::string("plots/bits-a-bits.") + extension;
    CHECK_FALSE(read_text(runs.folder / name).empty());
    CHECK(contains(page, "\"" + name + "\""));
  }
  CHECK(contains(page, "<a href=\"runs/run0/\">run0</a>"));
  std::filesystem::rename(runs.folder / "runs/run1", runs.folder / "runs/a#1%\"<b>");
  std::filesystem::remove_all(runs.folder / "plots");
  Report moved = runs.report();
  moved.folder = runs.folder.path();
  CHECK(contains(report_html(moved), "<a href=\"runs/a%231%25%22%3Cb%3E/\">a#1%&quot;&lt;b&gt;</a>"));
  CHECK_FALSE(contains(report_html(moved), "plots/"));  // links lead to what is there
}

TEST_CASE("plots: figures of an earlier report go, and files that are none of its own stay") {
  MadeUpRuns runs;
  for (const char* a : {"none", "2", "4"}) runs.mse(a, "none", 2.0);
  const auto plots = runs.folder / "plots";
  std::filesystem::create_directories(plots);
  const std::vector<std::string> stale{"row03-range-a-bits-2",     "heat-map-2",     "bits-ssm-act-bits",
                                       "row01-confusion-a-bits-2", "curve-val-loss", "size",
                                       "difference-bits"};
  const std::vector<const char*> endings{".svg", ".pdf", ".csv", ".gnuplot"};
  for (const auto& name : stale) {
    for (const char* ending : endings) write_quickly(plots / (name + ending), "old");
  }
  const std::vector<std::string> kept{"mine.svg",
                                      "mine.csv",
                                      "mine.gnuplot",
                                      "row03-mine.csv",
                                      "row03-mine.gnuplot",
                                      "bits-of-mine.gnuplot",
                                      "heat-map-2-gnuplot.svg",
                                      "README"};
  for (const auto& name : kept) write_quickly(plots / name, "mine");
  write_report({runs.folder / "runs"}, runs.folder.path());
  for (const auto& name : stale) {
    for (const char* ending : endings)
      CHECK_MESSAGE(!std::filesystem::exists(plots / (name + ending)), (name + ending));
  }
  for (const auto& name : kept) CHECK_MESSAGE(std::filesystem::exists(plots / name), name);
  for (const char* ending : endings) CHECK(std::filesystem::exists(plots / (std::string("bits-a-bits") + ending)));
  runs.mse("none", "none", 1.0);
  for (const char* run : {"run1", "run2"}) std::filesystem::remove_all(runs.folder / "runs" / run);
  write_report({runs.folder / "runs"}, runs.folder.path());  // nothing to draw
  CHECK_FALSE(std::filesystem::exists(plots / "bits-a-bits.svg"));
  CHECK(std::filesystem::exists(plots / "mine.svg"));
}

TEST_CASE("plots: what classes were taken for is a map of one run of the row, with shares of each class as colours") {
  MadeUpRuns runs;
  for (const std::string seed : {"1", "2"}) {
    runs.add("a_bits = 4\nseed = " + seed + "\n",
             R"({"status":"done","test_accuracy":0.75,"classes":["down","up"],"confusion":[[3,1],[0,0]]})");
  }
  runs.add("a_bits = 8\nseed = 1\n",
           R"({"status":"done","test_accuracy":0.75,"classes":["down","up"],"confusion":[[3,1],["x",0]]})");
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 2);
  const std::vector<Figure> figures = row_figures(report, report.rows[0]);
  REQUIRE(figures.size() == 1);
  CHECK(figures[0].name.starts_with("row01-confusion-"));
  const auto& map = std::get<HeatMap>(figures[0].content);
  CHECK(map.rows == std::vector<std::string>{"down", "up"});
  REQUIRE(map.cells.size() == 4);
  CHECK(map.cells[0].text == "3");
  CHECK(map.cells[0].share == 0.75);
  CHECK(map.cells[1].share == 0.25);
  CHECK(map.cells[2].share == 0.0);
  CHECK(contains(report_html(report), "taken for"));
  CHECK(row_figures(report, report.rows[1]).empty());  // a damaged matrix is none
}

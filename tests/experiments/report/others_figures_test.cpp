// Figures of what others published, and of what bitstate allocate measured.
#include "experiments/report/figures.h"
#include "experiments/report/report.h"
#include "experiments/results/run_files.h"
#include "experiments/run_folder/text_files.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::MadeUpRuns;
using bitstate::tests::row_at;
using bitstate::tests::write_quickly;

const Figure& named(const std::vector<Figure>& figures, const std::string& name) {
  const auto found = std::find_if(figures.begin(), figures.end(), [&](const Figure& f) { return f.name == name; });
  REQUIRE_MESSAGE(found != figures.end(), name);
  return *found;
}

std::vector<const Series*> theirs_of(const Plot& plot) {
  std::vector<const Series*> theirs;
  for (const auto& series : plot.series) {
    if (series.theirs) theirs.push_back(&series);
  }
  return theirs;
}

const std::string lorenz =
    "dataset = lorenz\ntrajectories = 1024\nn_layers = 2\nd_model = 3\nssm_size_base = 8\nblocks = 2\nepochs = 9\n";

}  // namespace

TEST_CASE("plots: Q-S5's figures stand beside ours against bits and size and in the heat map, marked as theirs") {
  MadeUpRuns runs;
  for (const int a : {8, 4}) {
    for (const int x : {8, 4}) {
      runs.add(fmt::format("{}a_bits = {}\nssm_act_bits = {}\n", lorenz, a, x),
               fmt::format(R"({{"status":"done","test_mse":{},"size_bits":{}}})", 100 * a + x, 8192 * a));
    }
  }
  const Report report = runs.report();
  const auto figures = report_figures(report);
  const Figure& bits = named(figures, "bits-a-bits");
  CHECK(contains(bits.note, "Hollow: what Q-S5 published"));
  const auto theirs = theirs_of(std::get<Plot>(bits.content));
  REQUIRE(theirs.size() == 2);
  CHECK(theirs[0]->label == "Q-S5 (theirs), ssm_act_bits 4");
  const double published = row_at(report, "8", "4").published.at(0);
  CHECK(published == 12.34);
  REQUIRE(theirs[0]->points.size() == 2);
  CHECK(theirs[0]->points[1].x == 8.0);
  CHECK(theirs[0]->points[1].y == published);
  CHECK(style_of(*theirs[0]).hollow);
  CHECK(style_of(*theirs[0]).ink == style_of(std::get<Plot>(bits.content).series[0]).ink);
  CHECK(contains(figure_csv(bits), ",8,12.34,,,,,\"Q-S5 (theirs), ssm_act_bits 4\","));
  CHECK(theirs_of(std::get<Plot>(named(figures, "size").content)).size() == 1);

  const Figure& map = named(figures, "heat-map");
  CHECK(contains(map.note, "Below: what Q-S5 published."));
  CHECK(contains(figure_csv(map), "\"804.0\",\"4\",\"8\",\"Q-S5: 12.34\"\n"));
  CHECK(contains(figure_svg(map, true), ">Q-S5: 12.34</text>"));
}

TEST_CASE("plots: figures of which Q-S5 published nothing have nothing of theirs, nor has the Pareto front") {
  MadeUpRuns runs;
  for (const int a : {8, 4}) {
    runs.add(fmt::format("{}a_bits = {}\nssm_act_bits = {}\n", lorenz, a, a),
             fmt::format(R"({{"status":"done","test_mse":{},"size_bits":{}}})", 1000 - 100 * a, 8192 * a));
  }
  const auto figures = report_figures(runs.report());
  for (const auto& point : std::get<Plot>(named(figures, "size").content).series[0].points) CHECK(point.y >= 200.0);
  MadeUpRuns small;
  for (const char* a : {"none", "4", "2"}) small.mse(a, "none", 2.0);
  for (const auto& figure : report_figures(small.report())) {
    CHECK_FALSE(contains(figure.note, "Q-S5"));
    if (const auto* plot = std::get_if<Plot>(&figure.content)) CHECK(theirs_of(*plot).empty());
  }
}

TEST_CASE("plots: the folder of bitstate allocate has a figure of what was measured, in the metric of its runs") {
  MadeUpRuns runs;  // they are in runs/, so that is the folder of allocate
  runs.accuracy("bits = weight:* 4\n", 0.9);
  const auto folder = runs.folder / "runs";
  write_quickly(
      folder / "pareto.csv",
      "label,bytes,metric,kind\nuniform 2 bits,100,0.5,uniform\nuniform 2 bits,100,0.7,uniform-finetuned\n"
      "allocated in 150 bytes,150,0.8,allocated\nuniform 4 bits,200,,uniform\nuniform 8 bits,400,0.75,uniform\n"
      "the run as it is,1600,0.9,run\ntorn,170");
  CHECK(read_allocation(folder).size() == 5);
  write_report({folder}, runs.folder / "out");
  const std::string data = read_text(runs.folder / "out/plots/allocation.csv");
  CHECK(contains(data, ",100,50,,,,,\"uniform widths\",\"uniform 2 bits\"\n"));
  CHECK(contains(data, ",100,70,,,,,\"uniform widths, fine-tuned\",\"uniform 2 bits\"\n"));
  CHECK(contains(data, ",150,80,,,,,\"allocated widths\",\"allocated in 150 bytes\"\n"));
  CHECK(contains(data, ",1600,90,,,,,\"the run as it is\",\"the run as it is\"\n"));
  CHECK(contains(data, "0,100,70,,,,,\"Pareto front\",\n0,150,80,,,,,\"Pareto front\",\n0,1600,90,"));
  CHECK(contains(read_text(runs.folder / "out/index.html"), "validation accuracy, % against bytes, runs"));
  std::filesystem::remove(folder / "pareto.csv");
  write_report({folder}, runs.folder / "out");
  CHECK_FALSE(std::filesystem::exists(runs.folder / "out/plots/allocation.csv"));
}

TEST_CASE("report: rows of bitstate allocate are called as in its table, behind the run that they started from") {
  MadeUpRuns runs;
  const auto source = runs.add("bits = none\nseed = 1\n", R"({"status":"done","test_mse":1.0,"size_bits":8000})");
  const auto made = runs.folder / "made";
  const auto add = [&](const std::string& name, const std::string& result) {
    std::filesystem::create_directories(made / name);
    write_quickly(made / name / "settings.ini", "from = ../../runs/" + source.filename().string() +
                                                    "\nquant = runs/made/" + name + ".quant\nepochs = 2\nseed = 1\n");
    write_quickly(made / name / "result.json", result);
  };
  add("allocated-untrained", R"({"status":"done","test_mse":3.0,"size_bits":955})");
  add("uniform-4", R"({"status":"done","test_mse":2.0,"size_bits":900})");
  add("allocated", R"({"status":"diverged"})");
  const auto quants = read_runs({runs.folder.path()});
  CHECK(std::count_if(quants.begin(), quants.end(),
                      [](const auto& run) { return run.setting("quant") == "uniform-4"; }) == 1);
  CHECK(read_runs({made}).size() == 3);  // without a pareto.csv, they are runs like any other
  write_quickly(made / "pareto.csv", "label,bytes,metric,kind\n");
  const Report report = make_report(read_runs({made}));
  std::vector<std::string> labels;
  for (const auto& row : report.rows) labels.push_back(row_label(report, row));
  CHECK(labels ==
        std::vector<std::string>{"float", "allocated", "uniform 4 bits", "allocated in 120 bytes, untrained"});
  CHECK(report.titles == std::vector<std::string>{"configuration"});
  CHECK(report.rows[2].difference.mean == 1.0);
  CHECK(read_runs({made, runs.folder / "runs"}).size() == 4);  // each once
  std::filesystem::remove_all(source);
  CHECK(make_report(read_runs({made})).rows.size() == 3);
}

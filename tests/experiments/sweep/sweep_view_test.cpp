// What a person sees of a sweep that runs: the screen and the page, as functions of its state.
#include "experiments/sweep/sweep_view.h"

#include "core/text.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/sweep/live_page.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using tests::contains;
using tests::write_quickly;

RunView run_at(const std::string& label, double epoch, double seconds, std::size_t epochs = 40) {
  RunView run{label, {"row", epochs}, seconds, {"val_accuracy", {}}};
  if (epoch > 0.0) run.curves.points.push_back({epoch, 0.125, seconds, {}});
  return run;
}

SweepView example() {
  SweepView sweep{40,
                  12,
                  2,
                  {},
                  {run_at("a_bits=4 seed=1", 12.5, 250.0), run_at("a_bits=none seed=10", 0.0, 3.0)},
                  std::vector<RunWork>(26, {"row", 40}),
                  {}};
  sweep.running[0].curves.points = {{12.0, 0.25, 240.0, 0.9125}, {12.5, 0.125, 250.0, {}}};
  return sweep;
}

TEST_CASE("sweep view: the screen has a bar, the time left and a line for each run in progress") {
  CHECK(screen_text(example(), {100, 24}) ==
        "[=======                 ] 12/40 runs, about 3h04m left\n"
        "  a_bits=4 seed=1      epoch 13/40    4m10s  loss 0.125  val_accuracy 0.9125\n"
        "  a_bits=none seed=10  starts            3s  ");
  CHECK(screen_text({3, 0, 1, {}, {run_at("w8a8", 0.0, 1.0, 0)}, {}, {}}, {100, 24}) ==
        "[                        ] 0/3 runs\n"
        "  w8a8  is quantized      1s  ");
  CHECK(contains(screen_text({0, 0, 1, {}, {}, {}, {}}, {100, 24}), "[========================] 0/0 runs"));
  CHECK(epoch_text(run_at("ends", 40.0, 1.0)) == "epoch 40/40");
}

TEST_CASE("sweep view: the screen fits every terminal") {
  SweepView sweep = example();
  sweep.planned = 1000000;
  for (int i = 0; i < 30; ++i) sweep.running.push_back(run_at("λ̄=ä " + std::string(i * 5, 'x'), i, 1e6));
  const auto columns_of = [](const std::string& line) {
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  for (const std::size_t columns : {0, 1, 5, 20, 40, 80, 200}) {
    for (const std::size_t rows : {0, 1, 3, 10, 24, 100}) {
      const auto lines = split(screen_text(sweep, {columns, rows}), "\n");
      CHECK(lines.size() < std::max<std::size_t>(rows, 4));
      CHECK(lines.size() >= 2);
      for (const auto& line : lines) CHECK(columns_of(line) < std::max<std::size_t>(columns, 2));
    }
  }
  const std::string text = screen_text(sweep, {80, 10});
  CHECK(contains(text, "\n  and 25 more"));
  CHECK(contains(text, "epoch 13/40    4m10s  loss 0.125  val_accuracy 0.9125"));
}

TEST_CASE("sweep view: a label is cut in its middle, and the seed is kept") {
  const auto line_of = [](const std::string& label, std::size_t columns) {
    SweepView sweep{2, 0, 1, {}, {run_at(label, 0.0, 3.0)}, {}, {}};
    return split(screen_text(sweep, {columns, 24}), "\n").back();
  };
  const std::string label = "bits=weight:*.ssm.A 4 form=log-polar ssm_act_bits=8 qaft seed=12";
  CHECK(line_of(label, 80) == "bits=weight:*.ssm.A 4 form…sm_act_bits=8 qaft seed=12  starts            3s");
  CHECK(line_of(label, 40) == "bits=…seed=12  starts            3s");
  CHECK(line_of("λλλλλλλλλλ seed=2", 38).starts_with("λλλλλ…seed=2  starts"));
  CHECK(line_of("a-label-of-one-word-only", 38).starts_with("a-labe…-only  starts"));
  SweepView shared{2, 0, 1, {}, {run_at("W8A8 seed=1", 1.0, 3.0)}, {}, {}};
  shared.running[0].who = "host:12";
  CHECK(contains(screen_text(shared, {80, 24}), "  W8A8 seed=1  epoch 2/40        3s  loss 0.125  run by host:12"));
}

TEST_CASE("sweep view: the time left counts what is begun, what waits, and how many run at once") {
  SweepView sweep{10, 4, 2, {}, {run_at("a", 10.0, 50.0), run_at("b", 0.0, 30.0)}, {}, {}};
  sweep.waiting.assign(4, {"row", 40});
  sweep.costs.add({"row", 40}, 0.0);  // with a: 100 s of a run
  // a: 150 s of 200; b: 70 s of the mean; four wait: 400 s
  CHECK(*seconds_left(sweep) == doctest::Approx((150.0 + 70.0 + 400.0) / 2.0));
  sweep.costs = {};  // then as long as a: 150 + 170 + 800
  CHECK(*seconds_left(sweep) == doctest::Approx(1120.0 / 2.0));
  sweep.waiting.clear();
  sweep.running[1] = run_at("b", 39.0, 39.0);  // one second
  CHECK(*seconds_left(sweep) == doctest::Approx(150.0));
  sweep.running = {run_at("a", 0.0, 5.0)};
  CHECK_FALSE(seconds_left(sweep));
  CHECK(summary_text(sweep) == "4/10 runs");
}

TEST_CASE("sweep view: the time left weighs runs by their epochs, and by what their row and stage cost") {
  EpochCosts costs;
  CHECK_FALSE(costs.seconds_of({"A", 10}));
  costs.add({"float A", 10}, 100.0);
  CHECK(costs.seconds_of({"float A", 20}) == 200.0);
  CHECK(costs.seconds_of({"float B", 2}) == 20.0);
  CHECK(costs.seconds_of({"ptq B", 0}) == 10.0);  // as an epoch
  costs.add({"qaft B", 10}, 500.0);
  CHECK(costs.seconds_of({"float A", 1}) == 10.0);
  CHECK(costs.seconds_of({"qaft B", 1}) == 50.0);
  CHECK(costs.seconds_of({"qaft C", 1}) == 30.0);
  costs.add({"ptq A", 0}, 4.0);
  CHECK(costs.seconds_of({"ptq C", 0}) == 4.0);
  EpochCosts untrained;
  untrained.add({"ptq A", 0}, 4.0);
  CHECK_FALSE(untrained.seconds_of({"float A", 5}));
  SweepView sweep{3, 1, 2, costs, {}, {{"float C", 3}, {"qaft B", 10}}, {}};
  CHECK(*seconds_left(sweep) == doctest::Approx(500.0));  // the longest one
  sweep.jobs = 1;
  CHECK(*seconds_left(sweep) == doctest::Approx(90.0 + 500.0));
}

TEST_CASE("curves: a reader takes the whole rows that there are") {
  const tests::TempFolder folder;
  const auto read = [&](const std::string& text) {
    write_quickly(folder / "curves.csv", text);
    return read_curves(folder.path());
  };
  CHECK(read_curves(folder.path()).points.empty());
  const std::string head = "epoch,step,loss,train_loss,lr,seconds,val_loss,val_mse\n";
  const RunCurves curves = read(head + "0.5,1,3.5,3.5,0.1,2.25,,\n1,2,3,3.25,0.1,4,7,0.5\n1.5,3,2,2,0.1,6,,\n2,4,1");
  CHECK(curves.metric == "val_mse");
  REQUIRE(curves.points.size() == 3);
  CHECK(curves.points[0].epoch == 0.5);
  CHECK(curves.points[0].loss == 3.5);
  CHECK(curves.points[0].seconds == 2.25);
  CHECK_FALSE(curves.points[0].metric);
  CHECK(curves.points[1].metric == 0.5);
  for (const char* const row : {"0.5,1,nan,1,0.1,2,,\n", "0,0,1,1,0.1,2,,\n", "-1,1,1,1,0.1,2,,\n",
                                "inf,1,1,1,0.1,2,,\n", "1,2,3\n", "x,y\n\n,,,", "1,1,1,1,1,nan,,\n"}) {
    CHECK(read(head + row).points.empty());
  }
  CHECK(read("step,loss\n1,2\n").points.empty());
  CHECK(read("\n\n").points.empty());
  CHECK(read(head + "1,1,1,1,1,1,1,nan\n").points.size() == 1);
}

TEST_CASE("live page: it shows how far the sweep is, loads itself again, and the report takes its place") {
  tests::MadeUpRuns runs;
  runs.accuracy("a_bits = 8\nseed = 1\n", 0.5);
  const auto running = runs.add("a_bits = 4\nseed = 1\n", "");
  SweepView sweep = example();
  sweep.running[0].label = "<a&b>";
  sweep.failures = {"failed    c <i>: exit code 1, out of memory"};
  std::vector<std::string> warnings;
  LivePage page(runs.folder.path(), [&](std::string_view warning) { warnings.emplace_back(warning); });
  page.update(sweep);
  const std::string live = read_text(runs.folder / "index.html");
  CHECK(contains(live, "<meta http-equiv=\"refresh\" content=\"10\">"));
  CHECK(contains(live, "12/40 runs, about 3h04m left"));
  CHECK(contains(live, "<div style=\"width:30.0%\">"));
  CHECK(contains(live,
                 "<td>&lt;a&amp;b&gt;</td><td>epoch 13/40</td><td>4m10s</td><td>loss 0.125  val_accuracy 0.9125</td>"));
  CHECK(contains(live, "<path d=\"M30.0 2.0L31.2 22.0\"/>"));
  CHECK(contains(live, "<li class=\"warn\">failed    c &lt;i&gt;: exit code 1, out of memory</li>"));
  CHECK(contains(live, "<h2>Configurations</h2>"));
  sweep.ended = 13;
  page.update(sweep);  // too soon
  CHECK(read_text(runs.folder / "index.html") == live);
  page.finish();
  const std::string report = read_text(runs.folder / "index.html");
  CHECK_FALSE(contains(report, "refresh"));
  CHECK_FALSE(contains(report, "12/40"));
  CHECK(contains(report, "<h2>Configurations</h2>"));
  CHECK(warnings.empty());
}

TEST_CASE("live page: a folder that takes none costs one warning") {
  tests::MadeUpRuns runs;
  runs.accuracy("seed = 1\n", 0.5);
  fs::create_directories(runs.folder / "index.html/in_the_way");
  std::vector<std::string> warnings;
  LivePage page(runs.folder.path(), [&](std::string_view warning) { warnings.emplace_back(warning); });
  page.update(example());
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "index.html] cannot be replaced"));
  CHECK(contains(tests::error_of<Error>([&] { page.finish(); }), "index.html] cannot be replaced"));
}

}  // namespace
}  // namespace bitstate::experiments

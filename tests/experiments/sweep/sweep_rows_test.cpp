// Rows, zipped values, constraints and stages of a sweep file.
#include "core/error.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/step_cost.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/embedded.h"
#include "experiments/sweep/sweep.h"
#include "experiments/sweep/sweep_check.h"
#include "experiments/sweep/sweep_file.h"
#include "experiments/sweep/sweep_forecast.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::error_of;
using bitstate::tests::says;
using bitstate::tests::TempFolder;

constexpr const char* recipe = "recipe = lorenz-small\n";

std::vector<SweepRun> planned(const std::string& text, const Settings& overrides = {}, bool large = false) {
  return plan_sweep(parse_ini(recipe + text, "s.ini"), "s.ini", overrides, large);
}

std::string refused(const std::string& text, const Settings& overrides = {}) {
  return error_of<UsageError>([&] { planned(text, overrides); });
}

/// The labels in the order of the rows, the first seed of each.
std::vector<std::string> rows_of(std::vector<SweepRun> runs) {
  std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.place < b.place; });
  std::vector<std::string> rows;
  for (const SweepRun& run : runs) {
    const std::string row = run.row + (run.stage.empty() ? "" : " @" + run.stage);
    if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
  }
  return rows;
}

using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE("sweep rows: labels stand for settings, in the order of the file, and name the float run where it is a row") {
  const std::string rows = "seeds = 1 2\nrow.W8A8 = quant=w8a8\nrow.A (4 bits) = bits=weight:*.ssm.A 4 form=delta\n";
  const auto runs = planned(rows + "row.Float = quant = none\nset.epochs = 5\n");
  CHECK(runs.size() == 6);
  CHECK(rows_of(runs) == Rows{"W8A8", "A (4 bits)", "Float"});
  CHECK(runs[0].row == "Float");  // trained first
  CHECK(runs[1].label == "W8A8 seed=1");
  CHECK(rows_of(planned(rows)) == Rows{"float", "W8A8", "A (4 bits)"});
  for (const auto& run : runs) {
    if (run.row != "A (4 bits)") continue;
    CHECK(run.config.quantization.bits == std::vector<std::string>{"weight:*.ssm.A 4 form=delta"});
    CHECK(run.config.training.epochs == 5);
  }
}

TEST_CASE("sweep rows: they are the outermost axis, and may change what is set and what a float run has") {
  const auto runs =
      planned("axis.d_model = 3 4\nset.epochs = 5\nrow.long = a_bits=4 | epochs=7\nrow.plain = a_bits=4\n");
  CHECK(rows_of(runs) == Rows{"float epochs=7 d_model=3", "long d_model=3", "float epochs=7 d_model=4",
                              "long d_model=4", "float d_model=3", "plain d_model=3", "float d_model=4",
                              "plain d_model=4"});
  for (const auto& run : runs) CHECK(run.config.training.epochs == (run.place < 4 ? 7 : 5));
}

TEST_CASE("sweep rows: a row keeps the settings of older sweeps, and so their runs") {
  const auto axis = planned("seeds = 1 2\naxis.bits = none | weight:*.ssm.A 4 form=delta | state:* 8\n");
  const auto rows =
      planned("seeds = 1 2\nrow.Float = bits=none\nrow.A = bits=weight:*.ssm.A 4 form=delta\nrow.x = bits=state:* 8\n");
  REQUIRE(axis.size() == rows.size());
  std::set<std::string> of_axis, of_rows;
  for (const auto& run : axis) of_axis.insert(run.hash);
  for (const auto& run : rows) of_rows.insert(run.hash);
  CHECK(of_axis == of_rows);
}

TEST_CASE("sweep rows: mistakes are refused") {
  says(refused("row.A = quant=w8a8\nrow.B = quant=w8a8\n"), "row.A and row.B are the same row");
  says(refused("row.A = quant=w8a8\n[row]\nA = a_bits=4\n"), "both give row.A");
  says(refused("row.8.bits = a_bits=4\nrow.8.bits = a_bits=8\n"), "row.8.bits stands twice");
  says(refused("row.A =\n"), "row.A has no options");
  says(refused("row.A = |\n"), "row.A has no options");
  says(refused("row. = a_bits=4\n"), "'row.' has no name behind the dot");
  says(refused("row.A = w8a8\n"), "row.A holds \"w8a8\"; expected option=value");
  says(refused("row.A = a_bit=4\n"), "[s.ini: row.A] 'a_bit' is not an option; did you mean 'a_bits'?");
  says(refused("row.A = threads=4\n"), "says how runs are done");
  says(refused("row.A = a_bits=4\naxis.a_bits = 4 8\n"), "'a_bits' is both an axis and an option of a row");
  says(refused("row.A = a_bits=99\n"), "[a_bits] expected");
  says(refused("row.A = quant=\"w8a8\n"), "double quote");
  says(refused("rows.A = a_bits=4\n"), "'rows.A' is not a key of a sweep");
  says(refused("seed = 4\n"), "skip.NAME and stage.NAME; did you mean 'seeds'?");
}

TEST_CASE("sweep rows: a file names the keys of its table") {
  const auto table = [](const std::string& text) {
    return read_sweep_file(parse_ini(recipe + text, "s.ini"), "s.ini", {}).table;
  };
  CHECK(table("table.rows = part\ntable.columns = width\nrow.A = a_bits=4\n") == PivotKeys{"part", "width"});
  CHECK(table("table.rows = a_bits\ntable.columns = stage\naxis.a_bits = 4 8\n") == PivotKeys{"a_bits", "stage"});
  says(refused("table.rows = part\nrow.A = a_bits=4\n"), "needs both table.rows and table.columns");
  says(refused("table.rows = part\ntable.columns = part\nrow.A = a_bits=4\n"), "are both part");
  says(refused("table.rows = prat\ntable.columns = width\nrow.A = a_bits=4\n"), "did you mean 'part'?");
  says(refused("table.row = part\nrow.A = a_bits=4\n"), "did you mean 'table.rows'?");
}

TEST_CASE("sweep rows: an option on the command line takes the place of what rows say") {
  const auto runs = planned("row.A = a_bits=4 | epochs=3\nrow.B = a_bits=8 | epochs=3\n", {{"epochs", "2"}});
  CHECK(rows_of(runs) == Rows{"float", "A", "B"});
  for (const auto& run : runs) CHECK(run.config.training.epochs == 2);
  CHECK(rows_of(planned("row.A = a_bits=4\nrow.B = a_bits=8\n", {{"a_bits", "6"}})) == Rows{"float", "quantized"});
}

TEST_CASE("sweep zip: values go together, as one axis where the first stands") {
  const auto runs = planned("axis.b_bits = 4 8\nzip.d_model = 3 4\naxis.c_bits = 8\nzip.epochs = 5 6\n");
  CHECK(runs.size() == 2 * 2 + 2);
  for (const auto& run : runs) CHECK(run.config.training.epochs == run.config.model.s5.d_model + 2);
  says(refused("zip.d_model = 3 4\nzip.epochs = 5 6 7\n"),
       "zip.d_model has 2 values and zip.epochs has 3, but they go together");
  says(refused("zip.d_model = 3 4\naxis.d_model = 3 4\n"), "'d_model' is an axis twice");
  says(refused("zip.d_model = 3,4\n"), "write zip.d_model = 3 4");
  says(refused("zip.d_model =\n"), "'zip.d_model' has no values");
  CHECK(planned("zip.bits = state:* 8 | state:* 4 range=ema\nzip.epochs = 5 6\n").size() == 4);
}

TEST_CASE("sweep skip: points where all of it holds are left out, before anything about them can be wrong") {
  const auto runs = planned("axis.a_bits = 4 8\naxis.p_dropout = 0 0.1\nskip.x = a_bits=4 | p_dropout=0.10\n");
  CHECK(rows_of(runs) == Rows{"float p_dropout=0", "a_bits=4 p_dropout=0", "a_bits=8 p_dropout=0",
                              "float p_dropout=0.1", "a_bits=8 p_dropout=0.1"});
  CHECK(rows_of(planned("row.A = a_bits=4\nrow.B = b_bits=4\naxis.epochs = 2 3\nskip.x = row=A | epochs=3\n")) ==
        Rows{"float epochs=2", "A epochs=2", "B epochs=2", "float epochs=3", "B epochs=3"});
  // 3 blocks of 4 states do not divide
  says(refused("axis.blocks = 1 3\naxis.ssm_size_base = 4 6\n"), "blocks");
  CHECK(refused("axis.blocks = 1 3\naxis.ssm_size_base = 4 6\nskip.x = blocks=3 | ssm_size_base=4\n").empty());
  says(refused("axis.a_bits = 4 8\nskip.x = a_bits=6\n"), "skip.x leaves out no point");
  says(refused("axis.a_bits = 4 8\nskip.x = b_bits=6\n"), "skip.x names b_bits, which no row and no axis gives");
  says(refused("axis.a_bits = 4 8\nskip.x = row=A\n"), "skip.x names row, which no row and no axis gives");
  says(refused("axis.a_bits = 4\nskip.x = a_bits=4\n"), "leaves out every point of the product (skip.x)");
  says(refused("axis.a_bits = 4\nskip.x =\n"), "skip.x has no options");
  says(refused("axis.a_bits = 4 8\nskip.x = a_bits=four\n"), "[a_bits] expected");
  CHECK(planned("seeds = 1 2\naxis.a_bits = 4 8\nskip.x = a_bits=4 | seed=2\n", {{"seed", "1"}}).size() == 3);
}

TEST_CASE("sweep stages: the float run is shared, and the others start from it whatever its weights will be") {
  const std::string text =
      "seeds = 1 2\nset.epochs = 4\nrow.W8A8 = quant=w8a8\nrow.A = a_bits=4 | calibration_batches=3\nstage.float =\n"
      "stage.ptq = epochs=0\nstage.qaft = epochs=1 | from_lr_factor=0.1\n";
  const auto runs = planned(text);
  CHECK(rows_of(runs) == Rows{"float @float", "W8A8 @ptq", "W8A8 @qaft", "A @ptq", "A @qaft"});
  CHECK(runs.size() == 10);
  std::set<std::string> hashes;
  for (const auto& run : runs) {
    hashes.insert(run.hash);
    CHECK(run.config.training.epochs == (run.stage == "ptq" ? 0 : run.stage == "qaft" ? 1 : 4));
    CHECK(quant_rules(run.config).empty() == (run.stage == "float"));
    if (run.stage == "float") {
      CHECK(run.source.empty());
      // the float run of a sweep without stages
      CHECK(run.hash == planned("seeds = " + std::to_string(run.config.training.seed) + "\nset.epochs = 4\n")[0].hash);
      continue;
    }
    const auto source =
        std::find_if(runs.begin(), runs.end(), [&](const auto& other) { return other.hash == run.source; });
    REQUIRE(source != runs.end());
    CHECK(source < std::find_if(
                       runs.begin(), runs.end(), [&](const auto& other) { return other.hash == run.hash; }));
    CHECK(source->config.training.seed == run.config.training.seed);
    CHECK(run.config.source.from == run.source);
  }
  CHECK(hashes.size() == 10);
  CHECK(runs[1].label == "W8A8 ptq seed=1");
  // a float row is trained further where a stage trains
  CHECK(rows_of(planned(text + "row.Float = quant=none\n")) ==
        Rows{"W8A8 @ptq", "W8A8 @qaft", "A @ptq", "A @qaft", "Float @float", "Float @qaft"});
}

TEST_CASE(
    "sweep stages: a constraint leaves the runs of one stage out, and the float run where nothing starts from it") {
  const std::string text =
      "row.Float = quant=none\nrow.A = a_bits=4\nrow.B = b_bits=4\nstage.float =\nstage.ptq = epochs=0\n"
      "stage.qaft = epochs=1\n";
  CHECK(rows_of(planned(text + "skip.x = stage=ptq | row=B\n")) ==
        Rows{"Float @float", "Float @qaft", "A @ptq", "A @qaft", "B @qaft"});
  CHECK(rows_of(planned(text + "skip.x = stage=qaft\n")) == Rows{"Float @float", "A @ptq", "B @ptq"});
  CHECK(rows_of(planned(text + "skip.x = stage=qaft\nskip.y = stage=ptq | b_bits=4\n")) ==
        Rows{"Float @float", "A @ptq"});
  CHECK(rows_of(planned(text + "skip.x = stage=qaft | row=Float\nskip.y = stage=ptq | row=Float\n")) ==
        Rows{"Float @float", "A @ptq", "A @qaft", "B @ptq", "B @qaft"});
  const std::string apart = "axis.a_bits = 4 8\nzip.p_dropout = 0 0.1\nstage.float =\nstage.ptq = epochs=0\n";
  CHECK(rows_of(planned(apart + "skip.x = stage=ptq | p_dropout=0.1\n")) ==
        Rows{"float p_dropout=0 @float", "a_bits=4 p_dropout=0 @ptq", "a_bits=8 p_dropout=0 @ptq"});
  says(refused(text + "skip.x = stage=float | row=A\n"),
       "skip.x names the stage float, which the other stages start from");
  says(refused(text + "skip.x = stage=pqt\n"), "skip.x names the stage pqt, which there is not");
  says(refused("axis.a_bits = 4 8\nskip.x = stage=ptq\n"), "skip.x names the stage ptq, but there are no stages");
  says(refused(text + "skip.x = stage=ptq | stage=qaft\n"), "skip.x leaves out no point");
  says(refused(apart + "skip.x = stage=ptq\n"), "leaves out every run of every stage (skip.x)");
}

TEST_CASE("sweep stages: mistakes are refused") {
  const std::string two = "quant = w8a8\nstage.float =\nstage.ptq = epochs=0\n";
  CHECK(refused(two).empty());
  says(refused("quant = w8a8\nstage.float = epochs=2\n"), "stage.float is the only stage");
  says(refused("quant = w8a8\nstage.float = a_bits=4\nstage.ptq = epochs=0\n"), "a_bits is for the stages behind it");
  says(refused("quant = w8a8\nstage.float = balance=true\nstage.ptq = epochs=0\n"), "balance is for the stages behind");
  says(refused(two + "set.from = run\n"), "from is not for them");
  says(refused("quant = w8a8\nstage.float =\nstage.ptq = from=run\n"), "from is not for them");
  says(refused(two, {{"from", "run"}}), "from is not for them");
  says(refused(two + "axis.epochs = 2 3\n"), "'epochs' is given by axis.epochs and by stage.ptq");
  says(error_of<UsageError>([&] { plan_sweep(parse_ini(two, "s.ini"), "s.ini"); }), "no recipe for the first of them");
}

TEST_CASE("sweep forecast: rows have their results, and what is left takes time") {
  const TempFolder folder;
  const auto runs =
      planned("set.trajectories = 20\nset.bsz = 4\nseeds = 1 2\nset.epochs = 1000000\nrow.A = a_bits=8\n");
  const std::string table = forecast(runs, folder / "sweep", "s.ini", 2, 1);
  says(table, "A      1 2     0 of 2  1000000");
  says(table, "4 runs, 0 with a result; the others take about ");
  CHECK(table.find("about 0s") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "sweep"));
  std::filesystem::create_directory(folder / "sweep");
  std::ofstream(folder / "sweep" / "plan.json") << "{";
  says(error_of<bitstate::Error>([&] { forecast(runs, folder / "sweep", "s.ini", 2, 1); }), "plan.json] is damaged");
}

TEST_CASE("sweep forecast: what a run and its epochs save takes time, and nothing of it stays") {
  const TempFolder folder;
  const RunConfig config = planned("set.trajectories = 20\nset.bsz = 4\nrow.A = a_bits=8\n").back().config;
  const auto data = training_data(config);
  Upkeep upkeep;  // differences of times, which other work on the machine can make 0
  for (int attempt = 0; attempt < 20 && (upkeep.run_seconds == 0.0 || upkeep.epoch_seconds == 0.0); ++attempt) {
    upkeep = measure_upkeep_apart(config, data, folder.path());
  }
  CHECK(upkeep.run_seconds > 1e-6);
  CHECK(upkeep.epoch_seconds > 1e-6);
  CHECK(upkeep.run_seconds + upkeep.epoch_seconds < 60.0);
  CHECK(folder.entries() == 0);
  CHECK(measure_upkeep_apart(config, data, folder / "absent").epoch_seconds == 0.0);
}

TEST_CASE("sweep forecast: the memory of a run is its own, whatever was measured before it") {
  const auto bytes = [](const std::string& settings, std::optional<std::size_t> top = {}) {
    RunConfig config = planned("set.trajectories = 20\nset.bsz = 8\n" + settings).back().config;
    config.source.top_blocks = top;
    return static_cast<double>(measure_step_apart(config, training_data(config)).bytes);
  };
  const double before = bytes("");
  const std::string layers = "set.n_layers = 8\nset.d_model = 64\nset.ssm_size_base = 64\n";
  const double large = bytes(layers);
  CHECK(large > before + 20e6);
  CHECK(bytes("") < before + (large - before) / 4);
  CHECK(bytes(layers, 0) < before + (large - before) * 3 / 4);  // the head alone
  says(error_of<bitstate::Error>([&] { bytes("set.bits = weight:*.ssm.E 8\n"); }), "matches no site");
}

TEST_CASE("sweep rows: runs of other settings that are called alike stand in rows of their own") {
  const TempFolder folder;
  auto runs = planned("set.trajectories = 20\nset.bsz = 4\nseeds = 1 2\nrow.A = a_bits=8\nrow.B = a_bits=4\n");
  for (SweepRun& run : runs) run.row = run.row == "B" ? "A" : run.row;
  const auto rows = table_rows(runs);
  REQUIRE(rows.size() == 3);
  CHECK(rows[1][0]->config.training.seed == 1);
  CHECK(rows[1][1]->config.training.seed == 2);
  CHECK(rows[1].size() == 2);
  const std::string table = forecast(runs, folder / "sweep", "s.ini", 1, 1);
  const auto at = table.find("A      1 2     0 of 2 ");
  REQUIRE(at != std::string::npos);
  CHECK(table.find("A      1 2     0 of 2 ", at + 1) != std::string::npos);
}

TEST_CASE("sweep stages: runs are checked without the weights that are not there yet") {
  const TempFolder folder;
  const std::string data = "set.trajectories = 20\nset.bsz = 4\nset.epochs = 1\nquant = w8a8\nstage.float =\n";
  const auto check = [&](const std::string& text) {
    return error_of<UsageError>([&] { check_sweep(planned(data + text), folder / "sweep", "s.ini"); });
  };
  CHECK(check("stage.ptq = epochs=0\nstage.qaft = epochs=1\n").empty());
  says(check("stage.ptq = epochs=0 | bits=weight:*.ssm.E 8\n"), "matches no site");
  says(check("stage.ptq = epochs=0 | calibration_batches=0\n"), "keeps a range");
  const std::string other = check("stage.ptq = epochs=0 | d_model=4\n");
  says(other, "[s.ini] the run quant=w8a8 ptq cannot be trained: [from] this model has ");
  says(other, "which the run it starts from does not have");
  says(check("stage.ptq = epochs=0 | n_layers=1\n"), "the run it starts from has layers.1.");
  CHECK_FALSE(std::filesystem::exists(folder / "sweep"));
}

TEST_CASE("sweep: the built-in ones are plans whose rows have names of their own, and begin with a sentence") {
  std::size_t planned_sweeps = 0;
  for (const std::string& name : embedded_names("sweeps")) {
    CAPTURE(name);
    const std::string text(*embedded_file("sweeps/" + name + ".ini"));
    CHECK(text.substr(0, text.find('\n')).ends_with("."));
    const Settings file = parse_ini(text, name);
    (void)read_sweep_file(file, name, {});
    if (last_value(file, "recipe") == nullptr || name == "smnist-small-ptq") continue;  // these need a run
    std::set<std::string> points;
    const auto runs = plan_sweep(file, name, {{"data", "data"}});
    for (const SweepRun& run : runs) points.insert(run.label);
    CHECK(points.size() == runs.size());
    ++planned_sweeps;
  }
  CHECK(planned_sweeps >= 12);
}

TEST_CASE("sweep: Q-S5's configurations are trained with our operators and with its own, as the runs that they were") {
  const Settings file = parse_ini(std::string(*embedded_file("sweeps/qs5-smnist.ini")), "qs5-smnist");
  const auto hashes = [&](Settings overrides) {
    overrides.emplace_back("data", "data");
    std::set<std::string> found;
    for (const SweepRun& run : plan_sweep(file, "qs5-smnist", overrides)) found.insert(run.hash);
    return found;
  };
  const std::set<std::string> ours = hashes({{"preset", "none"}});
  const std::set<std::string> theirs = hashes({{"preset", "qs5"}});
  std::set<std::string> both = ours;
  both.insert(theirs.begin(), theirs.end());
  CHECK(ours.size() == 8);
  CHECK(both.size() == 16);
  CHECK(hashes({}) == both);
  CHECK(*ours.begin() == "13da4435049d4d19");  // as before one call had both
  CHECK(*theirs.begin() == "2d146d82fb061db8");
}

TEST_CASE("sweep: more than a thousand runs are asked for twice, and the product is bounded") {
  std::string values = "seeds =";
  for (int i = 1; i <= 1000; ++i) values += fmt::format(" {}", i);
  CHECK(planned(values + "\n").size() == 1000);
  says(refused(values + " 1001\n"), "asks for 1001 runs, which is more than 1000; --yes says that this is meant");
  says(refused(values + "\naxis.a_bits = 4\n"), "asks for 2000 runs");
  CHECK(planned(values + " 1001\n", {}, true).size() == 1001);
  for (const char* const option : {"a_bits", "b_bits", "c_bits", "d_bits", "ssm_act_bits"}) {
    values += fmt::format("\naxis.{} = 2 3 4 5 6 7 8", option);
  }
  says(error_of<UsageError>([&] { planned(values, {}, true); }),
       "asks for more than 100000 points in the product of its axes, which --yes does not permit either");
}

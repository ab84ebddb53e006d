#include "core/error.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "experiments/sweep/sweep.h"
#include "experiments/sweep/sweep_check.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::Error;
using bitstate::UsageError;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::TempFolder;

std::vector<SweepRun> plan(const std::string& text, const Settings& overrides = {}) {
  return plan_sweep(parse_ini(text, "s.ini"), "s.ini", overrides);
}

std::string plan_error(const std::string& text) {
  return error_of<UsageError>([&] { plan(text); });
}

/// A sweep of short Lorenz runs, and what check_sweep() says of it.
constexpr const char* short_runs = "recipe = lorenz-small\nset.trajectories = 20\nset.bsz = 4\nset.epochs = 1\n";

std::string check_error(const std::string& lines, const std::filesystem::path& out) {
  return error_of<UsageError>([&] { check_sweep(plan(short_runs + lines), out, "s.ini"); });
}

constexpr const char* four_points = "recipe = lorenz-small\nseeds = 1 2\naxis.a_bits = 2 8\n";

constexpr const char* own_recipe =
    "dataset = own\nn_layers = 1\nd_model = 4\nssm_size_base = 4\nblocks = 1\nbatchnorm = false\nbsz = 2\nepochs = 1\n"
    "window = 10\n";

void write_series(const std::filesystem::path& file) {
  std::string rows = "t,u,y\n";
  for (int i = 0; i < 200; ++i) rows += fmt::format("{},{},{}\n", i, i % 7, i % 5);
  bitstate::tests::write_quickly(file, rows);
}

}  // namespace

TEST_CASE("sweep: the plan is the full product of axes, configurations and seeds, each run once") {
  const auto runs = plan(
      "recipe = lorenz-small\nseeds = 1 2 3\nquant = none w8a8\naxis.d_model = 3 4\naxis.p_dropout = 0 0.1\nset.epochs "
      "= 5\n");
  CHECK(runs.size() == 3 * 2 * 2 * 2);
  std::set<std::string> hashes, points;
  for (const auto& planned : runs) {
    hashes.insert(planned.hash);
    CHECK(planned.hash == settings_hash(planned.config));
    CHECK(planned.config.training.epochs == 5);
    points.insert(std::to_string(planned.config.training.seed) + planned.config.quantization.quant +
                  std::to_string(planned.config.model.s5.d_model) + std::to_string(planned.config.model.s5.p_dropout));
  }
  CHECK(hashes.size() == runs.size());
  CHECK(points.size() == runs.size());
}

TEST_CASE("sweep: the float reference is included once for every setting that does not quantize") {
  const auto runs = plan("recipe = lorenz-small\nseeds = 1 2\naxis.a_bits = 2 8\naxis.d_model = 3 4\n");
  CHECK(runs.size() == 2 * 2 * 2 + 2 * 2);
  std::size_t references = 0;
  for (const auto& planned : runs) {
    if (!quant_rules(planned.config).empty()) continue;
    ++references;
    CHECK(planned.label.rfind("float ", 0) == 0);
  }
  CHECK(references == 4);
  // where the axes hold it already, it is not run twice
  CHECK(plan("recipe = lorenz-small\nseeds = 1 2\naxis.a_bits = none 8\naxis.b_bits = none 8\n").size() == 8);
  CHECK(plan("recipe = lorenz-small\nquant = w8a8\n").size() == 2);
}

TEST_CASE("sweep: rules are an axis whose values are separated by bars") {
  const auto runs = plan("recipe = lorenz-small\naxis.bits = none | state:* 8 range=ema | state:* 4\n");
  REQUIRE(runs.size() == 3);
  CHECK(runs[1].config.quantization.bits == std::vector<std::string>{"state:* 8 range=ema"});
}

TEST_CASE(
    "sweep: runs that start from another one take its settings, and every option of fine-tuning is set or an axis") {
  const TempFolder folder;
  RunConfig source = load_run_config("lorenz-small", {{"trajectories", "20"}, {"bsz", "4"}, {"epochs", "1"}});
  source.run.out = (folder / "source").string();
  train(source);
  const std::string from = "set.from = " + source.run.out + "\n";
  const auto tuned = plan(from +
                          "set.from_lr_factor = 0.1\nset.epochs = 2\nquant = w8a8\nset.balance = true\n"
                          "axis.a_training = continuous discrete frozen\naxis.opt_config = standard qaft\n");
  CHECK(tuned.size() == 12);
  for (const auto& planned : tuned) {
    CHECK(planned.config.data.dynamics.trajectories == 20);
    CHECK(planned.config.source.digest.size() == 64);
    CHECK(planned.config.source.balance);
  }
  const auto untrained = plan(from + "set.epochs = 0\naxis.a_bits = 2 8\naxis.calibration_batches = 1 4\n");
  CHECK(untrained.size() == 6);
  CHECK(plan("axis.from = " + source.run.out + "\nset.epochs = 0\naxis.preset = none qs5\n").size() == 2);
  const auto searched = plan(from + "set.epochs = 0\nset.weight_range = stored\nquant = w8a8\n" +
                             "axis.transforms = balance | balance, evolve | balance, evolve(loss=mse, passes=2)\n");
  REQUIRE(searched.size() == 4);  // the float reference has no ranges to search
  CHECK(std::count_if(searched.begin(), searched.end(), [](const SweepRun& run) {
          return quant_rules(run.config).empty() && run.config.source.balance && run.config.source.transforms.empty();
        }) == 1);
}

TEST_CASE("sweep: {seed} in the run to start from is the seed of each run") {
  const TempFolder folder;
  for (const char* seed : {"1", "2"}) {
    RunConfig source =
        load_run_config("lorenz-small", {{"trajectories", "20"}, {"bsz", "4"}, {"epochs", "1"}, {"seed", seed}});
    source.run.out = (folder / (std::string("float-") + seed)).string();
    train(source);
    std::filesystem::create_directory(folder / seed);
  }
  const std::string from =
      "set.from = " + (folder / "{seed}" / ".." / "float-{seed}").string() + "\nset.epochs = 0\nquant = w8a8\n";
  const auto runs = plan("seeds = 1 2\n" + from);
  REQUIRE(runs.size() == 4);
  for (const auto& planned : runs) {
    CHECK(planned.config.source.from.ends_with("float-" + std::to_string(planned.config.training.seed)));
  }
  CHECK_THROWS_WITH_AS((void)plan(from), doctest::Contains("names the seed of a run, but the sweep has no seeds"),
                       UsageError);
}

TEST_CASE("sweep: the same file gives the same folders, and overrides win over set and over axes") {
  const auto first = plan(four_points);
  const auto second = plan(four_points);
  REQUIRE(first.size() == second.size());
  for (std::size_t i = 0; i < first.size(); ++i) CHECK(first[i].hash == second[i].hash);
  const auto changed = plan(std::string(four_points) + "set.epochs = 5\n", {{"epochs", "2"}});
  CHECK(changed.front().config.training.epochs == 2);
  CHECK(changed.front().hash != first.front().hash);
  const auto one_seed = plan("recipe = lorenz-small\nseeds = 1 2 3\nquant = none w8a8\n", {{"seed", "2"}});
  REQUIRE(one_seed.size() == 2);
  for (const auto& run : one_seed) CHECK(run.config.training.seed == 2);
}

TEST_CASE("sweep: mistakes in the file are refused with the file's name") {
  const auto refused = [](const std::string& text) { return error_of<UsageError>([&] { plan(text); }); };
  CHECK(contains(refused("seeds = 1\n"), "[s.ini] names neither a recipe nor"));
  CHECK(contains(refused("recipe = lorenz\nseed = 1\n"), "did you mean 'seeds'?"));
  CHECK(contains(refused("recipe = lorenz\nseeds =\n"), "'seeds' has no values"));
  CHECK(contains(refused("recipe = lorenz\naxis.a_bit = 2\n"), "did you mean 'a_bits'?"));
  CHECK(
      contains(refused("recipe = lorenz\naxis.a_bits = 2 33\n"), "[a_bits] expected 1 to 16 bits or none, got \"33\""));
  CHECK(contains(refused("recipe = lorenz\naxis.epochs = 2\nset.epochs = 3\n"), "both set and an axis"));
  CHECK(contains(refused("recipe = lorenz\naxis.seed = 2\nseeds = 3\n"), "an axis twice"));
  CHECK(refused("recipe = lorenz\nseeds = 1 2 1\n") == "[s.ini] seeds = 1 2 1 has 1 twice");
  CHECK(contains(refused("recipe = lorenz\nseeds = 1 01\n"), "seeds = 1 01 has 01 twice"));
  CHECK(contains(refused("recipe = lorenz\naxis.p_dropout = 0.1 0.10\n"), "has 0.10 twice"));
  CHECK(contains(refused("recipe = lorenz\nquant = w8a7\n"), "did you mean 'w8a8'?"));
}

TEST_CASE("sweep: commas belong to a value, blanks or bars separate values, quotes keep one whole") {
  const TempFolder folder;
  const std::string recipe = (folder / "own.ini").string();
  bitstate::tests::write_quickly(recipe, own_recipe);
  const auto inputs = [&](const std::string& values) {
    std::vector<std::string> found;
    for (const auto& run : plan("recipe = " + recipe + "\nset.target = y\naxis.input = " + values + "\n")) {
      found.push_back(run.config.data.own.input);
    }
    return found;
  };
  using Inputs = std::vector<std::string>;
  CHECK(inputs("u t,u") == Inputs{"u", "t,u"});
  CHECK(inputs("t,u") == Inputs{"t,u"});
  CHECK(inputs("t, u | wind speed") == Inputs{"t, u", "wind speed"});
  CHECK(inputs("u \"wind speed,t\"") == Inputs{"u", "wind speed,t"});
  CHECK(inputs("u | \"a|b\"") == Inputs{"u", "a|b"});
  CHECK(inputs(R"(u 6"pipe "the \"last\" one" "a\\b #c" # comment)") ==
        Inputs{"u", "6\"pipe", "the \"last\" one", "a\\b #c"});
  CHECK(contains(plan_error("recipe = lorenz\naxis.d_model = 3 \"4\n"), "double quote"));
}

TEST_CASE("sweep: a list with commas between its values is refused with what to write instead") {
  const auto refused = [](const std::string& line) { return plan_error("recipe = lorenz-small\n" + line + "\n"); };
  CHECK(contains(refused("seeds = 1,2,3"), "[s.ini] seeds = 1,2,3 holds \"1,2,3\""));
  CHECK(contains(refused("seeds = 1,2,3"), "write seeds = 1 2 3"));
  CHECK(contains(refused("seeds = 1, 2, 3"), "write seeds = 1 2 3"));
  CHECK(contains(refused("axis.a_bits = none,2 4"), "write axis.a_bits = none 2 4"));
  CHECK(contains(refused("axis.p_dropout = 0,0.1 | 0.2"), "write axis.p_dropout = 0 0.1 0.2"));
  CHECK(contains(refused("quant = none,w8a8"), "write quant = none w8a8"));
  CHECK(contains(refused("axis.input = t, u"), "can be read in two ways"));
  CHECK(contains(refused("axis.d_model = 3,x"), "[d_model] expected a whole number from 1 to 65536, got \"3,x\""));
}

TEST_CASE("sweep: how runs are done is neither set nor an axis, but for the data, which every run keeps") {
  for (const char* const option : {"out", "threads", "memory", "resume", "json", "checkpoint_seconds", "tensorboard"}) {
    for (const char* const kind : {"set.", "axis."}) {
      CAPTURE(option);
      CHECK(contains(plan_error(fmt::format("recipe = lorenz\n{}{} = 1\n", kind, option)), "says how runs are done"));
    }
  }
  CHECK(contains(plan_error("recipe = lorenz\naxis.data = a.csv b.csv\n"), "'axis.data'"));
  for (const char* const kind : {"axis.give_up", "zip.give_up", "row.A = give_up"}) {
    CHECK(contains(plan_error(fmt::format("recipe = lorenz\n{} = 5:0.9\n", kind)), "says how runs are done"));
  }
  const std::string rules =
      "recipe = lorenz\nset.give_up = 5:0.9\nrow.A = a_bits=4\nstage.float =\nstage.qaft = give_up=2:0.5\n";
  const auto given_up = plan(rules);
  REQUIRE(given_up.size() == 2);
  CHECK(text_of(given_up[0].config.run.give_up) == "5:0.9");
  CHECK(text_of(given_up[1].config.run.give_up) == "2:0.5");
  CHECK(given_up[0].hash == plan("recipe = lorenz\nquant = none\n")[0].hash);
  for (const auto& run : plan(rules, {{"give_up", "none"}})) CHECK(text_of(run.config.run.give_up) == "none");
  CHECK(contains(plan_error("recipe = lorenz\nset.give_up = 5\n"), "[give_up] expected EPOCH:VALUE"));
  const TempFolder folder;
  const std::string recipe = (folder / "own.ini").string();
  bitstate::tests::write_quickly(recipe, own_recipe);
  const auto runs = plan("recipe = " + recipe + "\nset.data = a.csv\nset.input = u\nset.target = y\n");
  const auto expected = std::filesystem::absolute("a.csv").string();
  const auto kept = parse_ini(settings_text(runs.front().config), "settings.ini");
  CHECK(kept.back() == std::pair<std::string, std::string>{"data", expected});
  CHECK(plan("recipe = lorenz\nset.data = a\n", {{"data", "b"}}).front().config.data.path == "b");
}

TEST_CASE("sweep: the float reference keeps no option that quantizes, whichever it is") {
  std::size_t options = 0;
  for (const auto& option : run_options()) {
    if (!is_quant_setting(option.name)) continue;
    ++options;
    CAPTURE(option.name);
    const std::string value = option.name == "quant" ? "w8a8" : option.name == "bits" ? "state:* 8" : "8";
    for (const std::string& line : {"axis." + option.name + " = " + value, "set." + option.name + " = " + value}) {
      const auto runs = plan("recipe = lorenz-small\n" + line + "\n");
      REQUIRE(runs.size() == 2);
      CHECK(runs[0].label.starts_with("float"));
      CHECK(quant_rules(runs[0].config).empty());
      CHECK_FALSE(quant_rules(runs[1].config).empty());
    }
  }
  CHECK(options == 9);
}

TEST_CASE("sweep: a value that an option does not take is refused with the file and its row") {
  CHECK(plan_error("recipe = lorenz-small\nrow.A = quant=w8a9\n").find("[s.ini] the row A: [quant] 'w8a9'") == 0);
  CHECK(plan_error("recipe = lorenz-small\naxis.a_bits = 8 99\n").find("[s.ini] the row a_bits=99: [a_bits] ") == 0);
  CHECK(plan_error("recipe = lorenz-small\nrow.A = a_bits=4\nstage.ptq = epochs=0\nstage.qaft = epochs=1\n")
            .find("[s.ini] the row A, stage ptq (the first: the float run): [epochs] ") == 0);
}

TEST_CASE("sweep: what no run could train is found in every row before one starts") {
  const TempFolder folder;
  const auto out = folder / "sweep";
  CHECK(check_error("quant = none w8a8\nseeds = 1 2\n", out).empty());
  const auto rules = check_error("axis.bits = none | weight:*.ssm.A 8 | weight:*.ssm.E 8\n", out);
  CHECK(contains(rules, "[s.ini] the run bits=weight:*.ssm.E 8"));
  CHECK(contains(rules, "matches no site"));
  CHECK(contains(check_error("quant = none w8a8\naxis.calibration_batches = 1 0\n", out), "keeps a range"));
  // a layer that refuses its quantizer only when it computes
  CHECK(contains(check_error("axis.bits = none | state:* 8 range=absmax granularity=step\n", out), "[scan]"));
  CHECK(contains(check_error("axis.limit_train = 0 3\n", out), "limit_train=3"));
  const auto without_data = plan("recipe = smnist\nset.data = /nowhere\n");
  try {
    check_sweep(without_data, out, "s.ini");
    FAIL_CHECK("took data that are not there");
  } catch (const UsageError& error) {
    FAIL_CHECK(error.what());
  } catch (const Error& error) {  // as train() has it
    CHECK(contains(error.what(), "[s.ini] the run float cannot be trained: [/nowhere] train-images-idx3-ubyte"));
  }
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("sweep: weights that a run starts from are tried before one starts") {
  const TempFolder folder;
  RunConfig source = load_run_config("lorenz-small", {{"trajectories", "20"}, {"bsz", "4"}, {"epochs", "1"}});
  source.run.out = (folder / "source").string();
  train(source);
  const std::string from = "set.from = " + source.run.out + "\n";
  CHECK(check_error(from + "axis.qgelu_approx = false true\n", folder / "sweep").empty());
  const auto refused = check_error(from + "axis.d_model = 3 4\n", folder / "sweep");
  CHECK(contains(refused, "d_model=4"));
  CHECK(contains(refused, "encoder.weight of shape [3, 3], but this model has [4, 3]"));
  std::filesystem::remove(folder / "source" / "best.h5");
  CHECK(contains(check_error(from, folder / "sweep"), "holds no best.h5"));
}

TEST_CASE("sweep: columns that the data have not are found before a run starts, of runs without a result") {
  const TempFolder folder;
  const std::string recipe = (folder / "own.ini").string();
  bitstate::tests::write_quickly(recipe, own_recipe);
  write_series(folder / "series.csv");
  const auto runs = [&](const std::string& inputs) {
    return plan("recipe = " + recipe + "\nset.target = y\naxis.input = " + inputs + "\n",
                {{"data", (folder / "series.csv").string()}});
  };
  const auto refused = [&](const std::string& inputs) {
    return error_of<UsageError>([&] { check_sweep(runs(inputs), folder / "sweep", "s.ini"); });
  };
  CHECK(refused("u t,u").empty());
  CHECK(contains(refused("u t,v"), "input=t,v"));
  CHECK(contains(refused("u t,v"), "it has t, u, y"));
  const auto finished = folder / "sweep/runs" / runs("u t,v")[1].hash;
  std::filesystem::create_directories(finished);
  bitstate::tests::write_quickly(finished / "result.json", R"({"status":"done","test_rmse":1.0})");
  CHECK(refused("u t,v").empty());
}

TEST_CASE("sweep: it ends with 0 only if a run is done and none failed") {
  const auto code = [](std::size_t measured, std::size_t failed, bool interrupted) {
    SweepSummary summary;
    summary.measured = measured;
    summary.failed = failed;
    summary.interrupted = interrupted;
    return exit_code(summary);
  };
  CHECK(code(1, 0, false) == 0);
  CHECK(code(0, 0, false) == 1);  // every run diverged
  CHECK(code(2, 1, false) == 1);
  CHECK(code(0, 3, false) == 1);
  CHECK(code(1, 0, true) == 75);
}

// What the program says of itself: help, lists, hints for names of other programs.
#include "experiments/settings/command_line.h"
#include "core/error.h"
#include "datasets/registry.h"
#include "experiments/commands/command_table.h"
#include "experiments/commands/list.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/foreign_names.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace bitstate::experiments {
namespace {

using bitstate::tests::error_of;
using tests::contains;

const Command& command(const std::vector<Command>& table, std::string_view name) {
  return *std::find_if(table.begin(), table.end(), [&](const Command& c) { return c.name == name; });
}

std::string help_of(std::string_view name, const std::string& recipe = "") {
  const RunConfig config = recipe.empty() ? RunConfig() : load_run_config(recipe, {});
  const auto table = command_table(run_options(config));
  return command_help(command(table, name), recipe, config);
}

TEST_CASE("help: every option of every command has a group, a help text, and a unit unless it is a switch") {
  const std::set<std::string> groups{"model", "training", "quantization", "data", "run"};
  for (const Command& c : command_table()) {
    CAPTURE(c.name);
    CHECK(c.examples.size() >= 2);
    for (const OptionInfo& option : c.options) {
      CAPTURE(option.name);
      CHECK_FALSE(option.help.empty());
      CHECK(option.unit.empty() == option.is_switch);
      if (c.name == "train") CHECK(groups.contains(option.group));
    }
  }
}

TEST_CASE("help: train shows its groups in order, with units and defaults, two examples and the exit codes") {
  const std::string help = help_of("train");
  std::size_t before = 0;
  for (const char* heading : {"\nmodel options:\n", "\ntraining options:\n", "\nquantization options:\n",
                              "\ndata options:\n", "\nrun options:\n", "\nexamples:\n", "\nexit codes:\n"}) {
    CAPTURE(heading);
    const std::size_t here = help.find(heading);
    REQUIRE(here != help.npos);
    CHECK(here > before);
    before = here;
  }
  CHECK(contains(help, "--n_layers=LAYERS"));
  CHECK(contains(help, "number of layers [6]\n"));
  CHECK(contains(help, "--checkpoint_seconds=SECONDS"));
  CHECK(contains(help, "--tau=TIME"));
  CHECK(contains(help, "\n  75  interrupted"));
}

TEST_CASE("help: after a recipe it shows the recipe's values, and only what concerns its data set") {
  const std::string smnist = help_of("train", "smnist");
  CHECK(contains(smnist, "number of layers [4]\n"));
  CHECK(contains(smnist, "the values of smnist"));
  for (const char* other :
       {"--tau", "--contour_length", "--trajectories", "--input", "--target", "--window", "--task"}) {
    CAPTURE(other);
    CHECK_FALSE(contains(smnist, other));
    CHECK(contains(help_of("train"), other));
  }
  CHECK(contains(help_of("train", "mackey-glass"), "delay of Mackey-Glass [17]"));
  CHECK(contains(help_of("train", "silverbox"), "--window"));
}

TEST_CASE("help: commands list only what they take") {
  for (const char* name : {"eval", "inspect", "export", "report", "run"}) {
    const std::string help = help_of(name);
    CAPTURE(name);
    for (const char* option : {"--epochs", "--bsz", "--ssm_lr_base", "--from", "--quant", "--n_layers", "--resume"}) {
      CAPTURE(option);
      CHECK_FALSE(contains(help, std::string("\n  ") + option));
    }
  }
  CHECK(contains(help_of("eval"), "--step_rescale"));
  CHECK_FALSE(contains(help_of("bench"), "--checkpoint_seconds"));
  CHECK(contains(help_of("sweep"), "--jobs=RUNS"));
  CHECK(contains(help_of("train"), "  1   failed: the run diverged or was given up, data or files are"));
  CHECK(contains(help_of("sweep"), "  1   failed: a run failed or was not started, no run is done, "));
  CHECK(contains(help_of("report"), "  1   failed: data or files are missing or damaged, the disk is full\n"));
}

TEST_CASE("help: no line is longer than 100 columns, and every command is in the program's help") {
  const auto table = command_table();
  std::string all = command_line_help(table);
  for (const Command& c : table) {
    CHECK(contains(all, "\n  " + c.name));
    all += command_help(c, "", RunConfig());
  }
  for (const std::string& line : split(all, "\n")) CHECK_MESSAGE(line.size() <= 100, line);
}

TEST_CASE("list: every recipe, configuration, sweep, preset and data set has one line that says what it is") {
  const auto lines_of = [](const char* kind) { return split(list_text(kind), "\n"); };
  for (const char* kind : {"recipes", "configs", "sweeps", "presets"}) {
    const auto names = embedded_names(kind);
    const auto lines = lines_of(kind);
    REQUIRE(lines.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      CAPTURE(lines[i]);
      CHECK(lines[i].starts_with(names[i] + " "));
      CHECK(lines[i].ends_with('.'));  // the first line of its comment is a sentence
      CHECK(lines[i].size() > names[i].size() + 20);
    }
  }
  const auto sets = lines_of("datasets");
  const auto names = datasets::names();
  REQUIRE(sets.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(sets[i].starts_with(names[i] + " "));
  CHECK(lines_of("").size() == list_kinds().size());
  CHECK(contains(list_text("recipes"), "Sequential MNIST at Q-S5's sizes"));
  CHECK(error_of<UsageError>([] { (void)list_text("recipe"); }) ==
        "[list] there is no kind \"recipe\"; did you mean 'recipes'?");
}

TEST_CASE("foreign names: what people bring from elsewhere leads to the option of here, in any spelling") {
  CHECK(contains(here_called("lr"), "--ssm_lr_base"));
  CHECK(contains(here_called("learning-rate"), "--ssm_lr_base"));
  CHECK(here_called("batch_size") == "here it is --bsz");
  CHECK(here_called("BatchSize") == "here it is --bsz");
  CHECK(here_called("hidden_size") == "here it is --d_model");
  CHECK(here_called("num_layers") == "here it is --n_layers");
  CHECK(contains(here_called("device"), "runs on the CPU; --threads"));
  CHECK(here_called("d_modle").empty());
  CHECK(here_called("").empty());
  CHECK(here_called("_").empty());
  const auto message = [](const char* name) {
    return error_of<UsageError>([&] { load_run_config("", {{name, "1"}}); });
  };
  CHECK(message("batch_size") == "[options] 'batch_size' is not an option; here it is --bsz");
  CHECK(message("d_modle") == "[options] 'd_modle' is not an option; did you mean 'd_model'?");
}

TEST_CASE("foreign names: a hint names only options that exist, and no name of here has one") {
  std::set<std::string> known;
  for (const OptionInfo& option : run_options()) {
    known.insert(option.name);
    CHECK_MESSAGE(here_called(option.name).empty(), option.name);
  }
  for (const char* name : {"lr",         "learning_rate", "batch_size", "hidden",     "hidden_size", "device",
                           "num_layers", "lr_ssm",        "dropout",    "wd",         "num_epochs",  "state_dim",
                           "state_size", "gpu",           "workers",    "output_dir", "ckpt",        "checkpoint",
                           "optimizer",  "scheduler",     "precision",  "val_size",   "seq_len",     "grad_clip",
                           "momentum",   "patience",      "data_dir",   "activation", "norm",        "random_seed"}) {
    CAPTURE(name);
    const std::string hint = here_called(name);
    CHECK_FALSE(hint.empty());
    for (std::size_t at = hint.find("--"); at != hint.npos; at = hint.find("--", at + 2)) {
      const std::size_t end = hint.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at + 2);
      CHECK_MESSAGE(known.contains(hint.substr(at + 2, end == hint.npos ? end : end - at - 2)), hint);
    }
  }
}

TEST_CASE("command line: -h and -v are help and version, unless they are the value of an option") {
  const auto parsed = [](const std::vector<std::string>& args) { return parse_command_line(args, run_options()); };
  CHECK(parsed({"smnist", "-h"}).help);
  CHECK(parsed({"-v"}).version);
  const CommandLine line = parsed({"--out", "-h"});
  CHECK_FALSE(line.help);
  CHECK(line.options == Settings{{"out", "-h"}});
}

}  // namespace
}  // namespace bitstate::experiments

// What is kept of a run: its settings, and the hash that names it.
#include "core/error.h"
#include "experiments/run_folder/load.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::contains;
using bitstate::tests::TemporaryFile;

}  // namespace

TEST_CASE("run_config: an option that came later is kept with a run where it has another value than its default") {
  const auto names = [](const Settings& given) {
    std::set<std::string> found;
    for (const auto& [name, value] : kept_settings(load_run_config("lorenz-small", given))) found.insert(name);
    return found;
  };
  const std::set<std::string> plain = names({});
  CHECK(plain.contains("weight_decay"));
  for (const char* later : {"model", "beta2", "clip_grad_norm", "warmup_steps", "norm_backward", "act_backward"}) {
    CHECK_FALSE(plain.contains(later));
  }
  CHECK(names({{"beta2", "0.9"}}).size() == plain.size() + 1);
  CHECK(names({{"norm_backward", "frozen"}, {"act_backward", "sign"}}).size() == plain.size() + 2);
  CHECK(names({{"model", "mamba"}}).contains("model"));
}

TEST_CASE("run_config: the settings of a run are those of its data set, and of no other") {
  const auto names = [](const std::string& dataset) {
    std::set<std::string> found;
    for (const auto& [name, value] : settings(load_run_config("", {{"dataset", dataset}}))) found.insert(name);
    return found;
  };
  const std::set<std::string> smnist = names("smnist");
  const auto more = [&](const std::string& dataset) {
    std::set<std::string> own;
    for (const std::string& name : names(dataset)) {
      if (!smnist.contains(name)) own.insert(name);
    }
    return own;
  };
  using Names = std::set<std::string>;
  CHECK(smnist.contains("val_split"));
  CHECK(smnist.contains("n_layers"));
  CHECK(more("imdb") == Names{});
  CHECK(more("lorenz") == Names{"trajectories"});
  CHECK(more("mackey-glass") == Names{"tau", "trajectories"});
  CHECK(more("pathx") == Names{"contour_length"});
  CHECK(more("silverbox") == Names{"window", "stride", "horizon"});
  CHECK(more("own") ==
        Names{"input",   "target", "task",     "vocabulary", "document_end", "window",  "stride", "horizon",
              "stream",  "rows",   "x",        "y",          "separator",    "decimal", "header", "skip",
              "missing", "time",   "resample", "gap",        "folds",        "fold"});
}

TEST_CASE("run_config: a run that was kept with the options of all data sets is what it was") {
  const RunConfig now = load_run_config("lorenz-small", {{"trajectories", "20"}, {"a_bits", "4"}});
  Settings kept;
  for (const auto& option : run_options(now)) {
    if (option.affects_result) kept.emplace_back(option.name, option.value);
  }
  REQUIRE(kept.size() > settings(now).size());
  const TemporaryFile file("settings.ini", format_ini(kept));
  const RunConfig then = load_run_config(file.path.string(), {});
  CHECK(settings(then) == settings(now));
  CHECK(settings_hash(then) == settings_hash(now));
  CHECK(completed(kept, "settings.ini") == settings(now));
  // and what is absent has its default
  CHECK(completed({{"dataset", "lorenz"}}, "settings.ini") == settings(load_run_config("", {{"dataset", "lorenz"}})));
  CHECK(bitstate::tests::error_of<bitstate::Error>([] {
          completed({{"moons", "2"}}, "old");
        }) == "[old] was trained with moons=2, an option that this version of bitstate does not have");
  CHECK(bitstate::tests::error_of<bitstate::Error>([] {
          completed({{"dataset", "lorenz"}, {"tau", "5"}}, "old");
        }) == "[old] was trained with tau=5, which means nothing to lorenz");
  CHECK(bitstate::tests::error_of<bitstate::Error>([] {
          completed({{"model", "mamba"}, {"blocks", "4"}}, "old");
        }) == "[old] was trained with blocks=4, which means nothing to model=mamba");
}

TEST_CASE("run_config: settings() is canonical and loads back to the same run") {
  const TemporaryFile rules("own.quant", "# mine\nact:*   8\n");
  const RunConfig c = load_run_config("smnist-small", {{"ssm_lr_base", "0.0012345678901234567"},
                                                       {"a_bits", "4"},
                                                       {"bits", " act:*   8 ; state:* 16 rate=0.1"},
                                                       {"quant", rules.path.string()},
                                                       {"seed", "18446744073709551615"},
                                                       {"bidirectional", "yes"},
                                                       {"out", "elsewhere"},
                                                       {"threads", "3"},
                                                       {"json", "true"}});
  const TemporaryFile saved("settings.ini", format_ini(settings(c)));
  const RunConfig again = load_run_config(saved.path.string(), {});
  CHECK(settings(again) == settings(c));
  CHECK(settings_hash(again) == settings_hash(c));
  CHECK(again.training.second_lr == c.training.second_lr);
  CHECK(again.training.seed == 18446744073709551615ULL);
  CHECK(again.quantization.bits == std::vector<std::string>{"act:* 8", "state:* 16 rate=0.1"});
  CHECK(again.quantization.text == "act:* 8\n");
  // what does not change the result is not among the settings
  for (const auto& [name, value] : settings(c)) {
    CHECK(name != "out");
    CHECK(name != "threads");
    CHECK(name != "data");
    CHECK(name != "json");
    CHECK(name != "resume");
  }
}

TEST_CASE("run_config: the hash is stable, ignores how a run is done and sees every setting") {
  CHECK(settings_hash(load_run_config("", {})) == "53242d36ae4e41e3");
  const std::string hash = settings_hash(load_run_config("", {}));
  CHECK(hash == settings_hash(load_run_config("", {{"threads", "2"}, {"out", "x"}, {"json", "1"}, {"resume", "1"}})));
  CHECK(hash == settings_hash(load_run_config("", {{"epochs", "100"}, {"dt_min", "1e-3"}, {"a_bits", "none"}})));
  std::set<std::string> hashes{hash};
  const Settings changes{{"epochs", "101"}, {"seed", "1"},        {"lanes", "8"},    {"a_bits", "8"},
                         {"quant", "w8a8"}, {"val_split", "0.1"}, {"quant", "w4a8"}, {"bits", "act:* 8"},
                         {"pad", "true"},   {"limit_train", "10"}};
  for (const auto& change : changes) hashes.insert(settings_hash(load_run_config("", {change})));
  CHECK(hashes.size() == changes.size() + 1);
}

TEST_CASE("run_config: the hashes of runs are what they were when the runs were named") {
  struct Row {
    std::string recipe;
    Settings options;
    std::string hash;
  };
  const std::vector<Row> rows{
      {"smnist", {}, "88f0821db839deb6"},
      {"imdb", {}, "0cf39b95dfe63f8e"},
      {"lorenz", {}, "f81c65a7dd6a17d0"},
      {"mackey-glass", {{"tau", "30"}, {"trajectories", "64"}}, "1a725a45e5d18d63"},
      {"pathfinder", {{"contour_length", "9"}}, "cf138276895ce50a"},
      {"silverbox", {{"window", "256"}, {"horizon", "1"}, {"val_split", "0.1"}}, "73773ab8cac20f37"},
      {"",
       {{"dataset", "own"},
        {"data", "/x.csv"},
        {"input", "u, v"},
        {"target", "y"},
        {"window", "64"},
        {"stride", "32"},
        {"task", "value"}},
       "eaf561fd37df589e"},
      {"smnist-small", {{"preset", "qs5"}, {"quant", "w4a8"}}, "27d96c3c3dc3568c"},
      {"imdb",
       {{"a_bits", "8"}, {"non_ssm_act_bits", "8"}, {"bits", "act:* 8; state:* 16"}, {"seed", "18446744073709551615"}},
       "e534f54c1b115c77"}};
  for (const Row& row : rows) {
    CAPTURE(row.recipe);
    CHECK(settings_hash(load_run_config(row.recipe, row.options)) == row.hash);
  }
}

TEST_CASE("run_config: the hash sees a changed .quant file but not its comments") {
  const bitstate::tests::TempFolder folder;
  const auto hash = [&](const std::string& text) {
    std::ofstream(folder / "own.quant") << text;
    return settings_hash(load_run_config("", {{"quant", (folder / "own.quant").string()}}));
  };
  const std::string first = hash("act:* 8\n");
  CHECK(hash("# why\n\nact:*    8   # eight\n") == first);
  CHECK(hash("act:* 7\n") != first);
}

TEST_CASE("run_config: flags become rules after those of quant, and bits come last") {
  const RunConfig c = load_run_config(
      "smnist-small", {{"quant", "w8a8"}, {"a_bits", "4"}, {"non_ssm_act_bits", "6"}, {"bits", "state:* none"}});
  const std::string rules = quant_rules(c);
  const auto a = rules.find("weight:*.ssm.A 4 ");
  CHECK(a != rules.npos);
  CHECK(a > rules.find("weight:*.ssm.A 8 "));
  CHECK(rules.find("act:*.glu.* 6 ") > a);
  CHECK(rules.substr(rules.size() - 13) == "state:* none\n");
  // a model without a GLU has no such sites, and a rule that matches nothing would be an error
  CHECK_FALSE(
      contains(quant_rules(load_run_config("lorenz", {{"non_ssm_bits", "4"}, {"non_ssm_act_bits", "4"}})), "glu"));
}

#include "core/error.h"
#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/command_line.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::contains;
using bitstate::tests::TemporaryFile;

template <class Action>
std::string refusal(Action action) {
  return bitstate::tests::error_of<UsageError>(action);
}

// What follows from model, data and source is no setting, so that nobody reads it there.
template <class T>
concept has_what_follows = requires(T t) {
  t.lr;
}
|| requires(T t) { t.rules; }
|| requires(T t) { t.bn_momentum; }
|| requires(T t) { t.trained; }
|| requires(T t) { t.metric; }
|| requires(T t) { t.target_units; }
|| requires(T t) { t.padded_length; }
|| requires(T t) { t.threads; }
|| requires(T t) { t.identity; }
|| requires(T t) { t.callbacks; };
static_assert(has_what_follows<bitstate::TrainerOptions> && !has_what_follows<TrainingSettings>);

CommandLine parsed(const std::vector<std::string>& args) { return parse_command_line(args, run_options()); }

}  // namespace

TEST_CASE("run_config: what means nothing to the data set is refused") {
  const auto refusal = [](const char* recipe, const Settings& given) {
    return bitstate::tests::error_of<UsageError>([&] { (void)load_run_config(recipe, given); });
  };
  CHECK(refusal("lorenz-small", {{"input", "u"}}) == "[input] does not apply to lorenz; it is for own");
  CHECK(refusal("smnist", {{"tau", "5"}}).find("it is for mackey-glass") != std::string::npos);
  CHECK(refusal("imdb", {{"window", "5"}}) ==
        "[window] does not apply to imdb; it is for silverbox, silverbox-arrow, cascaded-tanks, own");
  CHECK(refusal("silverbox", {{"window", "512"}, {"stride", "64"}, {"horizon", "1"}}).empty());
  CHECK(refusal("smnist", {{"contour_length", "6"}}).find("it is for pathfinder, pathx") != std::string::npos);
  CHECK(refusal("pathx", {{"contour_length", "6"}}).empty());
  CHECK(refusal("mackey-glass", {{"tau", "5"}, {"trajectories", "7"}}).empty());
}

/// Sets the option `choice` to each of `names`, and checks that the options in `values` are taken where they belong.
void check_subjects(const std::string& choice, const std::vector<std::string>& names, const std::string& in_message,
                    const std::map<std::string, std::string>& values) {
  for (const auto& option : run_options()) {
    if (!values.contains(option.name)) continue;
    for (const std::string& name : names) {
      CAPTURE(option.name);
      CAPTURE(name);
      RunConfig config;  // from texts alone: no file is read
      set_option(config, choice, name);
      set_option(config, option.name, values.at(option.name));
      const bool taken = std::count(option.subjects.begin(), option.subjects.end(), name) == 1;
      const std::string message = refusal([&] { validate(config); });
      CHECK(message.empty() == taken);
      if (taken) continue;
      CHECK(message.starts_with("[" + option.name + "] does not apply to " + in_message + name + "; it is for "));
    }
  }
}

TEST_CASE("run_config: an option is taken by the data sets and models whose tables have it, and refused by others") {
  const std::map<std::string, std::string> of_data{{"tau", "5"},
                                                   {"contour_length", "6"},
                                                   {"trajectories", "7"},
                                                   {"input", "u"},
                                                   {"target", "y"},
                                                   {"window", "5"},
                                                   {"stride", "5"},
                                                   {"horizon", "1"},
                                                   {"task", "value"},
                                                   {"length", "32"},
                                                   {"examples", "7"},
                                                   {"copied", "2"},
                                                   {"test_bytes", "999"},
                                                   {"vocabulary", "300"},
                                                   {"document_end", "0"},
                                                   {"stream", "carry"},
                                                   {"separator", "tab"},
                                                   {"decimal", "comma"},
                                                   {"header", "no"},
                                                   {"skip", "1"},
                                                   {"missing", "hold"},
                                                   {"time", "t"},
                                                   {"resample", "auto"},
                                                   {"gap", "3"},
                                                   {"rows", "steps"},
                                                   {"folds", "5"},
                                                   {"fold", "2"},
                                                   {"x", "a"},
                                                   {"y", "b"},
                                                   {"train", "a.csv"},
                                                   {"val", "b.csv"},
                                                   {"test", "c.csv"}};
  const std::map<std::string, std::string> of_model{{"ssm_size_base", "64"},
                                                    {"blocks", "2"},
                                                    {"C_init", "complex_normal"},
                                                    {"prenorm", "false"},
                                                    {"p_dropout", "0.5"},
                                                    {"d_state", "8"},
                                                    {"d_conv", "3"},
                                                    {"expand", "4"},
                                                    {"dt_rank", "3"},
                                                    {"headdim", "32"},
                                                    {"tie_embeddings", "false"},
                                                    {"hadamard", "all"},
                                                    {"norm_before_gate", "true"},
                                                    {"dt_limit_min", "0.1"},
                                                    {"dt_limit_max", "9"}};
  check_subjects("dataset", bitstate::datasets::names(), "", of_data);
  check_subjects("model", {"s5", "mamba", "mamba2"}, "model=", of_model);
  const auto data_options = bitstate::datasets::data_options();
  const auto bound = std::count_if(data_options.rows().begin(), data_options.rows().end(),
                                   [](const auto& option) { return !option.subjects.empty(); });
  CHECK(static_cast<std::size_t>(bound) == of_data.size());
}

TEST_CASE("run_config: a recipe of one family may be given to another, without what only the first one has") {
  const RunConfig s5 = load_run_config("induction", {{"model", "s5"}, {"ssm_size_base", "32"}, {"blocks", "2"}});
  CHECK(s5.model.s5.d_model == 32);  // both have it
  CHECK(s5.model.mamba.d_state == 16);
  CHECK(settings_hash(s5) ==
        settings_hash(load_run_config("induction",
                                      {{"model", "s5"}, {"d_state", "16"}, {"ssm_size_base", "32"}, {"blocks", "2"}})));
  const RunConfig mamba = load_run_config("listops-small", {{"model", "mamba2"}, {"headdim", "8"}});
  CHECK(mamba.model.mamba.mamba2);
  CHECK(mamba.model.mamba.d_model == load_run_config("listops-small", {}).model.s5.d_model);
  CHECK(mamba.model.s5.ssm_size_base == RunConfig().model.s5.ssm_size_base);
  CHECK(mamba.model.s5.ssm_size_base != load_run_config("listops-small", {}).model.s5.ssm_size_base);
  CHECK(refusal([] {
          load_run_config("induction", {{"model", "s5"}, {"d_state", "8"}});
        }) == "[d_state] does not apply to model=s5; it is for mamba, mamba2");
}

TEST_CASE("run_config: a family of models has configurations of bits of its own") {
  const auto rules = [](const char* model) {
    return quant_rules(load_run_config("listops-small", {{"model", model}, {"headdim", "8"}, {"quant", "w8a8"}}));
  };
  CHECK(rules("mamba2").find("state:* 16") != std::string::npos);
  CHECK(rules("mamba2") == quant_rules(load_run_config("induction", {{"quant", "w8a8"}})));
  CHECK(quant_rules(load_run_config("listops-small", {{"quant", "w8a8"}})).find("ssm.A 8") != std::string::npos);
  CHECK(refusal([] {
          load_run_config("induction", {{"quant", "w2a8-ssm8"}});
        }).find("'w2a8-ssm8' is neither built in") != std::string::npos);
}

TEST_CASE("ini: comments, sections and spaces are read, and a line that is none of these names its number") {
  const Settings settings = parse_ini("# c\n a = 1 # one\n\n[axis]\nb_bits=2 4\r\n[]\nempty =\n", "x.ini");
  CHECK(settings == Settings{{"a", "1"}, {"axis.b_bits", "2 4"}, {"empty", ""}});
  CHECK(parse_ini(format_ini(settings), "again") == settings);
  CHECK(contains(refusal([] { parse_ini("a = 1\nnonsense\n", "x.ini"); }), "[x.ini] line 2 is \"nonsense\""));
  for (const char* line : {"[a", "[", "[a] b = c", "[a = b]", "[[a]", "[a]]"}) {
    CHECK(contains(refusal([&] { parse_ini(line, "x.ini"); }), "expected name = value, [section]"));
  }
  CHECK(contains(refusal([] { parse_ini("= 3", "x.ini"); }), "line 1"));
}

TEST_CASE("run_config: the defaults are S5's") {
  const RunConfig c = load_run_config("", {});
  CHECK(c.model.s5.n_layers == 6);
  CHECK(c.model.s5.d_model == 128);
  CHECK(c.model.s5.ssm_size_base == 256);
  CHECK(c.model.s5.blocks == 8);
  CHECK(c.model.s5.C_init == "trunc_standard_normal");
  CHECK(c.model.s5.activation_fn == "half_glu1");
  CHECK(c.model.s5.conj_sym);
  CHECK(c.model.s5.prenorm);
  CHECK(c.model.s5.batchnorm);
  CHECK_FALSE(c.model.s5.bidirectional);
  CHECK_FALSE(c.model.s5.clip_eigs);
  CHECK(c.training.bsz == 64);
  CHECK(c.training.epochs == 100);
  CHECK(c.training.optimizer.weight_decay == 0.05);
  CHECK(c.training.seed == 1919);
  CHECK(quant_rules(c).empty());
}

TEST_CASE("run_config: every built-in recipe loads, and its text is Q-S5's sizes") {
  const auto names = recipe_names();
  for (const char* const name : {"lorenz", "mackey-glass", "smnist", "psmnist", "imdb", "lra-cifar"}) {
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  }
  for (const auto& name : recipe_names()) CHECK_NOTHROW(load_run_config(name, {}));
  const RunConfig smnist = load_run_config("smnist", {});
  CHECK(smnist.model.s5.n_layers == 4);
  CHECK(smnist.model.s5.d_model == 96);
  CHECK(smnist.model.s5.ssm_size_base == 128);
  CHECK(smnist.model.s5.blocks == 1);
  CHECK_FALSE(smnist.model.s5.batchnorm);
  const RunConfig lorenz = load_run_config("lorenz", {});
  CHECK(lorenz.model.s5.d_model == 3);
  CHECK(lorenz.training.seed == 1337);
}

TEST_CASE("run_config: a recipe may be a file, overrides win, and the last of several wins") {
  const TemporaryFile recipe("recipe.ini", "dataset = lorenz\nepochs = 7\nbits = act:* 8\n");
  const RunConfig c = load_run_config(recipe.path.string(), {{"epochs", "9"}, {"epochs", "11"}, {"bits", "state:* 4"}});
  CHECK(c.dataset == "lorenz");
  CHECK(c.training.epochs == 11);
  CHECK(c.quantization.bits == std::vector<std::string>{"act:* 8", "state:* 4"});
  CHECK(load_run_config(recipe.path.string(), {{"bits", "none"}}).quantization.bits.empty());
}

TEST_CASE("run_config: command lines take = and spaces, dashes and underscores, switches with and without a value") {
  const auto line = parsed({"smnist", "--d-model=32", "--lr_min", "0", "--json", "--batchnorm", "no", "--conj-sym=1"});
  CHECK(line.positionals == std::vector<std::string>{"smnist"});
  CHECK(line.options ==
        Settings{{"d_model", "32"}, {"lr_min", "0"}, {"json", "true"}, {"batchnorm", "no"}, {"conj_sym", "1"}});
  CHECK_FALSE(line.help);
  CHECK(parsed({"--help"}).help);
  CHECK(parsed({"--version"}).version);
  // a switch does not swallow a positional argument
  CHECK(parsed({"--json", "smnist"}).positionals == std::vector<std::string>{"smnist"});
}

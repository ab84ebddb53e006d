
#include "core/error.h"
#include "core/quant_spec.h"
#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/command_line.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::contains;

template <class Action>
std::string refusal(Action action) {
  return bitstate::tests::error_of<UsageError>(action);
}

std::string refused(const std::string& name, const std::string& value) {
  return refusal([&] { load_run_config("", {{name, value}}); });
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

/// A file that is removed at the end of its scope.
struct TemporaryFile {
  bitstate::tests::TempFolder folder;
  std::filesystem::path path;
  TemporaryFile(const std::string& name, const std::string& text) : path(folder / name) { std::ofstream(path) << text; }
};

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
  const std::map<std::string, std::string> of_data{
      {"tau", "5"},      {"contour_length", "6"}, {"trajectories", "7"}, {"input", "u"},    {"target", "y"},
      {"window", "5"},   {"stride", "5"},         {"horizon", "1"},      {"task", "value"}, {"length", "32"},
      {"examples", "7"}, {"copied", "2"},         {"test_bytes", "999"}};
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

TEST_CASE("run_config: a model of another family than S5 takes no bits yet") {
  for (const Settings& given : {Settings{{"quant", "w8a8"}}, Settings{{"bits", "weight:* 8"}}}) {
    CHECK(refusal([&] { load_run_config("induction", given); }) ==
          "[model] mamba cannot be quantized yet; only s5 takes bits");
  }
}

TEST_CASE("run_config: an option that came later is kept with a run where it has another value than its default") {
  const auto names = [](const Settings& given) {
    std::set<std::string> found;
    for (const auto& [name, value] : kept_settings(load_run_config("lorenz-small", given))) found.insert(name);
    return found;
  };
  const std::set<std::string> plain = names({});
  CHECK(plain.contains("weight_decay"));
  for (const char* later : {"model", "beta2", "clip_grad_norm", "warmup_steps"}) CHECK_FALSE(plain.contains(later));
  CHECK(names({{"beta2", "0.9"}}).size() == plain.size() + 1);
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
  CHECK(more("own") == Names{"input", "target", "task", "window", "stride", "horizon"});
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

TEST_CASE("run_config: unknown names are refused with the nearest one") {
  CHECK(contains(refusal([] { parsed({"--d_modle=3"}); }), "'d_modle' is not an option; did you mean 'd_model'?"));
  CHECK(contains(refusal([] { parsed({"--n-layer", "3"}); }), "did you mean 'n_layers'?"));
  CHECK(contains(refusal([] { parsed({"-x"}); }), "'-x' is not an option"));
  CHECK(contains(refusal([] { parsed({"--out"}); }), "[out] needs a value"));
  CHECK(contains(refusal([] { load_run_config("smnst", {}); }), "did you mean 'smnist'?"));
  CHECK(contains(refused("quant", "w8a9"), "did you mean 'w8a8'?"));
  CHECK(contains(refused("quant", "missing/file.quant"), "cannot be read"));
  const TemporaryFile recipe("typo.ini", "epochs = 3\nwarmup_ends = 1\n");
  const std::string message = refusal([&] { load_run_config(recipe.path.string(), {}); });
  CHECK(contains(message, "typo.ini"));
  CHECK(contains(message, "'warmup_ends' is not an option; did you mean 'warmup_end'?"));
}

TEST_CASE("run_config: every bad value is refused by a sentence with the option and the value") {
  const Settings bad{{"n_layers", "0"},
                     {"n_layers", "2.5"},
                     {"d_model", "65537"},
                     {"d_model", "-1"},
                     {"ssm_size_base", "x"},
                     {"blocks", "0"},
                     {"C_init", "normal"},
                     {"discretization", "euler"},
                     {"mode", "mean"},
                     {"activation_fn", "relu"},
                     {"conj_sym", "maybe"},
                     {"clip_eigs", "2"},
                     {"bidirectional", ""},
                     {"dt_min", "0"},
                     {"dt_max", "inf"},
                     {"step_rescale", "nan"},
                     {"prenorm", "on"},
                     {"batchnorm", "yes!"},
                     {"bn_momentum", "1"},
                     {"bsz", "0"},
                     {"epochs", "1e3"},
                     {"ssm_lr_base", "-0.1"},
                     {"lr_factor", "0"},
                     {"dt_global", "t"},
                     {"lr_min", "-1"},
                     {"warmup_end", "-1"},
                     {"cosine_anneal", "x"},
                     {"p_dropout", "1"},
                     {"p_dropout", "0.1x"},
                     {"weight_decay", "-0.01"},
                     {"opt_config", "adam"},
                     {"a_training", "none"},
                     {"seed", "-1"},
                     {"seed", "18446744073709551616"},
                     {"lanes", "0"},
                     {"from_lr_factor", "0"},
                     {"from_epochs_factor", "-1"},
                     {"balance", "2"},
                     {"transforms", "balanse"},
                     {"calibration_batches", "few"},
                     {"epochs", "0"},
                     {"a_bits", "0"},
                     {"a_bits", "17"},
                     {"b_bits", "eight"},
                     {"c_bits", "-4"},
                     {"d_bits", "4.0"},
                     {"ssm_act_bits", "8 9"},
                     {"non_ssm_bits", "32"},
                     {"non_ssm_act_bits", "x"},
                     {"bits", "act:*"},
                     {"limit_train", "-1"},
                     {"limit_test", "all"},
                     {"tau", "0"},
                     {"tau", "0.009"},
                     {"tau", "1001"},
                     {"contour_length", "2"},
                     {"contour_length", "15"},
                     {"trajectories", "1"},
                     {"trajectories", "100001"},
                     {"threads", "-1"},
                     {"memory", "tiny"},
                     {"checkpoint_seconds", "-1"},
                     {"resume", "?"},
                     {"tensorboard", "?"},
                     {"give_up", "5"},
                     {"json", "2"},
                     {"dataset", "cifar100"},
                     {"val_split", "1"},
                     {"window", "-1"},
                     {"stride", "x"},
                     {"horizon", "0.5"},
                     {"task", "guess"},
                     {"qgelu_approx", "q"},
                     {"hard_sigmoid", "h"},
                     {"preset", "qs6"},
                     {"use_layernorm_bias", "b"},
                     {"scan", "loop"},
                     {"quantize_gradients", "g"},
                     {"pad", "p"},
                     {"model", "rwkv"},
                     {"d_state", "0"},
                     {"d_conv", "65"},
                     {"expand", "0"},
                     {"dt_rank", "-1"},
                     {"headdim", "0"},
                     {"ngroups", "0"},
                     {"norm_before_gate", "n"},
                     {"tie_embeddings", "t"},
                     {"dt_limit_min", "-1"},
                     {"dt_limit_max", "inf"},
                     {"warmup_steps", "-1"},
                     {"beta2", "1"},
                     {"clip_grad_norm", "-1"},
                     {"length", "0"},
                     {"copied", "0"},
                     {"examples", "0"},
                     {"test_bytes", "1"}};
  std::set<std::string> covered;
  for (const auto& setting : bad) {
    const std::string& name = setting.first;
    const std::string& value = setting.second;
    CAPTURE(name);
    CAPTURE(value);
    const std::string message = refused(name, value);
    CHECK(contains(message, "[" + name + "]"));
    CHECK(contains(message, "\"" + value + "\""));
    covered.insert(name);
  }
  for (const auto& option : run_options()) {
    const std::set<std::string> texts{"quant", "from", "data", "out", "input", "target"};
    const bool any_text = texts.contains(option.name);
    CHECK_MESSAGE((any_text || covered.count(option.name) == 1), option.name);
  }
}

TEST_CASE("run_config: a refused value is one English sentence: where, what was expected, what was given") {
  CHECK(refused("n_layers", "0") == "[n_layers] expected a whole number from 1 to 1024, got \"0\"");
  CHECK(refused("p_dropout", "1") == "[p_dropout] expected a number from 0 to below 1, got \"1\"");
  CHECK(refused("dt_min", "0") == "[dt_min] expected a number above 0 and up to 1000, got \"0\"");
  CHECK(refused("val_split", "") == "[val_split] expected a number from 0 to 0.9, got \"\"");
  CHECK(refused("prenorm", "maybe") == "[prenorm] expected true or false (also yes, no, 1, 0), got \"maybe\"");
  CHECK(refused("a_bits", "17") == "[a_bits] expected 1 to 16 bits or none, got \"17\"");
  CHECK(refused("seed", "-1") == "[seed] expected a whole number from 0 to 2^64-1, got \"-1\"");
  CHECK(refused("mode", "lats") == "[mode] expected one of pool, last, got \"lats\"; did you mean 'last'?");
  CHECK(refused("epochs", "0") ==
        "[epochs] expected a whole number from 1 to 1000000 (or 0 with --from=RUN), got \"0\"");
}

TEST_CASE("run_config: options that contradict each other or ask for an impossible size are refused") {
  const auto message = [](const Settings& given) { return refusal([&] { load_run_config("", given); }); };
  CHECK(contains(message({{"blocks", "3"}}), "[blocks] expected a divisor of ssm_size_base = 256, got \"3\""));
  CHECK(contains(message({{"ssm_size_base", "24"}, {"blocks", "8"}}), "must be even"));
  CHECK(message({{"ssm_size_base", "24"}, {"blocks", "8"}, {"conj_sym", "false"}}).empty());
  CHECK(contains(message({{"dt_min", "0.2"}}), "[dt_min] expected at most dt_max = 0.1, got \"0.2\""));
  CHECK(contains(message({{"ssm_size_base", "65536"}, {"blocks", "1"}}), "limit of 4096"));
  CHECK(contains(message({{"d_model", "65536"}, {"ssm_size_base", "65536"}, {"blocks", "64"}}), "parameters; at most"));
  CHECK(contains(message({{"lr_min", "0.5"}}), "[lr_min] expected at most ssm_lr_base = "));
  CHECK(contains(message({{"quant", "a#b.quant"}}), "[a#b.quant]"));
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

// Options and values that no run can have.
#include "core/error.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/command_line.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::TemporaryFile;

std::string refused(const std::string& name, const std::string& value) {
  return error_of<UsageError>([&] { load_run_config("", {{name, value}}); });
}

CommandLine read_words(const std::vector<std::string>& args) { return parse_command_line(args, run_options()); }

}  // namespace

TEST_CASE("run_config: unknown names are refused with the nearest one") {
  CHECK(contains(error_of<UsageError>([] { read_words({"--d_modle=3"}); }),
                 "'d_modle' is not an option; did you mean 'd_model'?"));
  CHECK(contains(error_of<UsageError>([] { read_words({"--n-layer", "3"}); }), "did you mean 'n_layers'?"));
  CHECK(contains(error_of<UsageError>([] { read_words({"-x"}); }), "'-x' is not an option"));
  CHECK(contains(error_of<UsageError>([] { read_words({"--out"}); }), "[out] needs a value"));
  CHECK(contains(error_of<UsageError>([] { load_run_config("smnst", {}); }), "did you mean 'smnist'?"));
  CHECK(contains(refused("quant", "w8a9"), "did you mean 'w8a8'?"));
  CHECK(contains(refused("quant", "missing/file.quant"), "cannot be read"));
  const TemporaryFile recipe("typo.ini", "epochs = 3\nwarmup_ends = 1\n");
  const std::string message = error_of<UsageError>([&] { load_run_config(recipe.path.string(), {}); });
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
                     {"top_blocks", "-1"},
                     {"top_blocks", "some"},
                     {"cache_prefix", "much"},
                     {"weight_range", "ema"},
                     {"ledger", "long"},
                     {"memory_budget", "0"},
                     {"memory_budget", "8Mb"},
                     {"memory_budget", "1.5M"},
                     {"memory_budget", "M"},
                     {"memory_budget", "2000000000G"},
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
                     {"hadamard", "in_proj"},
                     {"dt_limit_min", "-1"},
                     {"dt_limit_max", "inf"},
                     {"warmup_steps", "-1"},
                     {"beta2", "1"},
                     {"clip_grad_norm", "-1"},
                     {"norm_backward", "shift"},
                     {"act_backward", "mask"},
                     {"class_weights", "equal"},
                     {"length", "0"},
                     {"copied", "0"},
                     {"examples", "0"},
                     {"test_bytes", "1"},
                     {"vocabulary", "65537"},
                     {"document_end", "-1"},
                     {"rows", "columns"},
                     {"folds", "1"},
                     {"folds", "1001"},
                     {"fold", "-1"},
                     {"stream", "reset"},
                     {"separator", ";"},
                     {"decimal", "."},
                     {"header", "2"},
                     {"skip", "-1"},
                     {"missing", "guess"},
                     {"resample", "0"},
                     {"resample", "often"},
                     {"gap", "0.5"}};
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
    const std::set<std::string> texts{"quant", "from",  "data", "out",  "input", "target",
                                      "time",  "train", "val",  "test", "x",     "y"};
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
  const auto message = [](const Settings& given) { return error_of<UsageError>([&] { load_run_config("", given); }); };
  CHECK(contains(message({{"blocks", "3"}}), "[blocks] expected a divisor of ssm_size_base = 256, got \"3\""));
  CHECK(contains(message({{"ssm_size_base", "24"}, {"blocks", "8"}}), "must be even"));
  CHECK(message({{"ssm_size_base", "24"}, {"blocks", "8"}, {"conj_sym", "false"}}).empty());
  CHECK(contains(message({{"dt_min", "0.2"}}), "[dt_min] expected at most dt_max = 0.1, got \"0.2\""));
  CHECK(contains(message({{"ssm_size_base", "65536"}, {"blocks", "1"}}), "limit of 4096"));
  CHECK(contains(message({{"d_model", "65536"}, {"ssm_size_base", "65536"}, {"blocks", "64"}}), "parameters; at most"));
  CHECK(contains(message({{"lr_min", "0.5"}}), "[lr_min] expected at most ssm_lr_base = "));
  CHECK(contains(message({{"quant", "a#b.quant"}}), "[a#b.quant]"));
}

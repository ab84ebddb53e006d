// Every option that belongs to a run decides something: with another value the run has other weights or another error.
#include "core/io/hdf5.h"
#include "core/random.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace bitstate::experiments {
namespace {

/// Three columns of noise; and a folder of two classes, whose parts are windows of the same.
void write_data(const std::filesystem::path& folder) {
  const Random random{3, 1};
  std::string text = "a,b,c\n";
  std::string classes = "a,k\n";
  for (std::size_t i = 0; i < 120; ++i) {
    text += fmt::format("{},{},{}\n", random.normal(3 * i), random.normal(3 * i + 1), random.normal(3 * i + 2));
    classes += fmt::format("{},{}\n", random.normal(3 * i), i / 7 % 2);
  }
  tests::write_quickly(folder / "series.csv", text);
  tests::write_quickly(folder / "text.txt", text.substr(0, 400));
  tests::write_quickly(folder / "classes.csv", classes);
  std::string commas;
  std::string holes = "1,2\n2,3\n3,4\n";
  std::string plain;
  for (std::size_t i = 0; i < 60; ++i) {
    commas += fmt::format("{},{};{},5\n", i * 7 % 13, i * 3 % 10, i);
    plain += fmt::format("{};{:.3f}\n", i * 7 % 13, 1.0 + static_cast<double>(i * 331 % 1000) / 1000.0);
    holes += fmt::format("{},{}\n", random.normal(i), i % 11 == 5 ? "" : fmt::format("{}", random.normal(i + 70)));
  }
  tests::write_quickly(folder / "commas.csv", commas);
  tests::write_quickly(folder / "plain.csv", plain);
  tests::write_quickly(folder / "holes.csv", holes);
  std::string gap;
  for (std::size_t i = 0; i < 60; ++i)
    gap += fmt::format("{}.0,{},{}\n", i < 25 ? i : i + 6, random.normal(i), random.normal(i + 99));
  tests::write_quickly(folder / "gap.csv", gap);
  Hdf5Writer arrays(folder / "arrays.h5");
  for (const char* const name : {"a", "b", "c", "d"}) {
    const bool inputs = *name < 'c';
    std::vector<float> values;
    for (std::size_t i = 0; i < (inputs ? 100 : 20); ++i)
      values.push_back(static_cast<float>(random.normal(1000 * static_cast<std::size_t>(*name) + i)));
    arrays.write(name, values, inputs ? Hdf5Shape{20, 5} : Hdf5Shape{20});
  }
  arrays.commit();
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += fmt::format("{},{},{}\n", i % 2, i, i % 7);
  tests::write_quickly(folder / "rows.txt", rows);
}

using Outcome = std::tuple<std::string, std::string, double, double>;  // status, weights, errors of validation and test

Outcome outcome(const Settings& options) {
  const tests::TempFolder folder;
  RunConfig c = load_run_config("", options);
  c.run.threads = 2;
  c.run.out = (folder / "run").string();
  const TrainResult r = train(c);
  return {r.status, r.weights_digest, r.val_metric, r.test_metric};
}

Settings both_of(Settings all, const Settings& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// An option, another value than that of the run beside it, and what both runs need for it to mean something.
struct Row {
  std::string option, value;
  Settings context = {};
};

const Settings tiny = {{"n_layers", "1"},  {"d_model", "4"}, {"ssm_size_base", "8"}, {"blocks", "2"},
                       {"epochs", "3"},    {"bsz", "2"},     {"p_dropout", "0"},     {"activation_fn", "half_glu1"},
                       {"lr_factor", "2"}, {"lanes", "4"}};
const Settings lorenz = {{"dataset", "lorenz"}, {"trajectories", "10"}, {"limit_train", "4"}};

/// The options of the model and of training, on the Lorenz system.
const std::vector<Row> model_rows = {
    {"n_layers", "2"},
    {"d_model", "5"},
    {"ssm_size_base", "12"},
    {"blocks", "4"},
    {"C_init", "complex_normal"},
    {"discretization", "bilinear"},
    {"activation_fn", "full_glu"},
    {"conj_sym", "false"},
    {"clip_eigs", "true", {{"ssm_lr_base", "2"}}},
    {"bidirectional", "true"},
    {"dt_min", "0.01"},
    {"dt_max", "0.05"},
    {"step_rescale", "2"},
    {"prenorm", "false"},
    {"batchnorm", "false"},
    {"bn_momentum", "0.5"},
    {"qgelu_approx", "true"},
    {"hard_sigmoid", "true"},
    {"use_layernorm_bias", "false", {{"batchnorm", "false"}}},
    {"preset", "qs5"},
    {"scan", "tree", {{"bits", "weight:*.ssm.A 4"}}},
    {"quantize_gradients", "true", {{"scan", "tree"}, {"bits", "state:* 4 range=absmax; weight:*.ssm.A 4"}}},
    {"bsz", "3"},
    {"epochs", "4"},
    {"ssm_lr_base", "0.02"},
    {"lr_factor", "3"},
    {"dt_global", "true"},
    {"lr_min", "0.0001"},
    {"warmup_end", "2"},
    {"cosine_anneal", "false"},
    {"p_dropout", "0.2"},
    {"weight_decay", "0.5"},
    {"warmup_steps", "4"},
    {"beta2", "0.5"},
    {"clip_grad_norm", "0.001"},
    {"norm_backward", "frozen", {{"batchnorm", "false"}}},
    {"act_backward", "sign"},
    {"opt_config", "BfastandCdecay"},
    {"a_training", "frozen"},
    {"seed", "7"},
    {"lanes", "1"},
    {"quant", "w8a8"},
    {"a_bits", "4"},
    {"b_bits", "4"},
    {"c_bits", "4"},
    {"d_bits", "4"},
    {"ssm_act_bits", "4"},
    {"non_ssm_bits", "4"},
    {"non_ssm_act_bits", "4"},
    {"bits", "weight:decoder 3"},
    {"calibration_batches", "3", {{"bits", "act:encoder 4 rate=0.01"}}},
    {"limit_train", "2"},
    {"limit_test", "1"},
    {"trajectories", "12"},
    {"val_split", "0.25"},
};

/// Those of Mamba, of Mamba-2 and of what tokens are labelled by, with what every run of theirs has.
const Settings tiny_mamba = {{"n_layers", "1"}, {"d_model", "4"},   {"epochs", "3"},
                             {"bsz", "2"},      {"lr_factor", "2"}, {"lanes", "4"}};
const Settings mamba = both_of(lorenz, {{"model", "mamba"}});
const Settings mamba2 = both_of(lorenz, {{"model", "mamba2"}, {"headdim", "4"}});
const Settings copying = {
    {"dataset", "copying"}, {"model", "mamba"}, {"length", "8"}, {"copied", "2"}, {"examples", "8"}};

const std::vector<Row> mamba_rows = {
    {"model", "mamba", lorenz},
    {"model", "mamba2", both_of(mamba, {{"expand", "16"}})},
    {"d_state", "4", mamba},
    {"d_conv", "3", mamba},
    {"expand", "3", mamba},
    {"dt_rank", "2", mamba},
    {"bidirectional", "true", mamba},
    {"dt_max", "0.05", mamba},
    {"headdim", "8", mamba2},
    {"ngroups", "2", mamba2},
    {"norm_before_gate", "true", mamba2},
    {"dt_limit_min", "0.09", mamba2},
    {"dt_limit_max", "0.002", mamba2},
    {"tie_embeddings", "false", copying},
    {"hadamard", "out_proj", mamba},
    {"length", "9", copying},
    {"copied", "1", copying},
    {"examples", "12", copying},
};

/// Those of token ids.
std::vector<Row> token_rows(const tests::TempFolder& folder) {
  const Settings ids = {
      {"dataset", "own"}, {"data", (folder / "text.txt").string()}, {"model", "mamba"}, {"window", "8"}};
  const Settings rows = {
      {"dataset", "own"}, {"data", (folder / "rows.txt").string()}, {"model", "mamba"}, {"window", "2"}};
  return {{"vocabulary", "300", ids},
          {"document_end", "44", ids},  // a comma
          {"stream", "carry", ids},
          {"rows", "sequences", rows}};
}

/// Those that say how tables are read.
std::vector<Row> table_rows(const tests::TempFolder& folder) {
  const auto own = [&](const char* file, const char* target) {
    return Settings{
        {"dataset", "own"}, {"data", (folder / file).string()}, {"input", "0"}, {"target", target}, {"window", "10"}};
  };
  return {{"separator", "comma", both_of(own("commas.csv", "0"), {{"horizon", "1"}})},
          {"decimal", "comma", own("plain.csv", "1")},
          {"header", "yes", own("plain.csv", "1")},
          {"skip", "2", own("plain.csv", "1")},
          {"missing", "hold", both_of(own("holes.csv", "1"), {{"missing", "drop"}})},
          {"time", "0", own("gap.csv", "1")},
          {"resample", "0.5", both_of(own("gap.csv", "1"), {{"time", "0"}})},
          {"gap", "2", both_of(own("gap.csv", "1"), {{"time", "0"}, {"resample", "auto"}})}};
}

/// Those that need data or a run of their own.
std::vector<Row> other_rows(const tests::TempFolder& folder, const std::string& source) {
  const Settings mackey_glass = {{"dataset", "mackey-glass"}, {"trajectories", "5"}};
  const Settings own = {{"dataset", "own"}, {"data", (folder / "series.csv").string()},
                        {"input", "a"},     {"target", "c"},
                        {"window", "10"},   {"stride", "10"}};
  const Settings classes = {{"dataset", "own"}, {"data", (folder / "classes.csv").string()},
                            {"input", "a"},     {"target", "k"},
                            {"window", "10"},   {"task", "classification"}};
  const Settings arrays = {
      {"dataset", "own"}, {"data", (folder / "arrays.h5").string()}, {"x", "a"}, {"y", "c"}, {"task", "value"}};
  const Settings from = {{"from", source}};
  return {{"dataset", "lorenz", mackey_glass},
          {"tau", "9", mackey_glass},
          {"input", "b", own},
          {"target", "b", own},
          {"window", "20", own},
          {"stride", "5", own},
          {"horizon", "1", own},
          {"folds", "3", both_of(own, {{"folds", "2"}, {"fold", "0"}})},
          {"fold", "1", both_of(own, {{"folds", "2"}, {"fold", "0"}})},
          {"task", "value", own},
          {"x", "b", arrays},
          {"y", "d", arrays},
          {"pad", "true", both_of(own, {{"bidirectional", "true"}})},
          {"mode", "last", classes},
          {"class_weights", "3,1", classes},
          {"from", source, lorenz},
          {"from_lr_factor", "0.5", from},
          {"from_epochs_factor", "0.4", from},
          {"top_blocks", "0", from},
          {"memory_budget", "100k", {{"from", source}, {"quant", "w8a8"}}},
          {"balance", "true", {{"from", source}, {"bits", "state:* 4"}}},
          {"transforms", "balance", {{"from", source}, {"bits", "state:* 4"}}},
          {"weight_range", "mse", {{"from", source}, {"bits", "weight:* 3"}}}};
}

TEST_CASE("options: every option of a run changes its weights or its error") {
  const tests::TempFolder folder;
  write_data(folder.path());
  RunConfig source = load_run_config("", both_of(tiny, lorenz));
  source.run.out = (folder / "source").string();
  REQUIRE(train(source).status == "done");

  const Outcome plain = outcome(both_of(tiny, lorenz));
  // these need official data; datasets/pathfinder and datasets/imdb test them
  std::set<std::string> covered = {"contour_length", "test_bytes"};
  for (const Row& row : model_rows) {
    CAPTURE(row.option);
    const Settings both = both_of(both_of(tiny, lorenz), row.context);
    CHECK(outcome(both_of(both, {{row.option, row.value}})) != (row.context.empty() ? plain : outcome(both)));
    covered.insert(row.option);
  }
  std::vector<Row> rows_of_mamba = token_rows(folder);
  rows_of_mamba.insert(rows_of_mamba.end(), mamba_rows.begin(), mamba_rows.end());
  for (const Row& row : rows_of_mamba) {
    CAPTURE(row.option);
    const Settings both = both_of(tiny_mamba, row.context);
    CHECK(outcome(both_of(both, {{row.option, row.value}})) != outcome(both));
    covered.insert(row.option);
  }
  std::vector<Row> others = table_rows(folder);
  for (const Row& row : other_rows(folder, source.run.out)) others.push_back(row);
  for (const Row& row : others) {
    CAPTURE(row.option);
    const bool inherits = row.context.front().first == "from";
    const Settings both = inherits ? row.context : both_of(tiny, row.context);
    CHECK(outcome(both_of(both, {{row.option, row.value}})) != outcome(both));
    covered.insert(row.option);
  }
  for (const OptionInfo& option : run_options()) {
    CAPTURE(option.name);
    CHECK(covered.contains(option.name) == option.affects_result);
  }
}

}  // namespace
}  // namespace bitstate::experiments

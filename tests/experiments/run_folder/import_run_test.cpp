// Checkpoints of other programs become runs that give the same numbers.
#include "experiments/run_folder/import_run.h"

#include "autograd/tape.h"
#include "core/error.h"
#include "experiments/commands/commands.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/options.h"
#include "experiments/training/checkpoint.h"
#include "models/batch.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/support/archives.h"
#include "tests/support/models/published_layout.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments::import_run_test {
namespace {

namespace fs = std::filesystem;
using tests::contains;
using tests::error_of;
using tests::safetensors_of;
using tests::TempFolder;
using tests::write_quickly;
using tests::WrittenTensors;

constexpr std::size_t vocabulary = 16;  // of the data set induction
const ModelShape tokens_in_and_out = {vocabulary, true, vocabulary, {Output::class_per_step}};
const Settings mamba = {{"model", "mamba"}, {"n_layers", "2"}, {"d_model", "8"}, {"d_state", "4"}, {"d_conv", "3"}};
const Settings mamba2 = {{"model", "mamba2"}, {"n_layers", "2"}, {"d_model", "8"},
                         {"d_state", "4"},    {"headdim", "2"},  {"ngroups", "2"}};

Settings with(Settings settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

Model model_of(const ModelSettings& settings, const ModelShape& shape = tokens_in_and_out) {
  return make_model(settings, shape, 3);
}

Model stirred(const Settings& settings) {
  RunConfig config;
  set_options(config, settings, "test");
  Model model = model_of(config.model);
  tests::stir_all(model);
  return model;
}

std::vector<float> logits_of(const Model& model) {
  std::vector<std::int32_t> ids(23);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 7 % vocabulary);
  const std::vector<std::size_t> rows = {14, 9};
  Tape tape;
  tape.begin({});
  const Value y = model.forward(tape, {{rows, rows}, {}, ids});
  return {tape.value(y), tape.value(y) + tape[y].size()};
}

/// The model in the folder of a run.
Model model_in(const fs::path& run) {
  const RunConfig config = load_run_config((run / "settings.ini").string(), {});
  Model model = model_of(config.model);
  load_checkpoint(run / "best.h5", take_inventory(model), nullptr);
  return model;
}

ImportedRun imported(const fs::path& file, const std::string& model, const fs::path& out, const Settings& more = {}) {
  return import_run(file, with({{"model", model}, {"out", out.string()}, {"dataset", "induction"}}, more));
}

const std::string& model_name(const Settings& settings) { return settings.front().second; }

std::string refusal(const WrittenTensors& tensors, const std::string& model = "mamba", const Settings& more = {}) {
  const TempFolder folder;
  write_quickly(folder / "m.safetensors", safetensors_of(tensors));
  std::string said = error_of<std::exception>([&] { imported(folder / "m.safetensors", model, folder / "run", more); });
  CAPTURE(said);
  CHECK(!fs::exists(folder / "run"));
  return said;
}

TEST_CASE("import: a checkpoint of state-spaces gives the logits of the model that it holds, bit for bit") {
  for (const Settings& settings : {mamba, with(mamba, {{"tie_embeddings", "false"}, {"dt_rank", "3"}}), mamba2,
                                   with(mamba2, {{"tie_embeddings", "false"}})}) {
    const TempFolder folder;
    Model model = stirred(settings);
    const bool second = model_name(settings) == "mamba2";
    write_quickly(folder / "m.safetensors", safetensors_of(tests::state_spaces_layout(model, second)));
    const Settings groups = second ? Settings{{"ngroups", "2"}} : Settings{};
    const ImportedRun run = imported(folder / "m.safetensors", model_name(settings), folder / "run", groups);
    for (const auto& [name, value] : settings) {
      CHECK(find_option(option_table(), name)->text(run.config) == value);
    }
    CHECK(logits_of(model_in(folder / "run")) == logits_of(model));
  }
}

TEST_CASE("import: half precision is within its rounding") {
  Model model = stirred(mamba2);
  const WrittenTensors tensors = tests::state_spaces_layout(model, true);
  const Inventory ours = take_inventory(model);
  for (const auto& [dtype, rounding] : {std::pair("F16", 0x1p-11), std::pair("BF16", 0x1p-8)}) {
    const TempFolder folder;
    write_quickly(folder / "m.safetensors", safetensors_of(tensors, dtype));
    imported(folder / "m.safetensors", "mamba2", folder / "run", {{"ngroups", "2"}});
    Model read = model_in(folder / "run");
    const Inventory theirs = take_inventory(read);
    std::size_t changed = 0;
    for (std::size_t k = 0; k < ours.parameters.size(); ++k) {
      const auto& before = ours.parameters[k].parameter->value.data;
      const auto& after = theirs.parameters[k].parameter->value.data;
      for (std::size_t i = 0; i < before.size(); ++i) {
        const double distance = std::abs(static_cast<double>(after[i]) - before[i]);
        CHECK(distance <= std::abs(before[i]) * rounding + 0x1p-25);
        changed += after[i] != before[i] ? 1 : 0;
      }
    }
    CHECK(changed > 0);
    const auto before = logits_of(model);
    const auto after = logits_of(read);
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK(after[i] == doctest::Approx(before[i]).epsilon(20 * rounding));
  }
}

TEST_CASE("import: a folder of shards, with the plural of transformers and a head that equals the table") {
  const TempFolder folder;
  Model model = stirred(mamba);
  WrittenTensors tensors = tests::state_spaces_layout(model, false);
  tensors["lm_head.weight"] = tensors["backbone.embedding.weight"];
  auto table = tensors.extract("backbone.embedding.weight");
  table.key() = "backbone.embeddings.weight";
  tensors.insert(std::move(table));
  WrittenTensors parts[2];
  std::string map;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t part = map.size() % 2;
    parts[part][name] = tensor;
    map += (map.empty() ? "\"" : ",\"") + name + "\":\"m-" + std::to_string(part) + ".safetensors\"";
  }
  REQUIRE(!parts[1].empty());
  for (std::size_t i = 0; i < 2; ++i) {
    write_quickly(folder / ("m-" + std::to_string(i) + ".safetensors"), safetensors_of(parts[i]));
  }
  write_quickly(folder / "model.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
  write_quickly(folder / "config.json", R"({"d_model":8,"n_layer":2,"vocab_size":14,"pad_vocab_size_multiple":8,)"
                                        R"("ssm_cfg":{"layer":"Mamba1"},"tie_embeddings":true,"rms_norm":true})");
  const ImportedRun run = imported(folder.path(), "mamba", folder / "run");
  CHECK(run.config.model.mamba.tie_embeddings);
  CHECK(logits_of(model_in(folder / "run")) == logits_of(model));
}

TEST_CASE("import: config.json gives what shapes do not tell, and must agree with them") {
  const TempFolder folder;
  Model model = stirred(mamba2);
  write_quickly(folder / "m.safetensors", safetensors_of(tests::state_spaces_layout(model, true)));
  const auto import_with = [&](const std::string& config, const std::string& family = "mamba2") {
    write_quickly(folder / "config.json", config);
    fs::remove_all(folder / "run");
    return error_of<std::exception>([&] { imported(folder / "m.safetensors", family, folder / "run"); });
  };
  CHECK(import_with(R"({"ssm_cfg":{"layer":"Mamba2","ngroups":2,"d_state":4,"headdim":2}})").empty());
  CHECK(logits_of(model_in(folder / "run")) == logits_of(model));
  CHECK(contains(import_with(R"({"d_model":16,"ssm_cfg":{"ngroups":2}})"), "d_model is 16, but the shapes"));
  CHECK(contains(import_with(R"({"ssm_cfg":{"ngroups":2,"d_state":8}})"), "d_state is 8, but the shapes"));
  CHECK(contains(import_with(R"({"vocab_size":40,"ssm_cfg":{"ngroups":2}})"), "vocab_size makes 40 tokens"));
  CHECK(contains(import_with(R"({"ssm_cfg":{"layer":"Mamba1"}})"), "expected Mamba2"));
  CHECK(contains(import_with(R"({"rms_norm":false})"), "LayerNorm"));
  CHECK(contains(import_with(R"({"d_model":-1})"), "d_model is not a whole number"));
  CHECK(contains(import_with(R"({"tie_embeddings":1})"), "neither true nor false"));
  CHECK(contains(import_with(R"({"tie_embeddings":false,"ssm_cfg":{"ngroups":2}})"), "has no lm_head.weight"));
  CHECK(contains(import_with("{"), "config.json] is no JSON object"));
}

TEST_CASE("import: what makes another model is refused, and no folder is made") {
  Model model = stirred(mamba);
  const WrittenTensors whole = tests::state_spaces_layout(model, false);
  const auto changed = [&](const auto& change) {
    WrittenTensors tensors = whole;
    change(tensors);
    return refusal(tensors);
  };
  for (const auto& [name, tensor] : whole) {
    const bool tells_family = name == "backbone.layers.0.mixer.x_proj.weight";
    const bool counts = name == "backbone.layers.1.norm.weight";
    const std::string words = tells_family ? "holds the tensors of mamba2" : counts ? "holds backbone.layers.1." : name;
    CHECK(contains(changed([&](auto& t) { t.erase(name); }), words));
    CHECK(contains(changed([&](auto& t) { t[name].numbers.back() = NAN; }), name));
  }
  const auto replaced = [&](const std::string& name, std::size_t rows, std::size_t cols) {
    return changed([&](auto& t) {
      t[name] = {{rows, cols}, std::vector<float>(rows * cols)};
      if (rows == 1) t[name].shape = {cols};
    });
  };
  CHECK(contains(replaced("backbone.layers.2.mixer.D", 1, 16),
                 "holds backbone.layers.2.mixer.D, which this model does not have"));
  CHECK(contains(replaced("backbone.layers.1.mixer.D", 1, 15), "mixer.D has the shape [15], but this model has [16]"));
  CHECK(contains(replaced("backbone.layers.0.mixer.out_proj.weight", 8, 12), "expand would be 12 / 8"));
  CHECK(contains(refusal(whole, "mamba2"), "holds the tensors of mamba; --model=mamba imports them"));
  CHECK(contains(refusal(whole, "mamba", {{"d_model", "16"}}), "d_model is 16, but the shapes"));
  CHECK(
      contains(refusal(whole, "mamba", {{"dataset", "imdb-bytes"}}), "16 tokens at every step, and imdb-bytes is not"));
}

TEST_CASE("import: a run that was imported is evaluated, inspected, quantized, exported and trained as any other") {
  const TempFolder folder;
  Model model = stirred(mamba);
  const std::string file = folder / "m.safetensors";
  write_quickly(file, safetensors_of(tests::state_spaces_layout(model, false)));
  const std::string run = folder / "run";
  const std::string few = folder / "few";
  const std::string out = "--out=" + run;
  CHECK(run_command({"import", file, "--model=mamba", "--dataset=induction", "--examples=64", "--length=16", "--bsz=4",
                     out}) == 0);
  CHECK(contains(error_of<UsageError>([&] { run_command({"import", file, "--model=mamba", out}); }), "already holds"));
  CHECK(run_command({"eval", run, "--limit_test=16"}) == 0);
  CHECK(run_command({"inspect", run, "--samples=2"}) == 0);
  CHECK(run_command({"ptq", run, "--quant=w8a8", "--batches=2", "--limit_test=16", "--out=" + few}) == 0);
  CHECK(run_command({"export", few, "--parity=4"}) == 0);
  CHECK(fs::exists(fs::path(few) / "program.h5"));
  const std::string tuned = folder / "tuned";
  CHECK(run_command({"train", "--from=" + run, "--epochs=1", "--limit_train=16", "--out=" + tuned}) == 0);
}

TEST_CASE("import: a run without a data set of its own reads a file of ids, as the documents say") {
  const TempFolder folder;
  Model model = stirred(mamba);
  const std::string file = folder / "m.safetensors";
  write_quickly(file, safetensors_of(tests::state_spaces_layout(model, false)));
  std::vector<std::uint16_t> ids(6000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::uint16_t>(i * i % 11);  // not all there are
  const std::string text = folder / "tokens.npy";
  write_quickly(text, tests::npy_of<std::uint16_t>("<u2", "(6000,)", ids));
  const std::string run = folder / "run";
  const std::string few = folder / "few";
  CHECK(run_command({"import", file, "--model=mamba", "--out=" + run}) == 0);
  const auto window_of = [](const std::string& of) {
    return load_run_config((fs::path(of) / "settings.ini").string(), {}).data.series.window;
  };
  CHECK(window_of(run) == 512);
  CHECK(run_command({"eval", run, "--data=" + text}) == 0);
  CHECK(run_command({"ptq", run, "--quant=w8a8", "--data=" + text, "--out=" + few}) == 0);
  CHECK(run_command({"export", few, "--parity=2"}) == 0);
  CHECK(run_command({"import", file, "--model=mamba", "--window=64", "--out=" + run + "64"}) == 0);
  CHECK(window_of(run + "64") == 64);
}

TEST_CASE("import: an .npz of S5 gives the weights that it holds, and its run is evaluated, quantized and exported") {
  const TempFolder folder;
  const ModelShape shape = {3, false, 3, {Output::values_per_step}};
  RunConfig config;
  set_options(
      config,
      {{"n_layers", "2"}, {"d_model", "6"}, {"ssm_size_base", "8"}, {"blocks", "1"}, {"activation_fn", "full_glu"}},
      "test");
  Model model = model_of(config.model, shape);
  tests::stir_all(model);
  std::vector<tests::Member> members;
  for (const auto& [name, tensor] : tests::s5_layout(model, false)) {
    std::string sizes;
    for (const std::size_t size : tensor.shape) sizes += std::to_string(size) + ",";
    members.push_back({name + ".npy", tests::npy_of<float>("<f4", "(" + sizes + ")", tensor.numbers)});
  }
  const std::string file = folder / "s5.npz";
  write_quickly(file, tests::zip_of(members, true));
  const std::string run = folder / "run";
  const std::string few = folder / "few";
  CHECK(run_command(
            {"import", file, "--model=s5", "--dataset=lorenz", "--trajectories=10", "--bsz=4", "--out=" + run}) == 0);
  const RunConfig kept = load_run_config(run + "/settings.ini", {});
  CHECK(kept.model.s5.activation_fn == "full_glu");
  Model read = model_of(kept.model, shape);
  const Inventory theirs = take_inventory(read);
  load_checkpoint(fs::path(run) / "best.h5", theirs, nullptr);
  const Inventory ours = take_inventory(model);
  for (std::size_t i = 0; i < ours.parameters.size(); ++i) {
    CHECK(theirs.parameters[i].parameter->value.data == ours.parameters[i].parameter->value.data);
  }
  for (std::size_t i = 0; i < ours.buffers.size(); ++i) {
    CHECK(theirs.buffers[i].buffer->value.data == ours.buffers[i].buffer->value.data);
  }
  CHECK(run_command({"eval", run}) == 0);
  CHECK(run_command({"ptq", run, "--quant=w8a8", "--batches=1", "--out=" + few}) == 0);
  CHECK(run_command({"export", few, "--parity=1"}) == 0);
  const auto refused = [&](const std::string& dataset) {
    return error_of<std::exception>([&] {
      run_command({"import", file, "--model=s5", dataset, "--out=" + run + "2"});
    });
  };
  CHECK(contains(refused("--dataset=mackey-glass"), "kernel has the shape [3, 6], but this model has [10, 6]"));
  CHECK(contains(refused("--dataset=own"), "own data need a file"));
  CHECK(contains(error_of<UsageError>([&] { run_command({"import", file, "--model=mamba"}); }), "are read from .npz"));
}

TEST_CASE("import: needs a file and a family") {
  CHECK(contains(error_of<UsageError>([] { run_command({"import"}); }), "needs a file"));
  CHECK(contains(error_of<UsageError>([] { run_command({"import", "no.safetensors"}); }), "needs --model="));
  CHECK(contains(error_of<UsageError>([] {
                   run_command({"import", "no.safetensors", "--model=mamba"});
                 }),
                 "no.safetensors] does not exist"));
}

}  // namespace
}  // namespace bitstate::experiments::import_run_test

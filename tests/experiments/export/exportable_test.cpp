// Every recipe under every named configuration, without data: what trains can be exported, in all formats, and gives
// the codes of the quantized forward.
#include "autograd/export.h"
#include "core/program/c/source.h"
#include "core/program/file.h"
#include "core/program/onnx/onnx.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "experiments/inspect/inspect.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/training/calibration.h"
#include "experiments/training/lane_runner.h"
#include "experiments/training/metric.h"
#include "tests/support/c_build.h"
#include "tests/support/models/onnx_cases.h"
#include "tests/support/temp_folder.h"

#include "datasets/registry.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

/// A few short sequences of the shape of a data set.
class Few : public datasets::Dataset {
 public:
  explicit Few(const datasets::Splits& shape) : shape_(shape) {}
  [[nodiscard]] std::size_t size() const override { return 4; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{index, random_stream("exportable_test")};
    out = {};
    out.length = 9 + 2 * index;
    out.label = static_cast<std::int32_t>(index % shape_.d_output);
    if (shape_.task == datasets::Task::regression) out.target.assign(out.length * shape_.d_output, 0.5F);
    for (std::size_t i = 0; !shape_.tokens && i < out.length * shape_.d_input; ++i) {
      out.x.push_back(static_cast<float>(random.normal(i)));
    }
    for (std::size_t i = 0; shape_.tokens && i < out.length; ++i) {
      out.tokens.push_back(static_cast<std::int32_t>(random.below(shape_.d_input, i)));
    }
    if (shape_.pairs) out.second.assign(out.tokens.begin() + 1, out.tokens.end());
  }

 private:
  const datasets::Splits& shape_;
};

/// A calibrated small model of a recipe.
struct ExportRig {
  RunConfig config;
  datasets::Splits data;
  Model model;
  Inventory inventory;

  ExportRig(const std::string& recipe, const std::string& quant, const std::string& preset = "none")
      : config(load_run_config(
            recipe, {{"n_layers", "1"}, {"d_model", "8"}, {"preset", preset}, {"quant", quant}, {"threads", "1"}})),
        data(datasets::shape(config.dataset).splits),
        model(make_model(config, data)),
        inventory(take_inventory(model)) {
    data.max_length = 20;
    data.train = data.test = std::make_shared<Few>(data);
    apply_quantization(config, inventory);
    const Random random{5, random_stream("exportable_test")};
    for (const auto& [name, parameter] : inventory.parameters) {  // a new model's biases are zero
      if (!name.ends_with("bias")) continue;
      for (std::size_t i = 0; i < parameter->value.size(); ++i) {
        parameter->value.data[i] = static_cast<float>(0.2 * random.normal(parameter->offset + i));
      }
    }
    Workers workers(1);
    LaneRunner runner(model, inventory, metric_of(data),
                      {1, padded_length(config, data), config.model.s5.batchnorm, {}}, workers);
    std::vector<std::size_t> order(data.train->size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    calibrate(runner, inventory, {*data.train, order, order.size(), 1, false});
  }
  ExportRig(const ExportRig&) = delete;

  [[nodiscard]] std::size_t padded() const { return padded_length(config, data); }
  [[nodiscard]] std::string obstacle() const { return export_obstacle(model, inventory, data, padded()); }

  /// The quantized forward of a sequence.
  Value forward_of(const datasets::Example& example, Tape& tape) const {
    const std::vector<std::size_t> rows{std::max(example.length, padded())}, lengths{example.length};
    std::vector<std::int32_t> tokens = example.tokens;
    tokens.resize(tokens.empty() ? 0 : rows[0]);
    std::vector<float> x = example.x;
    x.resize(x.size() / example.length * rows[0]);
    auto* const kept = tape.arena().array<float>(x.size());
    std::copy(x.begin(), x.end(), kept);
    return model.forward(tape, {{rows, lengths}, {kept, x.size()}, tokens});
  }
};

/// The program of a model, after a comparison with the quantized forward, and the sequences.
struct Compared {
  program::Program program;
  std::vector<program::CTestSequence> sequences;
};

Compared compared(const ExportRig& rig) {
  Compared result;
  for (std::size_t i = 0; i < rig.data.test->size(); ++i) {
    datasets::Example example;
    rig.data.test->read(i, example);
    Tape tape;
    tape.begin({});
    const Value output = rig.forward_of(example, tape);
    if (i == 0) {
      const bool classes = rig.data.task == datasets::Task::classification;
      result.program = export_program(tape, output, rig.data.name, classes, rig.padded());
    }
    std::vector<std::int32_t> input = example.tokens;
    if (!rig.data.tokens) {
      input.resize(example.x.size());
      program::encode_input(result.program, example.x.data(), input.size(), input.data());
    }
    const tests::Computed y = tests::computed(tape, output);
    const std::size_t size = y.rows == 1 ? y.cols : example.length * y.cols;
    result.sequences.push_back({input, {y.codes.begin(), y.codes.begin() + static_cast<std::ptrdiff_t>(size)}});
    CHECK(program::Runner(result.program).run(input) == result.sequences.back().expected);
  }
  return result;
}

TEST_CASE("exportable: every recipe under every named configuration gives its codes as a program, in C and in ONNX") {
  const tests::TempFolder folder;
  tests::OnnxCases onnx;
  const bool runs_onnx = tests::onnxruntime_missing().empty(), runs_c = tests::there_is("cc");
  std::size_t programs = 0;
  for (const std::string& recipe : recipe_names()) {
    for (const std::string& quant : quant_names()) {
      CAPTURE(recipe);
      CAPTURE(quant);
      const ExportRig rig(recipe, quant);
      if (rig.data.pairs) continue;
      CHECK(rig.obstacle() == "");
      const Compared found = compared(rig);
      ++programs;
      program::save(found.program, folder / "program.h5");
      CHECK(program::load(folder / "program.h5") == found.program);
      const program::CSource c = program::c_source(found.program, "model", found.sequences, rig.data.max_length);
      CHECK(c.source.size() > 1000);
      CHECK(program::onnx_model(found.program).size() > 1000);
      if (quant == "w8a8" && runs_onnx) onnx.add(found.program, {{1, 20}, {2, 5}});
      const bool token_example = recipe == "listops-small" && quant == "w2a8";
      if ((token_example || (recipe == "lorenz" && quant == "w8a8")) && runs_c) {
        tests::check_c(found.program, found.sequences, {"cc -O1"});
      }
    }
  }
  CHECK(programs >= 21 * 7);
  if (runs_onnx) onnx.check();
}

TEST_CASE("exportable: what cannot be exported says so in one line before it is trained") {
  CHECK(
      ExportRig("aan-small", "w8a8").obstacle() ==
      "bitstate export will refuse this run: the model is not an integer program: at act:decoder.0 a program reads one "
      "sequence, not a pair of documents");
  const std::string dynamic = ExportRig("smnist-small", "w8a8", "qs5").obstacle();
  CHECK(dynamic.find("range=absmax takes its scale from the input") != std::string::npos);
  CHECK(ExportRig("smnist-small", "none").obstacle() == "");  // a float model is not meant to be exported
}

}  // namespace
}  // namespace bitstate::experiments

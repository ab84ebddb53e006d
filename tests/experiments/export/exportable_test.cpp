// Every recipe under every named configuration, without data: what trains can be exported, in all formats, and gives
// the codes of the quantized forward.
#include "autograd/export.h"
#include "core/program/c/source.h"
#include "core/program/file.h"
#include "core/program/onnx/onnx.h"
#include "core/program/run/runner.h"
#include "tests/experiments/export/export_rig.h"
#include "tests/support/c_build.h"
#include "tests/support/models/onnx_cases.h"
#include "tests/support/temp_folder.h"

#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

using tests::ExportRig;

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
    if (load_run_config(recipe, {}).model.model != "s5") continue;  // which has no bits yet
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

// A program that reads tokens and gives a class at each step: run on ids, and proven in all formats.
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/program/c/source.h"
#include "core/program/file.h"
#include "core/program/onnx/onnx.h"
#include "core/program/run/runner.h"
#include "experiments/commands/program_commands.h"
#include "experiments/export/proof.h"
#include "tests/support/small_program.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

using program::Runner;
using tests::TempFolder;

Sample ids_of(const Runner& runner, std::size_t number) {
  Sample sample;
  for (std::size_t t = 0; t < 5 + number; ++t) {
    sample.input.push_back(static_cast<std::int32_t>((t * t + number * t + number) % 3));
  }
  sample.output = runner.run(sample.input);
  return sample;
}

Exported exported_program() {
  Exported exported;
  exported.program = tests::small_selective_program();
  exported.parity.sequences = 30;
  exported.max_length = 40;
  exported.threads = 1;
  exported.sample = [runner = Runner(exported.program)](std::size_t i) { return ids_of(runner, i); };
  return exported;
}

TEST_CASE("run: a program with a class per step prints a line for each step") {
  const TempFolder folder;
  const program::Program p = tests::small_selective_program();
  program::save(p, folder / "p.h5");
  write_file_atomically(folder / "ids.csv", "0\n2\n1\n1\n2\n");
  REQUIRE(run_program_command(folder / "p.h5", folder / "ids.csv", folder / "table.csv", 1) == 0);
  std::string expected = "sequence,step,class,logit0,logit1,logit2\n";
  const std::vector<std::int32_t> y = Runner(p).run(std::vector<std::int32_t>{0, 2, 1, 1, 2});
  for (std::size_t t = 0; t < 5; ++t) {
    const auto row = std::span(y).subspan(3 * t, 3);
    expected += fmt::format("0,{},{},{},{},{}\n", t, program::class_of(row), row[0], row[1], row[2]);
  }
  CHECK(read_file(folder / "table.csv", 1 << 16) == expected);
  write_file_atomically(folder / "ids.csv", "0\n3\n");
  CHECK_THROWS_AS(run_program_command(folder / "p.h5", folder / "ids.csv", folder / "table.csv", 1), Error);
}

TEST_CASE("export: a program with a class per step is proven as a file, in C and in ONNX") {
  const Exported exported = exported_program();
  const TempFolder folder;
  program::save(exported.program, folder / "p.h5");
  CHECK_NOTHROW(prove_program(exported, folder / "p.h5"));

  if (missing_tool("c").empty()) {
    std::vector<program::CTestSequence> tests;
    for (std::size_t i = 0; i < 2; ++i) tests.push_back({exported.sample(i).input, exported.sample(i).output});
    const program::CSource c = program::c_source(exported.program, "model", tests);
    write_file_atomically(folder / "model.h", c.header);
    write_file_atomically(folder / "model.c", c.source);
    write_file_atomically(folder / "model_test.c", c.self_test);
    CHECK_NOTHROW(prove_c(exported, folder.path(), "model", c));
    program::CSource wrong = c;
    const std::string call = "model_classify(output)";
    REQUIRE(wrong.driver.find(call) != std::string::npos);
    wrong.driver.replace(wrong.driver.find(call), call.size(), "model_classify(output) ^ 1");
    CHECK_THROWS_WITH_AS(prove_c(exported, folder.path(), "model", wrong), doctest::Contains("the compiled C is wrong"),
                         Error);
  }
  if (missing_tool("onnx").empty()) {
    write_file_atomically(folder / "model.onnx", program::onnx_model(exported.program));
    CHECK_NOTHROW(prove_onnx(exported, folder / "model.onnx"));
    Exported other = exported;
    std::get<program::Linear>(other.program.instructions.back()).bias[2] += 1;
    write_file_atomically(folder / "model.onnx", program::onnx_model(other.program));
    CHECK_THROWS_WITH_AS(prove_onnx(exported, folder / "model.onnx"), doctest::Contains("is wrong"), Error);
  }
}

}  // namespace
}  // namespace bitstate::experiments

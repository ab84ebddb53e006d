// The head that a device trains: its scales are those of the sites, and C that trains otherwise is not shipped.
#include "experiments/export/trainable.h"

#include "autograd/export.h"
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/program/run/runner.h"
#include "experiments/export/proof.h"
#include "experiments/export/tuning_proof.h"
#include "tests/experiments/export/export_rig.h"
#include "tests/support/small_program.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

program::Program program_of(const tests::ExportRig& rig) {
  datasets::Example example;
  rig.data.test->read(0, example);
  Tape tape;
  tape.begin({});
  return export_program(tape, rig.forward_of(example, tape), rig.data.name, true, rig.padded());
}

TEST_CASE("trainable: a step of the head is the learning rate on real numbers, in codes of its sites") {
  const tests::ExportRig rig("smnist-small", "w8a8");
  const program::Program p = program_of(rig);
  const double rate = 0.03;
  const program::TrainableHead head = trainable_head_of(p, rig.inventory, rate);
  CHECK(head.rows == 10);
  CHECK(head.cols == 8);
  CHECK(head.most_weight == 127 << 16);
  const auto& parameters = rig.inventory.parameters;
  const auto weight = std::find_if(parameters.begin(), parameters.end(),
                                   [](const NamedParameter& named) { return named.name == "decoder.weight"; });
  REQUIRE(weight != parameters.end());
  float largest = 0.0F;
  for (const float w : weight->parameter->value.data) largest = std::max(largest, std::fabs(w));
  const double w_scale = largest / 127.5;  // edge=half
  const double x_scale = p.output.scale[0] / w_scale;
  REQUIRE(head.weight_rates.size() == 1);
  const auto real = [](const FixedPoint& f) {
    return std::ldexp(static_cast<double>(f.multiplier), -static_cast<int>(f.shift));
  };
  // 2^16 codes for each unit of g 2^-16, s_x x and 1 / s_W
  CHECK(real(head.weight_rates[0]) == doctest::Approx(rate * x_scale / w_scale).epsilon(1e-5));
  CHECK(real(head.bias_rates[0]) == doctest::Approx(rate / 65536 / (x_scale * w_scale)).epsilon(1e-5));
}

/// A program with a class per step and its training.
Exported exported_head() {
  Exported exported;
  exported.program = tests::small_selective_program();
  exported.parity.sequences = 30;
  exported.max_length = 40;
  exported.threads = 1;
  exported.sample = [runner = program::Runner(exported.program)](std::size_t number) {
    Sample sample;
    for (std::size_t t = 0; t < 5 + number; ++t) {
      sample.input.push_back(static_cast<std::int32_t>((t * t + number * t + number) % 3));
    }
    sample.output = runner.run(sample.input);
    return sample;
  };
  exported.head = trainable_head(exported.program, {4, 0.05, 0.1});
  return exported;
}

TEST_CASE("export: C that trains in another way than this machine is an error that says what differs") {
  if (!missing_tool("c").empty()) {
    MESSAGE("skipped: ", missing_tool("c"));
    return;
  }
  const Exported exported = exported_head();
  const tests::TempFolder folder;
  program::CExtras extras;
  extras.head = exported.head;
  const std::vector<program::CTestSequence> tests{{exported.sample(3).input, exported.sample(3).output}};
  const program::CSource c = program::c_source(exported.program, "model", tests, 0, extras);
  write_file_atomically(folder / "model.h", c.header);
  write_file_atomically(folder / "model_test.c", c.self_test);
  const auto proof_of = [&](std::string_view what, std::string_view with) {
    std::string source = c.source;
    REQUIRE(source.find(what) != std::string::npos);
    source.replace(source.find(what), what.size(), with);
    write_file_atomically(folder / "model.c", source);
    prove_tuning(exported, folder.path(), "model", c);
  };
  CHECK_NOTHROW(proof_of("65536", "65536"));
  CHECK_THROWS_WITH_AS(proof_of("label ? 65536", "label ? 60000"), doctest::Contains("the training of the compiled C"),
                       Error);
  CHECK_THROWS_WITH_AS(proof_of("* 45426", "* 45000"), doctest::Contains("loss 1 is"), Error);
  CHECK_THROWS_WITH_AS(proof_of("head->bias[o] - ", "head->bias[o] + "), doctest::Contains("nothing is written"),
                       Error);
  CHECK_THROWS_WITH_AS(proof_of("int32_t", "int33_t"), doctest::Contains("does not compile the C"), Error);
}

}  // namespace
}  // namespace bitstate::experiments

// The training of head and top layer in C: its losses and numbers are those of TopTuner.
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/program/c/source.h"
#include "core/program/run/runner.h"
#include "core/tuning/in_turn.h"
#include "core/tuning/top.h"
#include "tests/support/c_build.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/folders.h"
#include "tests/support/layered_program.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::tests::c_top_test {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

CExtras extras_of(const LayeredProgram& drawn, double rate, std::size_t max_steps) {
  CExtras extras;
  extras.head = trainable_head(drawn.program, drawn.head_training(rate));
  extras.layer = trainable_layer(drawn.program, *extras.head, drawn.training(rate, max_steps));
  return extras;
}

/// Three that differ in all that a layer can have.
std::vector<LayerShape> shapes() {
  LayerShape plain, last, shear;
  last.weight_bits = 2;
  last.last = true;
  last.head_rounded = false;
  last.two_tables = true;
  shear.weight_bits = 4;
  shear.act_bits = 12;
  shear.value = true;
  shear.shear = true;
  return {plain, last, shear};
}

TEST_CASE("c_source: head and top layer are trained as on this machine, with weights of 2 to 8 bits") {
  if (no_compiler()) return;
  Draw draw(1);
  CPrograms programs;
  std::uint64_t seed = 0;
  for (const LayerShape& shape : shapes()) {
    const LayeredProgram drawn(shape, draw);
    std::vector<CTestSequence> sequences;
    for (std::size_t k = 0; k < 12; ++k) sequences.push_back(random_sequence(drawn.program, 1 + k, ++seed));
    // the longest is too long to be trained on
    programs.add(drawn.program, sequences, extras_of(drawn, shape.weight_bits == 8 ? 1e3 : 0.1, 11));
  }
  programs.check({sanitizing_cc, "cc -O2"});
}

TEST_CASE("c_source: at the limits of its numbers, nothing of the training of a layer leaves its type") {
  if (no_compiler()) return;
  Draw draw(2);
  CPrograms programs;
  for (const bool last : {false, true}) {
    LayerShape shape;
    shape.last = last;
    LayeredProgram drawn(shape, draw);
    const CExtras extras = extras_of(drawn, 1e3, 40);
    drawn.program = at_limits(drawn.program, *extras.head, *extras.layer);
    std::vector<CTestSequence> sequences;
    for (std::size_t k = 0; k < 20; ++k) {
      CTestSequence sequence = random_sequence(drawn.program, 40, k);
      for (std::int32_t& code : sequence.input) code = k % 2 == 0 ? 127 : -127;
      sequence.expected = Runner(drawn.program).run(sequence.input);
      sequences.push_back(sequence);
    }
    programs.add(drawn.program, sequences, extras);
  }
  programs.check({sanitizing_cc});
}

TEST_CASE("c_source: a trained layer gives the same hash on Cortex-M3, M4 and M7 under QEMU") {
  Draw draw(5);
  const LayeredProgram drawn(LayerShape{}, draw);
  const TempFolder folder;
  write_c(folder, c_source(drawn.program, "model", std::vector<CTestSequence>(10, random_sequence(drawn.program, 9, 1)),
                           0, extras_of(drawn, 0.1, 9)));
  const auto script = source_folder() / "tests" / "command_line" / "long_c_targets.sh";
  const Outcome outcome = shell(fmt::format("bash '{}' '{}'", script.string(), folder.path().string()));
  if (outcome.code == 77) {
    MESSAGE("skipped: ", outcome.output);
    return;
  }
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
}

/// What a main function with this body prints, in C with sanitizers.
std::string printed_by(const LayeredProgram& drawn, double rate, const std::string& body) {
  const std::vector<CTestSequence> tests{random_sequence(drawn.program, 4, 1)};
  const TempFolder folder;
  write_c(folder, c_source(drawn.program, "model", tests, 0, extras_of(drawn, rate, 4)));
  write_quickly(folder / "main.c",
                "#include \"model.h\"\n#include <stdio.h>\n#include <string.h>\nint main(void) {\n"
                "  static model_state s;\n  static model_top top, saved;\n  static const int8_t input[MODEL_INPUTS] = "
                "{100, -50, 3, 127, 0, 9};\n  int k = 0, t = k;\n  model_init(&s);\n  model_reset(&top);\n" +
                    body + "  return 0;\n}\n");
  const Outcome compiled = compile(folder, sanitizing_cc, "model.c main.c -o main");
  CAPTURE(compiled.output);
  REQUIRE(compiled.code == 0);
  return shell((folder / "main").string()).output;
}

TEST_CASE("c_source: a layer learns an example, and what was saved and restored gives it again") {
  if (no_compiler()) return;
  Draw draw(6);
  const LayeredProgram drawn(LayerShape{}, draw);
  CHECK(printed_by(drawn, 0.05, R"(
  int32_t loss = 0, first = 0;
  for (k = 0; k < 300; ++k) {
    model_init(&s);
    for (t = 0; t < 4; ++t) model_step(&s, &top, input);
    loss = model_tune(&s, &top, 2);
    if (k == 0) first = loss;
  }
  printf("%d ", loss < first / 8);
  model_restore(&saved, top.head.weight, top.head.bias, top.number);
  printf("%d ", memcmp(&saved.head, &top.head, sizeof top.head) == 0 &&
                  memcmp(saved.number, top.number, sizeof top.number) == 0);
  model_init(&s);
  for (t = 0; t < 4; ++t) model_step(&s, &saved, input);
  printf("%d ", model_classify(&s, &saved));
  model_reset(&saved);
  printf("%d\n", memcmp(saved.number, top.number, sizeof top.number) == 0);
)") == "1 1 2 0\n");
}

TEST_CASE("c_source: a wrong label, no steps and too many move nothing, and damaged numbers are brought into limits") {
  if (no_compiler()) return;
  Draw draw(7);
  const LayeredProgram drawn(LayerShape{}, draw);
  const CExtras extras = extras_of(drawn, 0.05, 4);
  const std::int32_t weight = extras.layer->weights[0].most_weight;
  const TrainedWeight& last = extras.layer->weights.back();
  CHECK(printed_by(drawn, 0.05, R"(
  saved = top;
  printf("%ld ", (long)model_tune(&s, &top, 0));
  for (t = 0; t < 4; ++t) model_step(&s, &top, input);
  printf("%ld ", (long)model_tune(&s, &top, 4));
  model_step(&s, &top, input);
  printf("%ld ", (long)model_tune(&s, &top, 0));
  printf("%d ", memcmp(&saved, &top, sizeof top));
  memset(saved.number, 0x7f, sizeof saved.number);
  model_restore(&top, saved.head.weight, saved.head.bias, saved.number);
  printf("%ld %ld\n", (long)top.number[0], (long)top.number[sizeof top.number / 4 - 1]);
)") == fmt::format("-1 -1 -1 0 {} {}\n", weight, std::min(last.most_bias, 0x7f7f7f7f)));
}

TEST_CASE("c_source: the bytes of a trainable layer are the documented ones") {
  Draw draw(8);
  const LayeredProgram drawn(LayerShape{}, draw);
  const CExtras extras = extras_of(drawn, 0.05, 4);
  const std::vector<CTestSequence> tests{random_sequence(drawn.program, 4, 1)};
  const CSource c = c_source(drawn.program, "model", tests, 0, extras);
  CHECK(c.header.find(fmt::format("#define MODEL_TOP_BYTES {}\n", top_bytes(*extras.head, *extras.layer))) !=
        std::string::npos);
  CHECK(c.header.find("#define MODEL_TUNE_STEPS 4\n") != std::string::npos);
  CHECK(c.header.find("24 bytes of model_state keep what enters the layer") != std::string::npos);
  CHECK(c.source.find("sizeof(model_top) == MODEL_TOP_BYTES") != std::string::npos);
}

}  // namespace
}  // namespace bitstate::tests::c_top_test

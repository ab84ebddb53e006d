// The training of a head in C: its losses, weights and biases are those of HeadTuner, over thousands of steps.
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/program/c/source.h"
#include "core/tuning/in_turn.h"
#include "tests/support/c_build.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/folders.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::c_tuning_test {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

/// Programs that are compiled together, each with the training of its head.
class Heads {
 public:
  void add(const Program& p, const HeadTraining& training, std::vector<std::size_t> steps) {
    CExtras extras;
    extras.head = trainable_head(p, training);
    std::vector<CTestSequence> sequences;
    for (const std::size_t count : steps) sequences.push_back(random_sequence(p, count, ++seed_));
    programs_.add(p, sequences, extras);
  }
  void check() const { programs_.check({sanitizing_cc, "cc -O3"}); }

 private:
  CPrograms programs_;
  std::uint64_t seed_ = 0;
};

/// `first` and behind it a head with these classes, whose logits are rounded if there is a draw of factors.
Program headed(std::size_t cols, std::int64_t bound, const std::vector<Instruction>& first, std::uint32_t classes,
               int bits, bool rounded, Draw& draw) {
  Program p = program_of(cols, {-bound, bound}, first);
  const std::int64_t most = (std::int64_t{1} << (bits - 1)) - 1;
  const auto x = static_cast<Ref>(first.size());
  const std::size_t width = analyse(p).back().cols;
  p.instructions.emplace_back(Linear{x,
                                     {classes, static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(bits),
                                      draw.codes(classes * width, -most, most)},
                                     draw.codes(classes, -900, 900)});
  if (rounded) p.instructions.emplace_back(Rescale{x + 1, draw.factors(classes, 32, 40), {-127}, {127}});
  p.output = {true, {rounded ? 0.1F : 0.003F}};
  return p;
}

TEST_CASE("c_source: a head is trained at every step as on this machine, with weights of 2 to 16 bits") {
  if (no_compiler()) return;
  Draw draw(1);
  Heads heads;
  for (const int bits : {2, 3, 4, 8, 16}) {
    for (const std::int64_t bound : {std::int64_t{127}, std::int64_t{32767}}) {
      if (bits == 16 && bound > 127) continue;
      const auto end = static_cast<std::int32_t>(bound);
      const Rescale same{0, {{1 << 30, 30}}, {-end}, {end}};
      const bool rounded = draw(0, 1) == 0;
      heads.add(headed(7, bound, {same}, static_cast<std::uint32_t>(draw(2, 9)), bits, rounded, draw),
                {bits, 0.01, bits % 3 == 0 ? 1e6 : 0.02}, {600, 1, 300});
    }
  }
  heads.add(small_selective_program(), {4, 0.05, 0.1}, {700, 3});
  heads.check();
}

TEST_CASE("c_source: a head behind a pool is trained after the steps, also of a model that reads from both ends") {
  if (no_compiler()) return;
  Draw draw(2);
  Heads heads;
  for (const bool backward : {false, true}) {
    const Conv conv{0, backward, {5, 3, 8, draw.codes(15, -100, 100)}, draw.codes(5, -9, 9)};
    const Rescale narrow{1, {{1 << 30, 37}}, {-127}, {127}};
    const std::vector<Instruction> last{conv, narrow, Last{2}};
    const std::vector<Instruction> mean{conv, narrow, MeanPool{2, 12}, Rescale{3, {{1 << 30, 41}}, {-127}, {127}}};
    for (const bool rounded : {false, true}) {
      heads.add(headed(5, 100, last, 4, 8, rounded, draw), {8, 0.01, 0.3}, std::vector<std::size_t>(60, 5));
      heads.add(headed(5, 100, mean, 3, 4, rounded, draw), {4, 0.01, 0.3}, std::vector<std::size_t>(60, 7));
    }
  }
  heads.check();
}

TEST_CASE("c_source: a trained head gives the same hash on Cortex-M3, M4 and M7 under QEMU") {
  Draw draw(5);
  const Conv conv{0, false, {5, 3, 8, draw.codes(15, -100, 100)}, draw.codes(5, -9, 9)};
  const Rescale narrow{1, {{1 << 30, 37}}, {-127}, {127}};
  const Program p = headed(5, 100, {conv, narrow, Last{2}}, 4, 8, false, draw);
  CExtras extras;
  extras.head = trainable_head(p, {8, 0.01, 0.3});
  const TempFolder folder;
  write_c(folder, c_source(p, "model", std::vector<CTestSequence>(40, random_sequence(p, 9, 1)), 0, extras));
  const auto script = source_folder() / "tests" / "command_line" / "long_c_targets.sh";
  const Outcome outcome = shell(fmt::format("bash '{}' '{}'", script.string(), folder.path().string()));
  if (outcome.code == 77) {
    MESSAGE("skipped: ", outcome.output);
    return;
  }
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
}

TEST_CASE("c_source: the driver that trains writes what HeadTuner gives") {
  if (no_compiler()) return;
  Draw draw(3);
  const Rescale same{0, {{1 << 30, 30}}, {-127}, {127}};
  for (const bool pooled : {false, true}) {
    std::vector<Instruction> first{same};
    if (pooled) first.emplace_back(Last{1});
    const Program p = headed(3, 127, first, 4, 8, false, draw);
    CExtras extras;
    extras.head = trainable_head(p, {8, 0.01, 0.1});
    const std::vector<CTestSequence> tests{random_sequence(p, 4, 1)};
    const CSource c = c_source(p, "model", tests, 0, extras);
    const TempFolder folder;
    write_c(folder, c);
    write_quickly(folder / "tuner.c", c.tuner);
    std::string input;
    std::vector<std::vector<std::int32_t>> sequences;
    for (std::uint32_t steps = 1; steps < 200; ++steps) {
      sequences.push_back(random_sequence(p, steps, steps).input);
      input.append(reinterpret_cast<const char*>(&steps), sizeof steps);
      input.append(reinterpret_cast<const char*>(sequences.back().data()), sequences.back().size() * 4);
    }
    write_quickly(folder / "input", input);
    REQUIRE(compile(folder, sanitizing_cc, "model.c tuner.c -o tuner").output.empty());
    REQUIRE(shell(fmt::format("cd {} && ./tuner input output", folder.path().string())).output.empty());
    const std::vector<std::int32_t> expected = tuned_in_turn(p, *extras.head, {}, sequences);
    const std::string expected_bytes(reinterpret_cast<const char*>(expected.data()), expected.size() * 4);
    CHECK((read_file(folder / "output", 1 << 24) == expected_bytes));
  }
}

/// What a main function with this body prints, in C with sanitizers.
std::string printed(const Program& p, const HeadTraining& training, const std::string& body) {
  CExtras extras;
  extras.head = trainable_head(p, training);
  const std::vector<CTestSequence> tests{random_sequence(p, 4, 1)};
  const TempFolder folder;
  write_c(folder, c_source(p, "model", tests, 0, extras));
  write_quickly(folder / "main.c",
                "#include \"model.h\"\n#include <stdio.h>\nint main(void) {\n  static model_state s;\n"
                "  static model_head head;\n  model_init(&s);\n  model_reset(&head);\n" +
                    body + "  return 0;\n}\n");
  const Outcome compiled = compile(folder, sanitizing_cc, "model.c main.c -o main");
  CAPTURE(compiled.output);
  REQUIRE(compiled.code == 0);
  return shell((folder / "main").string()).output;
}

Program two_classes() {
  Program p = program_of(1, {-127, 127}, {Rescale{0, {{1 << 30, 30}}, {-127}, {127}}, Last{1}});
  p.instructions.emplace_back(Linear{2, {2, 1, 4, {7, -7}}, {5, -5}});
  p.output = {true, {0.01F}};
  return p;
}

TEST_CASE(
    "c_source: a wrong label moves nothing, and a head that was damaged where it was saved is brought into limits") {
  if (no_compiler()) return;
  CHECK(printed(two_classes(), {4, 0.01, 1.0}, R"(
  printf("%ld ", (long)model_tune(&s, &head, 2));
  printf("%ld %ld ", (long)model_tune(&s, &head, 4294967295u), (long)head.bias[0]);
  {
    static const int32_t weight[2] = {2147483647, -2147483647 - 1}, bias[2] = {-2147483647 - 1, 9};
    model_restore(&head, weight, bias);
  }
  printf("%ld %ld %ld %ld\n", (long)head.weight[0], (long)head.weight[1], (long)head.bias[0], (long)head.bias[1]);
)") == fmt::format("-1 -1 5 {} {} {} 9\n", 7 << 16, -(7 << 16), -(2147483647 - 7 * 127)));
}

TEST_CASE("c_source: after training in C the class is the one that was learned, and a saved head gives it again") {
  if (no_compiler()) return;
  CHECK(printed(two_classes(), {4, 0.01, 0.05}, R"(
  static model_head saved;
  const int8_t input[1] = {100};
  int k;
  model_step(&s, input);
  printf("%d ", model_classify(&s, &head));
  for (k = 0; k < 500; ++k) model_tune(&s, &head, 1);
  printf("%d ", model_classify(&s, &head));
  model_restore(&saved, head.weight, head.bias);
  model_reset(&head);
  printf("%d %d\n", model_classify(&s, &head), model_classify(&s, &saved));
)") == "0 1 0 1\n");
}

TEST_CASE("c_source: the bytes of a trainable head are the documented ones, and nothing else of the C changes") {
  Draw draw(4);
  const Program p = two_classes();
  CExtras extras;
  extras.head = trainable_head(p, {});
  const std::vector<CTestSequence> tests{random_sequence(p, 4, 1)};
  const CSource c = c_source(p, "model", tests, 0, extras);
  CHECK(c.header.find("#define MODEL_HEAD_BYTES 16\n") != std::string::npos);
  CHECK(c.header.find("16 bytes more of RAM (model_head)") != std::string::npos);
  CHECK(c.source.find("sizeof(model_head) == MODEL_HEAD_BYTES") != std::string::npos);
  const CSource plain = c_source(p, "model", tests);
  CHECK(plain.tuner.empty());
  for (const std::string& text : {plain.header, plain.source, plain.self_test, plain.driver}) {
    CHECK(text.find("head") == std::string::npos);
  }
}

}  // namespace
}  // namespace bitstate::tests::c_tuning_test

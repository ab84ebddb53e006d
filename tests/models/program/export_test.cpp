// The exported integer program against the quantized forward, code for code.
#include "core/program/run/runner.h"
#include "core/random.h"
#include "tests/support/models/random_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace bitstate::tests::export_test {
namespace {

using program::Runner;

/// A sequence in pieces of random lengths.
std::vector<std::int32_t> streamed(const Runner& runner, std::span<const std::int32_t> input, std::uint64_t seed) {
  const Random random{seed, 0};
  const std::size_t width = runner.header().input.cols;
  const std::size_t steps = input.size() / width;
  std::vector<std::int32_t> output(runner.per_step() ? steps * runner.output_cols() : runner.output_cols());
  program::State state = runner.begin();
  std::uint64_t draw = 0;
  for (std::size_t t = 0; t < steps;) {
    const std::size_t count = std::min<std::size_t>(steps - t, random.below(5, draw++));
    const std::size_t from = runner.per_step() ? t * runner.output_cols() : 0;
    const std::size_t size = runner.per_step() ? count * runner.output_cols() : 0;
    runner.step(state, input.subspan(t * width, count * width), std::span(output).subspan(from, size));
    t += count;
  }
  if (!runner.per_step()) runner.result(state, output);
  return output;
}

bool has_sheared_scan(const program::Program& p) {
  return std::any_of(p.instructions.begin(), p.instructions.end(),
                     [](const program::Instruction& i) { return std::holds_alternative<program::ScanShear>(i); });
}

TEST_CASE(
    "export: the program of 1,000 and more random models gives the codes of the quantized forward, on every "
    "instruction set") {
  std::size_t programs = 0, bidirectional = 0, sheared = 0, sequences = 0;
  for (std::uint64_t number = 0; number < 2000; ++number) {
    CAPTURE(number);
    const auto random = random_program(number);
    if (!random) continue;
    ++programs;
    bidirectional += program::can_stream(random->program) ? 0 : 1;
    sheared += has_sheared_scan(random->program) ? 1 : 0;
    sequences += random->sequences.size();
    for (const program::Isa isa : program::instruction_sets) {
      if (!program::is_available(isa)) continue;
      CAPTURE(program::name_of(isa));
      const Runner runner(random->program, isa);
      for (const RandomSequence& sequence : random->sequences) {
        CHECK(runner.run(sequence.input) == sequence.expected);
        if (runner.streams()) CHECK(streamed(runner, sequence.input, number) == sequence.expected);
      }
    }
  }
  CHECK(programs >= 1000);
  CHECK(bidirectional >= 100);
  CHECK(sheared >= 100);
  CHECK(sequences >= 1500);
}

TEST_CASE("export: a backward scan begins in the padding, as in training") {
  std::size_t programs = 0;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    CAPTURE(number);
    const auto random = padded_program(number);
    if (!random) continue;
    ++programs;
    CHECK(Runner(random->program).run(random->sequences.at(0).input) == random->sequences.at(0).expected);
  }
  CHECK(programs >= 30);
}

}  // namespace
}  // namespace bitstate::tests::export_test

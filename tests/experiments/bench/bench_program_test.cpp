#include "experiments/bench/bench_program.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <vector>

namespace bitstate::experiments {
namespace {

using namespace program;  // NOLINT(google-build-using-namespace): the instructions

/// Three columns; `backward` cannot stream.
Program small_program(bool backward) {
  Program p;
  p.input.cols = 2;
  p.input.grid = {1.0F, -3, 4};
  Scan scan;
  scan.backward = backward;
  scan.shift = 15;
  scan.lambda_bits = 17;
  scan.bound = 127;
  scan.limit = 4 * 127 << 15;
  scan.to_state = scan.to_inner = {1 << 30, 30};
  scan.lambda.assign(2, 20000);
  scan.from_input.assign(2, {1 << 30, 30});
  p.instructions.emplace_back(scan);
  Linear linear;
  linear.x = 1;
  linear.weight = {3, 2, 8, std::vector<std::int32_t>(6, -5)};
  linear.bias.assign(3, 7);
  p.instructions.emplace_back(linear);
  p.output.scale = {1.0F};
  return p;
}

TEST_CASE("bench program: every instruction set of this machine is timed, and the float model with it") {
  int sequences = 0;
  const ProgramSpeed speed = bench_program(
      small_program(false), 50, [&] { ++sequences; }, 0.02);
  CHECK(speed.length == 50);
  CHECK(sequences > 1);
  CHECK(speed.float_sequence_seconds < 0.02);
  std::size_t available = 0;
  for (const Isa isa : instruction_sets) available += is_available(isa) ? 1 : 0;
  REQUIRE(speed.isas.size() == available);
  CHECK(speed.isas[0].isa == Isa::plain);
  for (const IsaSpeed& s : speed.isas) {
    CAPTURE(name_of(s.isa));
    CHECK(s.sequence_seconds > 0.0);
    CHECK(s.sequence_seconds < 0.02);
    CHECK(s.step_seconds > 0.0);
    CHECK(s.step_seconds < 0.02);
    CHECK(s.speedup >= 0.0);
  }
}

TEST_CASE("bench program: no streaming figures for a program that cannot, no ratio without a float model") {
  const ProgramSpeed speed = bench_program(small_program(true), 5, {}, 0.0);
  CHECK(speed.float_sequence_seconds == 0.0);
  for (const IsaSpeed& s : speed.isas) {
    CHECK(s.sequence_seconds > 0.0);
    CHECK(s.step_seconds == 0.0);
    CHECK(s.speedup == 0.0);
  }
  CHECK_THROWS_AS(static_cast<void>(bench_program(small_program(false), 0, {})), Error);
}

}  // namespace
}  // namespace bitstate::experiments

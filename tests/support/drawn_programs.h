// Programs of drawn numbers, which all instruction sets must run as the formulas say.
#pragma once

#include "core/program/run/runner.h"
#include "core/random.h"
#include "tests/support/plain_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bitstate::tests::drawn {

using namespace program;  // NOLINT(google-build-using-namespace): the instructions

/// Draws integers; every third is a bound.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_{seed, 0} {}
  std::int64_t operator()(std::int64_t lo, std::int64_t hi) {
    const std::uint64_t draw = random_.below(6 * (static_cast<std::uint64_t>(hi - lo) + 1), count_++);
    if (draw % 6 < 2) return draw % 6 == 0 ? lo : hi;
    return lo + static_cast<std::int64_t>(draw / 6);
  }
  std::int32_t code(std::int64_t lo, std::int64_t hi) { return static_cast<std::int32_t>((*this)(lo, hi)); }
  std::vector<std::int32_t> codes(std::size_t n, std::int64_t lo, std::int64_t hi) {
    std::vector<std::int32_t> y(n);
    for (std::int32_t& v : y) v = code(lo, hi);
    return y;
  }
  FixedPoint factor(std::int64_t least_shift, std::int64_t greatest_shift) {
    if ((*this)(0, 9) == 5) return {};
    return {(*this)(std::int64_t{1} << 30, std::int64_t{0x7fffffff}), (*this)(least_shift, greatest_shift)};
  }
  std::vector<FixedPoint> factors(std::size_t n, std::int64_t least_shift, std::int64_t greatest_shift) {
    std::vector<FixedPoint> y;
    for (std::size_t i = 0; i < n; ++i) y.push_back(factor(least_shift, greatest_shift));
    return y;
  }

 private:
  Random random_;
  std::uint64_t count_ = 0;
};

/// Codes of an operand.
struct Interval {
  std::int64_t lo, hi;
  [[nodiscard]] std::int64_t magnitude() const { return std::max(hi, -lo); }
};

/// 8 bits, less and more than that by one, 16 bits, more; up to 31.
inline constexpr Interval intervals[] = {
    {-128, 127}, {-127, 127},     {-129, 127},      {-128, 128}, {0, 255},
    {-255, 0},   {-32768, 32767}, {-40000, -39000}, {-1, 1},     {-(1 << 29), (1 << 29) + 7}};

inline Program program_of(std::size_t cols, Interval in, std::vector<Instruction> instructions) {
  Program p;
  p.input.cols = static_cast<std::uint32_t>(cols);
  p.input.grid = {1.0F, static_cast<std::int32_t>(in.lo), static_cast<std::int32_t>(in.hi)};
  p.instructions = std::move(instructions);
  p.output.scale = {1.0F};
  return p;
}

/// All instruction sets give the formulas' codes, in one piece and row by row.
inline void check_program(const Program& p, std::size_t rows, Draw& draw) {
  const auto input = draw.codes(rows * p.input.cols, p.input.grid.lo, p.input.grid.hi);
  const auto expected = plain_run(p, input);
  for (const Isa isa : instruction_sets) {
    if (!is_available(isa)) continue;
    CAPTURE(name_of(isa));
    CAPTURE(p.input.cols);
    CAPTURE(p.input.grid.lo);
    CAPTURE(rows);
    const Runner runner(p, isa);
    REQUIRE(runner.run(input) == expected);
    if (!runner.streams() || !runner.per_step()) continue;
    State state = runner.begin();
    std::vector<std::int32_t> output(expected.size());
    for (std::size_t r = 0; r < rows; ++r) {
      runner.step(state, std::span(input).subspan(r * p.input.cols, p.input.cols),
                  std::span(output).subspan(r * runner.output_cols(), runner.output_cols()));
    }
    REQUIRE(output == expected);
  }
}

/// A rescale of value x whose results fit `bits` bits.
inline Rescale any_rescale(Ref x, std::size_t cols, Draw& draw) {
  const std::int64_t least = draw(0, 1) == 0 ? 1 : 32;  // all shifts of 32 and more have their own path
  const std::size_t factors = draw(0, 1) == 0 ? 1 : cols;
  const std::size_t bounds = draw(0, 1) == 0 ? 1 : cols;
  const std::int64_t bound = (std::int64_t{1} << draw(1, 31)) - 1;
  Rescale r{x, draw.factors(factors, least, 62), {}, {}};
  for (std::size_t i = 0; i < bounds; ++i) {
    r.lo.push_back(draw.code(-bound, 0));
    r.hi.push_back(draw.code(r.lo[i], bound));
  }
  return r;
}

/// `first` (the instructions up to value n) alone, with a rescale behind, and with a rescale while it is read twice.
inline void check_with_rescale(std::size_t cols, Interval in, const std::vector<Instruction>& first,
                               std::size_t out_cols, std::size_t rows, Draw& draw) {
  check_program(program_of(cols, in, first), rows, draw);
  const auto n = static_cast<Ref>(first.size());
  std::vector<Instruction> more = first;
  more.emplace_back(any_rescale(n, out_cols, draw));
  check_program(program_of(cols, in, more), rows, draw);
  more.emplace_back(Concatenate{n, n + 1});
  check_program(program_of(cols, in, more), rows, draw);
}

/// Rows of all remainders of a tile, some more than a chunk.
inline std::size_t any_rows(std::size_t cols) { return cols % 21 == 0 ? 37 : 1 + cols % 5; }

/// Behind four products, which give u, dt, B and C of one input.
inline std::vector<Instruction> drawn_selective(std::uint32_t heads, std::uint32_t of_head, std::uint32_t groups,
                                                std::uint32_t states, Draw& draw) {
  const std::uint32_t cols = heads * of_head;
  std::vector<Instruction> code;
  const auto operand = [&](std::uint32_t width, std::int32_t bound) {
    code.emplace_back(
        program::Linear{0, {width, 3, 8, draw.codes(3 * width, -128, 127)}, draw.codes(width, -999, 999)});
    code.emplace_back(program::Rescale{static_cast<Ref>(code.size()), {draw.factor(34, 37)}, {-bound}, {bound}});
    return static_cast<Ref>(code.size());
  };
  program::SelectiveScan scan;
  scan.u = operand(cols, draw(0, 1) == 0 ? 127 : 32767);
  const std::int32_t steps = draw(0, 1) == 0 ? 127 : 2047;
  scan.dt = operand(heads, steps);
  scan.b = operand(groups * states, 127);
  scan.c = operand(groups * states, 127);
  scan.backward = draw(0, 3) == 0;
  scan.residue = static_cast<Residue>(draw(0, 2));
  scan.groups = groups;
  scan.states = states;
  scan.first = -steps;
  scan.fraction = draw.code(4, 20);
  scan.input_bound = draw(0, 1) == 0 ? 127 : 32767;
  scan.bound = draw(0, 1) == 0 ? 127 : 32767;
  scan.limit = std::int64_t{4} * scan.bound << 15;
  for (std::int32_t c = -steps; c <= steps; ++c) {
    const double step = std::log1p(std::exp(8.0 * c / steps));
    scan.delta.push_back(static_cast<std::int32_t>(step * std::pow(2.0, std::min(scan.fraction, 13)) + 0.5));
  }
  const bool per_state = draw(0, 1) == 0;
  scan.rate = {heads, per_state ? states : 1, 32, draw.codes(heads * (per_state ? states : 1), 0, 1 << 21)};
  scan.to_input = draw.factors(cols, 38, 48);
  scan.to_inner = draw.factors(cols, 22, 34);
  code.emplace_back(scan);
  return code;
}

}  // namespace bitstate::tests::drawn

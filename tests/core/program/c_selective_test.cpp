// The instructions of selective models in C: drawn programs, classes of steps, and sums at the end of 32 bits.
#include "core/exp2.h"
#include "core/program/c/source.h"
#include "core/program/run/runner.h"
#include "tests/support/c_build.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/folders.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::c_selective_test {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

/// Programs that are compiled together and run on random codes.
class Drawn {
 public:
  void add(const Program& p) {
    std::vector<CTestSequence> sequences;
    for (const std::size_t steps : {40U, 1U, 2U, 9U}) {
      sequences.push_back(random_sequence(p, steps, seed_++));
      codes_ += sequences.back().expected.size();
    }
    programs_.add(p, sequences);
  }
  /// Alone, and with a rescale behind it, so that its sums are scratch.
  void add(std::size_t cols, Interval in, const std::vector<Instruction>& first, std::size_t out_cols, Draw& draw) {
    add(program_of(cols, in, first));
    std::vector<Instruction> more = first;
    more.emplace_back(any_rescale(static_cast<Ref>(first.size()), out_cols, draw));
    add(program_of(cols, in, more));
  }
  void check() const {
    MESSAGE("sequences: ", seed_, ", codes: ", codes_);
    programs_.check({sanitizing_cc, "cc -O3"});
  }

 private:
  CPrograms programs_;
  std::uint64_t seed_ = 0;
  std::size_t codes_ = 0;
};

TEST_CASE("c_source: RMS norms of one and of more groups, narrow and wide") {
  if (no_compiler()) return;
  Draw draw(21);
  Drawn programs;
  for (std::size_t groups = 1; groups <= 3; ++groups) {
    for (const std::size_t width : {1U, 2U, 5U, 16U}) {
      const std::size_t cols = groups * width;
      for (const std::int64_t bound : {std::int64_t{127}, std::int64_t{32767}, std::int64_t{1} << 26}) {
        const std::int64_t gamma = draw(0, 1) == 0 ? 127 : 32767;
        RmsNorm norm{0, draw.codes(cols, -gamma, gamma), static_cast<std::uint32_t>(groups), 0, 1};
        while (gamma << (norm.fraction + 1) < std::int64_t{1} << 30) ++norm.fraction;
        norm.epsilon = draw(1, std::int64_t{1} << draw(0, 60));
        programs.add(cols, {-bound, bound}, {norm}, cols, draw);
      }
    }
  }
  programs.check();
}

TEST_CASE("c_source: one table, one for each column, and tables that columns share") {
  if (no_compiler()) return;
  Draw draw(20);
  Drawn programs;
  for (const std::size_t cols : {1U, 4U, 9U}) {
    for (const std::int64_t bound : {std::int64_t{100}, std::int64_t{2047}}) {
      for (const std::int32_t bits : {2, 8, 16}) {
        const auto size = static_cast<std::uint32_t>(2 * bound + 3);
        for (const std::size_t tables : {std::size_t{1}, cols, std::size_t{3}}) {
          const std::int64_t end = std::int64_t{1} << (bits - 1);
          Table table{0, static_cast<std::int32_t>(-bound - 1), {static_cast<std::uint32_t>(tables), size, 16, {}}};
          table.entries.codes = draw.codes(tables * size, -end, end - 1);
          if (tables == 3) table.of_column = draw.codes(cols, 0, 2);
          programs.add(program_of(cols, {-bound, bound}, {table}));
        }
      }
    }
  }
  programs.check();
}

TEST_CASE("c_source: token tables of few bits, whose rows have steps") {
  if (no_compiler()) return;
  Draw draw(25);
  Drawn programs;
  for (const std::uint32_t bits : {2U, 3U, 4U, 8U}) {
    for (const std::uint32_t cols : {1U, 5U, 8U}) {
      Program p;
      p.input = {1, true, false, {1.0F, 0, 6}};
      const std::int64_t end = (std::int64_t{1} << (bits - 1)) - 1;
      Matrix table{7, cols, 16, draw.codes(std::size_t{7} * cols, -end, end), {bits, cols, 16, 32767, {}}};
      for (std::size_t v = 0; v < 7; ++v) {
        table.levels.steps.push_back(static_cast<std::int32_t>(draw(0, std::int64_t{1} << draw(1, 30))));
      }
      for (std::size_t k = 0; k < table.codes.size(); ++k) {
        table.codes[k] = table.levels.code_of(table.codes[k], table.levels.steps[k / cols]);
      }
      p.instructions.emplace_back(Embedding{0, table});
      p.output = {true, {1.0F}};
      programs.add(p);
    }
  }
  programs.check();
}

TEST_CASE("c_source: convolutions of all widths of weights, codes and windows, in both directions") {
  if (no_compiler()) return;
  Draw draw(22);
  Drawn programs;
  for (const std::size_t cols : {1U, 3U, 8U}) {
    for (std::size_t taps = 1; taps <= 9; taps += 1 + taps / 4) {
      for (const std::int32_t bits : {2, 4, 8, 16}) {
        const std::int64_t end = std::int64_t{1} << (bits - 1);
        const std::int64_t bound = bits == 16 ? 127 : 32767;
        const auto rows = static_cast<std::uint32_t>(cols), columns = static_cast<std::uint32_t>(taps);
        const Conv conv{0,
                        draw(0, 2) == 0,
                        {rows, columns, static_cast<std::uint32_t>(bits), draw.codes(cols * taps, -end, end - 1)},
                        draw.codes(cols, -(1 << 29), 1 << 29)};
        programs.add(cols, {-bound, bound}, {conv}, cols, draw);
      }
    }
  }
  programs.check();
}

TEST_CASE("c_source: selective scans with a rate per state and per head, with and without a residue") {
  if (no_compiler()) return;
  Draw draw(23);
  Drawn programs;
  std::size_t rates_of_states = 0, residues = 0, backward = 0;
  for (std::uint32_t states = 1; states <= 17; ++states) {
    for (std::uint32_t groups = 1; groups <= 2; ++groups) {
      const std::uint32_t heads = groups * (1 + states % 3);
      const auto code = drawn_selective(heads, 1 + states % 4, groups, states, draw);
      const auto& scan = std::get<SelectiveScan>(code.back());
      rates_of_states += scan.rate.cols > 1 ? 1 : 0;
      residues += scan.residue != Residue::none ? 1 : 0;
      backward += scan.backward ? 1 : 0;
      programs.add(program_of(3, {-127, 127}, code));
    }
  }
  CHECK(std::min(rates_of_states, 34 - rates_of_states) > 5);
  CHECK(std::min(residues, 34 - residues) > 5);
  CHECK(backward > 2);
  programs.check();
}

/// h itself, of a state with the slowest decay, whose input is the product of the two columns times 2^14.
Program edge_program(std::int32_t bound, std::int64_t limit) {
  const auto row = [](std::int32_t first, std::int32_t second, std::int32_t bias) {
    return Linear{0, {1, 2, 2, {first, second}}, {bias}};
  };
  SelectiveScan scan;
  scan.u = 1;
  scan.dt = 2;
  scan.b = 3;
  scan.c = 4;
  scan.residue = Residue::feedback;
  scan.fraction = 1;
  scan.input_bound = 32767;
  scan.bound = bound;
  scan.limit = limit;
  scan.delta = {1};
  scan.rate = {1, 1, 2, {0}};
  scan.to_input = {{1 << 30, 30}};
  scan.to_inner = {{1 << 30, 16}};
  return program_of(2, {-512, 512}, {row(1, 0, 0), row(0, 0, 0), row(0, 1, 0), row(0, 0, 1), scan});
}

TEST_CASE("c_source: what is cut to 32 bits clamps the widest state, and nothing else") {
  if (no_compiler()) return;
  CPrograms programs;
  for (const std::int32_t bound : {8191, 16383, 16384, 32766, 32767}) {
    for (const std::int64_t limit : {std::int64_t{1} << 29, std::int64_t{2147450878}, std::int64_t{2147450879},
                                     std::int64_t{4} * bound << 15, std::int64_t{1} << 40}) {
      const Program p = edge_program(bound, limit);
      std::vector<CTestSequence> sequences;
      // to -32767 with the residue -2^14, from there far beyond the other end, and on with what is kept
      const std::vector<std::int32_t> across{-255, 257, 512, 512, 0, 0, 255, 257, -512, 512, 0, 0};
      sequences.push_back({across, plain_run(p, across)});
      for (std::uint64_t seed = 0; seed < 5; ++seed) {
        CTestSequence drawn_codes = random_sequence(p, 100, seed);
        CHECK(drawn_codes.expected == plain_run(p, drawn_codes.input));
        sequences.push_back(std::move(drawn_codes));
      }
      programs.add(p, sequences);
    }
  }
  programs.check({sanitizing_cc, "cc -O3"});
}

/// The same with 16 states, which vectors take at once.
Program sixteen_of(Program p) {
  auto& scan = std::get<SelectiveScan>(p.instructions.back());
  for (const Ref x : {scan.b, scan.c}) {
    auto& row = std::get<Linear>(p.instructions[x - 1]);
    const Matrix one = row.weight;
    for (std::size_t n = 1; n < 16; ++n) {
      row.weight.codes.insert(row.weight.codes.end(), one.codes.begin(), one.codes.end());
      row.bias.push_back(row.bias[0]);
    }
    row.weight.rows = 16;
  }
  scan.states = 16;
  scan.rate = {1, 16, scan.rate.bits, std::vector<std::int32_t>(16, scan.rate.codes[0])};
  return p;
}

TEST_CASE("selective kernels: what vectors cut to 32 bits clamps the widest state, and nothing else") {
  for (const std::int32_t bound : {8191, 16383, 16384, 32766, 32767}) {
    const Program p = sixteen_of(edge_program(bound, std::int64_t{4} * bound << 15));
    const std::vector<std::int32_t> across{-255, 257, 512, 512, 0, 0, 255, 257, -512, 512, 0, 0};
    for (const Isa isa : instruction_sets) {
      if (is_available(isa)) CHECK(Runner(p, isa).run(across) == plain_run(p, across));
    }
  }
}

/// h itself, of a state whose input is the only column.
Program unit_program(Residue residue, std::int32_t rate) {
  const auto constant = [](std::int32_t bias) { return Linear{0, {1, 1, 2, {0}}, {bias}}; };
  SelectiveScan scan;
  scan.u = 0;
  scan.dt = 1;
  scan.b = scan.c = 2;
  scan.residue = residue;
  scan.fraction = 10;
  scan.input_bound = scan.bound = 32767;
  scan.limit = std::int64_t{4} * scan.bound << 15;
  scan.delta = {1 << 10};
  scan.rate = {1, 1, 20, {rate}};
  scan.to_input = {{1 << 30, 40}};
  scan.to_inner = {{1 << 30, 30}};
  return program_of(1, {-32767, 32767}, {constant(0), constant(1), scan});
}

/// Inputs with which z is at the end of a code or one below, so that h is another where a part of z is off by one.
std::vector<std::int32_t> inputs_at_ends(Residue residue, std::int32_t rate, Draw& draw) {
  const std::int64_t decay = decay_code(rate);
  std::int64_t h = 0, e = 0;
  std::vector<std::int32_t> inputs;
  for (std::size_t t = 0; t < 400; ++t) {
    const std::int64_t kept = decay * h + (residue == Residue::decayed ? (decay * e + 16384) >> 15 : e);
    const std::int64_t to_end = (-kept - 16384) & 32767;
    const std::int64_t w = std::max<std::int64_t>(to_end - draw(0, 1) - 32768 * draw(0, 1), -32767);
    h = (kept + w + 16384) >> 15;
    e = residue == Residue::none ? 0 : kept + w - 32768 * h;
    inputs.push_back(static_cast<std::int32_t>(w));
  }
  return inputs;
}

TEST_CASE("c_source: each unit of a decay and of a residue shows") {
  if (no_compiler()) return;
  Draw draw(25);
  CPrograms programs;
  for (const Residue residue : {Residue::none, Residue::feedback, Residue::decayed}) {
    for (const std::int32_t rate : {0, 1, 2, 300, 3000, 20000, 65536, 100000}) {
      const Program p = unit_program(residue, rate);
      const std::vector<std::int32_t> inputs = inputs_at_ends(residue, rate, draw);
      const CTestSequence sequence{inputs, plain_run(p, inputs)};
      CHECK(Runner(p).run(inputs) == sequence.expected);
      programs.add(p, {sequence});
    }
  }
  programs.check({sanitizing_cc, "cc -O3"});
}

TEST_CASE("c_source: tokens in, a class per step out, step by step and as whole sequences") {
  if (no_compiler()) return;
  Program p = small_selective_program();
  auto& head = std::get<program::Linear>(p.instructions.back());
  head.weight.codes = {3, -3, 3, -3, -4, 1};  // two equal logits
  head.bias = {2, 2, 0};
  CPrograms programs;
  for (const bool backward : {false, true}) {
    std::get<Conv>(p.instructions[3]).backward = backward;
    std::get<SelectiveScan>(p.instructions[5]).backward = backward;
    std::vector<CTestSequence> sequences;
    for (std::uint64_t seed = 0; seed < 50; ++seed) sequences.push_back(random_sequence(p, 1 + seed, seed));
    programs.add(p, sequences);
  }
  programs.check({sanitizing_cc, "cc -O3"});
  const std::string header = c_source(p, "model", std::vector{random_sequence(p, 3, 1)}).header;
  CHECK(header.find("int model_classify(const int32_t *output);") != std::string::npos);
}

TEST_CASE("c_source: a state that is saved as bytes goes on where it was, and so do its classes") {
  if (no_compiler()) return;
  const Program p = small_selective_program();
  const TempFolder folder;
  const CTestSequence sequence = random_sequence(p, 60, 7);
  write_c(folder, c_source(p, "model", std::vector{sequence}));
  write_quickly(folder / "main.c", fmt::format(R"(#include "model.h"
#include <stdio.h>
#include <string.h>
int main(void) {{
  static const int8_t ids[60] = {{{}}};
  unsigned char bytes[sizeof(model_state)];
  int32_t y[MODEL_OUTPUTS];
  int t;
  model_state first;
  model_init(&first);
  memcpy(bytes, &first, sizeof first);
  for (t = 0; t < 60; ++t) {{
    model_state other;
    memcpy(&other, bytes, sizeof other);
    model_step(&other, ids + t, y);
    memcpy(bytes, &other, sizeof other);
    printf("%d ", model_classify(y));
  }}
  return 0;
}}
)",
                                               fmt::join(sequence.input, ", ")));
  REQUIRE(compile(folder, sanitizing_cc, "model.c main.c -o main").output.empty());
  std::string expected;
  for (auto row = sequence.expected.begin(); row != sequence.expected.end(); row += 3) {
    expected += fmt::format("{} ", std::max_element(row, row + 3) - row);
  }
  CHECK(shell((folder / "main").string()).output == expected);
}

TEST_CASE("c_source: a small selective program gives the same hash on Cortex-M3, M4 and M7 under QEMU") {
  const Program p = small_selective_program();
  const TempFolder folder;
  std::vector<CTestSequence> sequences;
  for (std::uint64_t seed = 0; seed < 20; ++seed) sequences.push_back(random_sequence(p, 50, seed));
  write_c(folder, c_source(p, "model", sequences));
  const auto script = source_folder() / "tests" / "command_line" / "long_c_targets.sh";
  const Outcome outcome = shell(fmt::format("bash '{}' '{}'", script.string(), folder.path().string()));
  if (outcome.code == 77) {
    MESSAGE("skipped: ", outcome.output);
    return;
  }
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
}

TEST_CASE("c_source: the tables of a decay are written once for all scans") {
  Draw draw(24);
  std::vector<Instruction> code = drawn_selective(3, 1, 1, 2, draw);
  std::get<SelectiveScan>(code.back()).backward = false;
  SelectiveScan again = std::get<SelectiveScan>(code.back());
  code.emplace_back(again);
  const Program p = program_of(3, {-127, 127}, code);
  const std::string source = c_source(p, "model", std::vector{random_sequence(p, 3, 1)}).source;
  const std::size_t first = source.find("[256]");
  REQUIRE(first != std::string::npos);
  const std::size_t second = source.find("[256]", first + 1);
  REQUIRE(second != std::string::npos);
  CHECK(source.find("[256]", second + 1) == std::string::npos);
}

}  // namespace
}  // namespace bitstate::tests::c_selective_test

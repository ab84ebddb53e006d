// The C of random programs, compiled by the compilers of this host: no warning, no undefined behaviour, every code.
#include "core/program/c_source.h"

#include "core/error.h"
#include "core/program/runner.h"
#include "core/random.h"
#include "tests/support/random_program.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bitstate::tests {
namespace {

using program::CSource;
using program::CTestSequence;
using program::Program;

constexpr std::string_view warnings = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror";

struct Outcome {
  int code = -1;
  std::string output;
};

Outcome shell(const std::string& command) {
  Outcome outcome;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

bool there_is(const std::string& tool) { return shell(fmt::format("command -v {}", tool)).code == 0; }

/// Codes from the whole of the input's interval, its ends more often than others.
CTestSequence random_sequence(const Program& program, std::size_t steps, std::uint64_t seed) {
  const Random random{seed, 1};
  const auto& [lo, hi] = std::pair{program.input.grid.lo, program.input.grid.hi};
  CTestSequence sequence;
  for (std::size_t i = 0; i < steps * program.input.cols; ++i) {
    const std::uint64_t draw = random.below(4, 2 * i);
    const auto any = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(hi - lo), 2 * i + 1));
    std::int32_t code = draw == 0 ? lo : (draw == 1 ? hi : lo + any);
    if (program.input.one_bit && code == 0) code = 1;
    sequence.input.push_back(code);
  }
  sequence.expected = program::Runner(program).run(sequence.input);
  return sequence;
}

struct Example {
  std::uint64_t number;
  Program program;
  std::vector<CTestSequence> tests;
};

/// The first random programs that can stream, with the codes of the quantized forward and of the runner.
std::vector<Example> examples(std::size_t count) {
  std::vector<Example> found;
  for (std::uint64_t number = 0; found.size() < count; ++number) {
    auto random = random_program(number);
    if (!random || !program::can_stream(random->program)) continue;
    Example example{number, random->program, {}};
    for (const RandomSequence& s : random->sequences) example.tests.push_back({s.input, s.expected});
    example.tests.push_back(random_sequence(random->program, 40, number));
    found.push_back(std::move(example));
  }
  return found;
}

void write_files(const TempFolder& folder, const CSource& c) {
  write_quickly(folder / "model.h", c.header);
  write_quickly(folder / "model.c", c.source);
  write_quickly(folder / "model_test.c", c.self_test);
}

/// Compiles and runs the self-test: the compiler has nothing to say, and the hash is that of the expected codes.
void check_c(const Example& example, const std::vector<std::string>& compilers) {
  CAPTURE(example.number);
  const TempFolder folder;
  write_files(folder, program::c_source(example.program, "model", example.tests));
  const std::string expected = fmt::format("model: hash {:016x}, 0 wrong\n", program::c_test_hash(example.tests));
  for (const std::string& compiler : compilers) {
    CAPTURE(compiler);
    const Outcome compiled = shell(
        fmt::format("cd {} && {} {} model.c model_test.c -o model_test", folder.path().string(), compiler, warnings));
    CHECK(compiled.output == "");
    REQUIRE(compiled.code == 0);
    const Outcome run = shell((folder / "model_test").string());
    CHECK(run.output == expected);
    CHECK(run.code == 0);
  }
}

/// What the C of a program has to be able to do.
std::map<std::string, std::size_t> features(const std::vector<Example>& examples) {
  std::map<std::string, std::size_t> count;
  for (const Example& example : examples) {
    const Program& p = example.program;
    ++count[p.output.classes ? "classifier" : "regressor"];
    if (p.input.tokens) ++count["tokens"];
    if (p.input.one_bit) ++count["one-bit input"];
    for (const program::Instruction& instruction : p.instructions) {
      ++count[std::string(program::name_of(instruction))];
      if (const auto* const scan = std::get_if<program::Scan>(&instruction)) {
        ++count[scan->shift >= 0 ? "shift" : "factor"];
        ++count[scan->feedback ? "feedback" : "nearest"];
      }
      if (const auto* const add = std::get_if<program::AddRow>(&instruction)) {
        const auto negative = [](const FixedPoint& f) { return f.multiplier < 0; };
        if (std::any_of(add->factor.begin(), add->factor.end(), negative)) ++count["negative factor"];
      }
    }
  }
  return count;
}

TEST_CASE("c_source: random programs in C give every code of the quantized forward, as compiled by cc -O2") {
  if (!there_is("cc")) {
    MESSAGE("skipped: there is no C compiler cc");
    return;
  }
  const auto all = examples(40);
  for (const Example& example : all) check_c(example, {"cc -O2"});
  auto found = features(all);
  for (const auto& [k, v] : found) MESSAGE(k, " ", v);
}

}  // namespace
}  // namespace bitstate::tests

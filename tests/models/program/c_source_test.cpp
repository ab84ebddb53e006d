// The C of programs, compiled by the compilers of this host: no warning, no undefined behaviour, every code.
#include "core/program/c/source.h"

#include "core/error.h"
#include "tests/support/c_build.h"
#include "tests/support/models/random_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bitstate::tests::c_source_test {
namespace {

using program::CTestSequence;
using program::Program;

struct Example {
  std::uint64_t number;
  Program program;
  std::vector<CTestSequence> tests;
};

/// `count` random programs that can stream, or that cannot, with codes of the quantized forward and of the runner.
std::vector<Example> examples(std::uint64_t first, std::size_t count, bool streams = true) {
  std::vector<Example> found;
  for (std::uint64_t number = first; found.size() < count; ++number) {
    auto random = random_program(number);
    if (!random || program::can_stream(random->program) != streams) continue;
    Example example{number, random->program, {}};
    for (const RandomSequence& s : random->sequences) example.tests.push_back({s.input, s.expected});
    example.tests.push_back(random_sequence(random->program, 40, number));
    found.push_back(std::move(example));
  }
  return found;
}

/// How often what the C of a program has to be able to do occurs.
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
        constexpr std::array<const char*, 3> residues{"nearest", "feedback", "decayed"};
        ++count[residues.at(static_cast<std::size_t>(scan->residue))];
      }
      if (const auto* const linear = std::get_if<program::Linear>(&instruction)) {
        const auto& codes = linear->weight.codes;
        if (std::all_of(codes.begin(), codes.end(), [](auto c) { return c == 1 || c == -1; })) ++count["one bit"];
      }
      if (const auto* const add = std::get_if<program::AddRow>(&instruction)) {
        const auto negative = [](const FixedPoint& f) { return f.multiplier < 0; };
        if (std::any_of(add->factor.begin(), add->factor.end(), negative)) ++count["negative factor"];
      }
    }
  }
  return count;
}

TEST_CASE("c_source: random programs in C give every code of the quantized forward, with and without a multiplier") {
  if (no_compiler()) return;
  auto all = examples(0, 34);
  for (Example& example : examples(288, 1)) all.push_back(std::move(example));
  auto found = features(all);
  CPrograms programs, narrow;
  for (const Example& example : all) {
    programs.add(example.program, example.tests);
    const program::CSource c = program::c_source(example.program, "model", example.tests);
    if (c.source.find("model_rows_") != std::string::npos) ++found["rows"];
    if (c.multiplier.empty()) continue;
    narrow.add(example.program, example.tests);
    if (c.source.find("model_scan_narrow_") != std::string::npos) ++found["narrow pairs"];
  }
  programs.check({"cc -O2", "cc -O2" + programs.with_pairs()});
  narrow.check({"cc -O2" + narrow.without_multiplier()});
  for (const char* const feature :
       {"classifier", "regressor", "tokens",     "one-bit input",   "one bit",    "shift",   "factor",
        "feedback",   "nearest",   "decayed",    "negative factor", "linear",     "rescale", "sign",
        "product",    "scale",     "sum",        "add_row",         "layer_norm", "table",   "embedding",
        "mean_pool",  "last",      "scan_shear", "narrow pairs",    "rows"}) {
    CAPTURE(feature);
    CHECK(found[feature] > 0);
  }
}

TEST_CASE("c_source: bidirectional models run on whole sequences, padded ones too") {
  if (no_compiler()) return;
  std::size_t pools = 0, rows = 0;
  CPrograms whole, padded;
  for (Example& example : examples(0, 8, false)) {
    (example.program.output.classes ? pools : rows) += 1;
    whole.add(example.program, example.tests);
    example.program.padded_length = 50;
    padded.add(example.program, {random_sequence(example.program, 40, 1), random_sequence(example.program, 50, 2),
                                 random_sequence(example.program, 1, 3), random_sequence(example.program, 60, 4)});
  }
  whole.check({"cc -O2"});
  padded.check({sanitizing_cc + padded.without_multiplier()});
  CHECK(pools > 0);
  CHECK(rows > 0);
}

TEST_CASE("c_source: every level of optimisation gives the same codes, and sanitizers have nothing to say") {
  if (no_compiler()) return;
  std::vector<std::string> compilers{sanitizing_cc};
  for (const char* const name : {"cc", "clang", "clang-14"}) {
    if (!there_is(name)) continue;
    for (const char* const level : {" -O0", " -O1", " -O3"}) compilers.push_back(name + std::string(level));
    if (name[1] == 'l') break;
  }
  CPrograms programs;
  for (const Example& example : examples(40, 4)) programs.add(example.program, example.tests);
  programs.check(compilers);
}

TEST_CASE("c_source: the object calls nothing, so no float helper; without stdio the self-test is only a function") {
  if (!there_is("cc") || !there_is("nm")) {
    MESSAGE("skipped: there is no cc, or no nm");
    return;
  }
  for (const Example& example : examples(0, 4)) {
    CAPTURE(example.number);
    const TempFolder folder;
    write_c(folder, program::c_source(example.program, "model", example.tests));
    REQUIRE(compile(folder, "cc -O3 -fno-stack-protector", "-DMODEL_BARE -c model.c model_test.c").code == 0);
    std::istringstream needed(shell("cd " + folder.path().string() + " && nm -u model.o model_test.o").output);
    const std::set<std::string> allowed{"model.o:",   "model_test.o:", "U",
                                        "memset",     "memcpy",        "model_init",
                                        "model_step", "model_logits",  "model_classify"};
    for (std::string word; needed >> word;) {
      CAPTURE(word);
      const bool global_offset_table = word == "_GLOBAL_OFFSET_TABLE_";
      CHECK((allowed.contains(word) || global_offset_table));
    }
  }
}

TEST_CASE("c_source: names, sequences and programs that have no C are refused with a sentence") {
  const Example example = std::move(examples(0, 1).front());
  const auto refusal = [&](const char* name) {
    return error_of<UsageError>([&] { (void)program::c_source(example.program, name, example.tests); });
  };
  for (const char* const name : {"", "1st", "_model", "a-b", "a b", "ä"}) {
    CAPTURE(name);
    CHECK(refusal(name).find("expected a name for C") != std::string::npos);
  }
  CHECK(refusal("Model_2").empty());
  const auto complaint = [&](const std::vector<CTestSequence>& tests) {
    return error_of<Error>([&] { (void)program::c_source(example.program, "model", tests); });
  };
  CHECK(complaint({}) == "[c_source] the self-test has no sequence");
  auto tests = example.tests;
  tests.back().expected.pop_back();
  CHECK(complaint(tests).find("expected codes for") != std::string::npos);
  tests = example.tests;
  tests.back().input.pop_back();
  CHECK(complaint(tests).find("are not a whole number of rows of") != std::string::npos);
  tests = example.tests;
  tests.back().input.front() = example.program.input.grid.hi + 1;
  CHECK(complaint(tests).find("has an input code outside") != std::string::npos);
  const Example both_ends = std::move(examples(0, 1, false).front());
  const auto too_long =
      error_of<Error>([&] { (void)program::c_source(both_ends.program, "model", both_ends.tests, 39); });
  CHECK(too_long ==
        "[c_source] a test sequence has 40 steps, but the C code of a bidirectional model takes at "
        "most 39");
}

}  // namespace
}  // namespace bitstate::tests::c_source_test

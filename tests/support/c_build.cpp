#include "tests/support/c_build.h"

#include "core/program/run/runner.h"
#include "core/random.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace bitstate::tests {

Outcome shell(const std::string& command) {
  Outcome outcome;
  std::FILE* const pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

bool there_is(const std::string& tool) { return shell("command -v " + tool).code == 0; }

bool no_compiler() {
  if (there_is("cc")) return false;
  MESSAGE("skipped: there is no C compiler cc");
  return true;
}

program::CTestSequence random_sequence(const program::Program& program, std::size_t steps, std::uint64_t seed) {
  const Random random{seed, 1};
  const Grid& grid = program.input.grid;
  const auto width = static_cast<std::uint64_t>(std::int64_t{grid.hi} - grid.lo);
  program::CTestSequence sequence;
  for (std::size_t i = 0; i < steps * program.input.cols; ++i) {
    const std::uint64_t draw = random.below(4, 2 * i);
    const auto offset = static_cast<std::int32_t>(random.below(width, 2 * i + 1));
    std::int32_t code = draw == 0 ? grid.lo : (draw == 1 ? grid.hi : grid.lo + offset);
    if (program.input.one_bit && code == 0) code = 1;
    sequence.input.push_back(code);
  }
  sequence.expected = program::Runner(program).run(sequence.input);
  return sequence;
}

void write_c(const TempFolder& folder, const program::CSource& c) {
  write_quickly(folder / "model.h", c.header);
  write_quickly(folder / "model.c", c.source);
  write_quickly(folder / "model_test.c", c.self_test);
}

Outcome compile(const TempFolder& folder, const std::string& compiler, const std::string& arguments) {
  return shell(fmt::format("cd {} && {} -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror {}",
                           folder.path().string(), compiler, arguments));
}

namespace {

/// Checks that the compiler makes, without a word, a program of the sources that prints what is expected.
void check_build(const TempFolder& folder, const std::string& compiler, const std::string& sources,
                 const std::string& expected) {
  CAPTURE(compiler);
  const Outcome compiled = compile(folder, compiler, sources + " -o self_test");
  CHECK(compiled.output.empty());
  CAPTURE(compiled.output);
  REQUIRE(compiled.code == 0);
  const Outcome run = shell((folder / "self_test").string());
  CHECK(run.output == expected);
  CHECK(run.code == 0);
}

std::string verdict(const std::string& name, const std::vector<program::CTestSequence>& tests) {
  return fmt::format("{}: hash {:016x}, 0 wrong\n", name, program::c_test_hash(tests));
}

}  // namespace

void check_c(const program::Program& program, const std::vector<program::CTestSequence>& tests,
             const std::vector<std::string>& compilers) {
  const TempFolder folder;
  write_c(folder, program::c_source(program, "model", tests));
  for (const std::string& compiler : compilers) {
    check_build(folder, compiler, "model.c model_test.c", verdict("model", tests));
  }
}

void CPrograms::add(const program::Program& program, const std::vector<program::CTestSequence>& tests,
                    const program::CExtras& extras) {
  const std::string name = fmt::format("model{}", count_++);
  const program::CSource c = program::c_source(program, name, tests, 0, extras);
  write_quickly(folder_ / (name + ".h"), c.header);
  write_quickly(folder_ / (name + ".c"), c.source);
  write_quickly(folder_ / (name + "_test.c"), c.self_test);
  includes_ += fmt::format("#define MODEL{}_BARE\n#include \"{}.c\"\n#include \"{}_test.c\"\n", count_ - 1, name, name);
  calls_ += fmt::format("  run(\"{}\", {}_self_test);\n", name, name);
  expected_ += verdict(name, tests);
  with_pairs_ += fmt::format(" -DMODEL{}_DSP=1", count_ - 1);
  with_vectors_ += fmt::format(" -DMODEL{}_HELIUM=1", count_ - 1);
  if (!c.multiplier.empty()) without_multiplier_ += fmt::format(" -D{}=0", c.multiplier);
}

CPrograms::CPrograms() : with_pairs_(" -I."), with_vectors_(" -I.") {
  write_quickly(folder_ / "arm_acle.h", R"(#ifndef ARM_ACLE_H
#define ARM_ACLE_H
#include <stdint.h>
static inline int32_t __smlad(int32_t a, int32_t b, int32_t sum) {
  return sum + (int16_t)a * (int16_t)b + (a >> 16) * (b >> 16);
}
#endif
)");
  write_quickly(folder_ / "arm_mve.h", R"(#ifndef ARM_MVE_H
#define ARM_MVE_H
#include <stdint.h>
#include <string.h>
typedef uint32_t uint32x4_t __attribute__((vector_size(16)));
typedef int16_t int16x8_t __attribute__((vector_size(16)));
typedef uint16_t mve_pred16_t;
static inline uint32x4_t vdupq_n_u32(uint32_t a) { return (uint32x4_t){a, a, a, a}; }
static inline mve_pred16_t vctp32q(uint32_t left) { return left < 4 ? (mve_pred16_t)left : 4; } /* lanes that count */
static inline uint32x4_t vldrwq_z_u32(const uint32_t *from, mve_pred16_t lanes) {
  uint32x4_t a = {0, 0, 0, 0};
  memcpy(&a, from, 4U * lanes);
  return a;
}
static inline uint32x4_t vandq_u32(uint32x4_t a, uint32x4_t b) { return a & b; }
static inline uint32x4_t vshrq_n_u32(uint32x4_t a, int n) { return a >> n; }
static inline int16x8_t vreinterpretq_s16_u32(uint32x4_t a) { return (int16x8_t)a; }
static inline int32_t vmladavaq_s16(int32_t sum, int16x8_t a, int16x8_t b) {
  int i;
  for (i = 0; i < 8; ++i) sum += a[i] * b[i];
  return sum;
}
#endif
)");
}

void CPrograms::check(const std::vector<std::string>& compilers) const {
  write_quickly(folder_ / "all.c", includes_ + R"(#include <stdio.h>
static void run(const char *name, uint32_t (*self_test)(uint64_t *)) {
  uint64_t hash;
  const uint32_t wrong = self_test(&hash);
  printf("%s: hash %016llx, %lu wrong\n", name, (unsigned long long)hash, (unsigned long)wrong);
  fflush(stdout); /* a sanitizer may end the next one */
}
int main(void) {
)" + calls_ + "  return 0;\n}\n");
  for (const std::string& compiler : compilers) check_build(folder_, compiler, "all.c", expected_);
}

}  // namespace bitstate::tests

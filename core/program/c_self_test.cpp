#include "core/program/c_header.h"
#include "core/program/c_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace bitstate::program {
namespace {

std::string array_text(unsigned bits, std::string_view name, std::span<const std::int64_t> numbers) {
  return fmt::format("static const {} {}[{}] = {{\n{}}};\n", c_type(bits), name, numbers.size(), c_list(numbers));
}

// $N: name, $C: its capitals, $T: sequences, $I: the input's type, $S: step and comparison, $H: the hash
constexpr std::string_view test_text = R"(
static $N_state $N_test_state;

/* Runs the sequences. Sets the FNV-1a hash of the output codes and returns how many codes are wrong; a wrong hash
   counts as one. */
uint32_t $N_self_test(uint64_t *hash);

static uint32_t $N_compare(uint64_t *hash, const int32_t *output, const int32_t *expected) {
  uint32_t wrong = 0, c, k;
  for (c = 0; c < $C_OUTPUTS; ++c) {
    wrong += output[c] != expected[c];
    for (k = 0; k < 32; k += 8) {
      *hash ^= ((uint32_t)output[c] >> k) & 255;
      *hash *= UINT64_C(1099511628211);
    }
  }
  return wrong;
}

uint32_t $N_self_test(uint64_t *hash) {
  static int32_t output[$C_OUTPUTS];
  const $I *input = $N_test_input;
  const int32_t *expected = $N_test_expected;
  uint32_t wrong = 0, i, t;
  *hash = UINT64_C(14695981039346656037);
  for (i = 0; i < $T; ++i) {
    $N_init(&$N_test_state);
    for (t = 0; t < $N_test_steps[i]; ++t) {
$S  }
  return wrong + (*hash != UINT64_C($H));
}

#ifndef $C_BARE
#include <stdio.h>

int main(void) {
  uint64_t hash;
  const uint32_t wrong = $N_self_test(&hash);
  printf("$N: hash %016llx, %lu wrong\n", (unsigned long long)hash, (unsigned long)wrong);
  return wrong == 0 ? 0 : 1;
}
#endif
)";

/// What follows in and after the loop over steps.
std::string steps_text(const Program& program, std::string_view name, bool per_step) {
  const std::string forward = fmt::format("      input += {}_INPUTS;\n", c_capitals(name));
  const std::string compare = fmt::format("{0}_compare(hash, output, expected);\n", name);
  const std::string further = fmt::format("expected += {}_OUTPUTS;\n", c_capitals(name));
  if (per_step) {
    return fmt::format("      {0}_step(&{0}_test_state, input, output);\n{1}      wrong += {2}      {3}    }}\n", name,
                       forward, compare, further);
  }
  std::string text = fmt::format(
      "      {0}_step(&{0}_test_state, input);\n{1}    }}\n    {2}(&{0}_test_state, output);\n    wrong += {3}", name,
      forward, c_result_name(program, name), compare);
  if (program.output.classes) {
    text += fmt::format("    wrong += {0}_classify(&{0}_test_state) != {0}_test_class[i];\n", name);
  }
  return text + "    " + further;
}

}  // namespace

std::uint64_t c_test_hash(std::span<const CTestSequence> tests) {
  std::uint64_t hash = 14695981039346656037U;
  for (const CTestSequence& test : tests) {
    for (const std::int32_t code : test.expected) {
      for (unsigned k = 0; k < 32; k += 8) {
        hash ^= (static_cast<std::uint32_t>(code) >> k) & 255U;
        hash *= 1099511628211U;
      }
    }
  }
  return hash;
}

std::string c_self_test(const Program& program, std::string_view name, const std::vector<ValueInfo>& infos,
                        const CMemory& memory, std::span<const CTestSequence> tests) {
  std::vector<std::int64_t> input, expected, classes, steps;
  for (const CTestSequence& test : tests) {
    input.insert(input.end(), test.input.begin(), test.input.end());
    expected.insert(expected.end(), test.expected.begin(), test.expected.end());
    steps.push_back(static_cast<std::int64_t>(test.input.size() / program.input.cols));
    const auto largest = std::max_element(test.expected.begin(), test.expected.end());
    classes.push_back(std::distance(test.expected.begin(), largest));
  }
  const std::string capitals = c_capitals(name);
  std::string text = fmt::format(
      "/* Runs {0} on {1} sequence{2} and compares every output code. With -D{3}_BARE there is no main and no stdio:\n"
      "   call {0}_self_test. Written by bitstate. */\n#include \"{0}.h\"\n\n",
      name, tests.size(), tests.size() == 1 ? "" : "s", capitals);
  text += fmt::format("static const uint32_t {}_test_steps[{}] = {{\n{}}};\n", name, steps.size(), c_list(steps));
  text += array_text(memory.value(0).bits, fmt::format("{}_test_input", name), input);
  text += array_text(32, fmt::format("{}_test_expected", name), expected);
  if (program.output.classes) text += array_text(32, fmt::format("{}_test_class", name), classes);
  return text + c_fill(test_text, {{'N', name},
                                   {'C', capitals},
                                   {'T', std::to_string(tests.size())},
                                   {'I', c_type(memory.value(0).bits)},
                                   {'S', steps_text(program, name, infos.back().per_step)},
                                   {'H', fmt::format("0x{:016x}", c_test_hash(tests))}});
}

}  // namespace bitstate::program

#include "core/program/c/header.h"
#include "core/program/c/text.h"
#include "core/program/c/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace bitstate::program {
namespace {

std::string array_text(unsigned bits, std::string_view name, std::span<const std::int64_t> numbers) {
  return fmt::format("static const {} {}[{}] = {{\n{}}};\n", c_type(bits), name, numbers.size(), c_list(numbers));
}

// $N: name, $C: its capitals, $O: size of the output, $I: the input's type, $D: t or nothing, $T: sequences,
// $K: the classes, $S: what is done with one, $H: the hash, $V and $F: a head and a function that tests its training,
// $B: what is done first, $E: what else may be wrong
constexpr std::string_view test_text = R"(
static $N_state $N_test_state;
$V
/* Runs the sequences. Sets the FNV-1a hash of the output codes and returns how many codes are wrong; a wrong hash
   counts as one. */
uint32_t $N_self_test(uint64_t *hash);

$Fstatic uint32_t $N_compare(uint64_t *hash, const int32_t *output, const int32_t *expected) {
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
  static int32_t output[$O];
  const $I *input = $N_test_input;
  const int32_t *expected = $N_test_expected;$K
  uint32_t wrong = 0, i$D;
  *hash = UINT64_C(14695981039346656037);
$B  for (i = 0; i < $T; ++i) {
$S  }
  return wrong + (*hash != UINT64_C($H))$E;
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

// $S: what is done with a sequence, $R: rounds, $T: sequences, $A: what adds all that is trained to the hash, $H: the
// hash
constexpr std::string_view tuning_text =
    R"(static void $N_add_to_hash(uint64_t *hash, const int32_t *numbers, uint32_t count) {
  uint32_t i, k;
  for (i = 0; i < count; ++i) {
    for (k = 0; k < 32; k += 8) {
      *hash ^= ((uint32_t)numbers[i] >> k) & 255;
      *hash *= UINT64_C(1099511628211);
    }
  }
}

/* Trains on the classes 0, 1, ... in turn. Returns 1 for other losses, weights or biases than expected. */
static uint32_t $N_test_tuning(void) {
  uint64_t hash = UINT64_C(14695981039346656037);
  uint32_t label = 0, round, i$D;
  int32_t loss;$Q
  for (round = 0; round < $R; ++round) {
    const $I *input = $N_test_input;
    for (i = 0; i < $T; ++i) {
$S    }
  }
$A  return hash != UINT64_C($H);
}

)";

constexpr std::string_view tuning_stream_text = R"(      $N_init(&$N_test_state);
      for (t = 0; t < $N_test_steps[i]; ++t) {
        $N_step(&$N_test_state$G);
        input += $C_INPUTS;
$S      }
)";

constexpr std::string_view tuning_sequence_text = R"(      $N_run(&$N_test_state, input, $N_test_steps[i]);
      input += $N_test_steps[i] * $C_INPUTS;
)";

constexpr std::string_view tuning_step_text = R"($Iloss = $N_tune(&$N_test_state, $B$O, label);
$I$N_add_to_hash(&hash, &loss, 1);
$Ilabel = (label + 1) % $C_OUTPUTS;
)";

constexpr std::string_view stream_text = R"(    $N_init(&$N_test_state);
    for (t = 0; t < $N_test_steps[i]; ++t) {
      $N_step(&$N_test_state$G, input$O);
      input += $C_INPUTS;
$S    }
)";

constexpr std::string_view sequence_text = R"(    wrong += $N_run(&$N_test_state, input, $N_test_steps[i]$O) != 0;
    input += $N_test_steps[i] * $C_INPUTS;
)";

constexpr std::string_view rows_text = R"(    for (t = 0; t < $N_test_steps[i]; ++t) {
$S    }
)";

std::string head_of(const CModel& model) { return fmt::format("&{}_test_{}", model.name, model.trained()); }

/// The comparison of one row at `row`, behind `indent`.
std::string row_text(const CModel& model, std::string_view indent, std::string_view row) {
  std::string text = fmt::format("{0}wrong += {1}_compare(hash, {2}, expected);\n{0}expected += {3}_OUTPUTS;\n", indent,
                                 model.name, row, c_capitals(model.name));
  if (!model.program.output.classes) return text;
  const std::string of = model.per_step()
                             ? std::string(row)
                             : fmt::format("&{0}_test_state{1}", model.name, model.head_argument(head_of(model)));
  return text + fmt::format("{}wrong += {}_classify({}) != *class_of_it++;\n", indent, model.name, of);
}

/// The body of the loop over sequences.
std::string sequence_body(const CModel& model) {
  const std::string capitals = c_capitals(model.name);
  const std::string_view output = model.per_step() ? ", output" : "";
  std::string text;
  if (model.streams()) {
    const std::string step = model.per_step() ? row_text(model, "      ", "output") : std::string();
    const std::string head = model.step_reads_trained() ? model.head_argument(head_of(model)) : "";
    text = c_fill(stream_text, {{'N', model.name}, {'C', capitals}, {'G', head}, {'O', output}, {'S', step}});
  } else {
    text = c_fill(sequence_text, {{'N', model.name}, {'C', capitals}, {'O', output}});
    if (model.per_step()) {
      const std::string row = row_text(model, "      ", fmt::format("output + t * {}_OUTPUTS", capitals));
      text += c_fill(rows_text, {{'N', model.name}, {'S', row}});
    }
  }
  if (model.per_step()) return text;
  return text +
         fmt::format("    {}(&{}_test_state{}, output);\n", model.result_name(), model.name,
                     model.head_argument(head_of(model))) +
         row_text(model, "    ", "output");
}

/// The function that tests the training of the head.
std::string tuning_function(const CModel& model, std::span<const CTestSequence> tests) {
  const std::string_view name = model.name;
  const std::string capitals = c_capitals(name);
  const bool rows = model.per_step();
  const std::string step = c_fill(tuning_step_text, {{'I', rows ? "        " : "      "},
                                                     {'N', name},
                                                     {'C', capitals},
                                                     {'B', head_of(model)},
                                                     {'O', rows ? ", output" : ""}});
  const std::string steps =
      model.streams() ? c_fill(tuning_stream_text, {{'N', name},
                                                    {'C', capitals},
                                                    {'G', (model.step_reads_trained() ? ", " + head_of(model) : "") +
                                                              ", input" + (rows ? ", output" : "")},
                                                    {'S', rows ? step : ""}})
                      : c_fill(tuning_sequence_text, {{'N', name}, {'C', capitals}});
  std::string added;
  for (const auto& [member, count] : c_trained_arrays(model)) {
    added += fmt::format("  {0}_add_to_hash(&hash, {0}_test_{1}.{2}, {3});\n", name, model.trained(), member, count);
  }
  return c_fill(tuning_text, {{'N', name},
                              {'D', model.streams() ? ", t" : ""},
                              {'Q', rows ? fmt::format("\n  int32_t output[{}_OUTPUTS];", capitals) : ""},
                              {'I', c_type(model.memory.value(0).bits)},
                              {'R', std::to_string(c_tuning_rounds)},
                              {'T', std::to_string(tests.size())},
                              {'S', steps + (rows ? "" : step)},
                              {'A', added},
                              {'H', fmt::format("0x{:016x}", c_tuning_hash(model, tests))}});
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

std::string c_self_test(const CModel& model, std::span<const CTestSequence> tests) {
  const std::size_t inputs = model.infos.front().cols;
  const auto outputs = static_cast<std::ptrdiff_t>(model.infos.back().cols);
  std::vector<std::int64_t> input, expected, classes, steps;
  for (const CTestSequence& test : tests) {
    input.insert(input.end(), test.input.begin(), test.input.end());
    expected.insert(expected.end(), test.expected.begin(), test.expected.end());
    steps.push_back(static_cast<std::int64_t>(test.input.size() / inputs));
    for (auto row = test.expected.begin(); row != test.expected.end(); row += outputs) {
      classes.push_back(std::distance(row, std::max_element(row, row + outputs)));
    }
  }
  const std::string_view name = model.name;
  const std::string capitals = c_capitals(name);
  const unsigned bits = model.memory.value(0).bits;
  std::string text = fmt::format(
      "/* Runs {0} on {1} sequence{2} and compares every output code. With -D{3}_BARE there is no main and no stdio:\n"
      "   call {0}_self_test. Written by bitstate. */\n#ifndef {3}_NO_FLOAT\n#define {3}_NO_FLOAT\n#endif\n#include "
      "\"{0}.h\"\n\n",
      name, tests.size(), tests.size() == 1 ? "" : "s", capitals);
  text += fmt::format("static const uint32_t {}_test_steps[{}] = {{\n{}}};\n", name, steps.size(), c_list(steps));
  text += array_text(bits, fmt::format("{}_test_input", name), input);
  text += array_text(32, fmt::format("{}_test_expected", name), expected);
  if (model.program.output.classes) text += array_text(32, fmt::format("{}_test_class", name), classes);
  const bool all_rows = model.per_step() && !model.streams();
  const bool head = model.head.has_value();
  return text +
         c_fill(test_text, {{'N', name},
                            {'C', capitals},
                            {'T', std::to_string(tests.size())},
                            {'I', c_type(bits)},
                            {'O', capitals + (all_rows ? "_MAX_STEPS * " + capitals + "_OUTPUTS" : "_OUTPUTS")},
                            {'D', model.per_step() || model.streams() ? ", t" : ""},
                            {'S', sequence_body(model)},
                            {'K', model.program.output.classes
                                      ? fmt::format("\n  const int32_t *class_of_it = {}_test_class;", name)
                                      : ""},
                            {'H', fmt::format("0x{:016x}", c_test_hash(tests))},
                            {'V', head ? fmt::format("static {0}_{1} {0}_test_{1};\n", name, model.trained()) : ""},
                            {'F', head ? tuning_function(model, tests) : ""},
                            {'B', head ? fmt::format("  {}_reset({});\n", name, head_of(model)) : ""},
                            {'E', head ? fmt::format(" + {}_test_tuning()", name) : ""}});
}

}  // namespace bitstate::program

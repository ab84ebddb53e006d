#include "core/program/c_source.h"

#include "core/error.h"
#include "core/program/c_constants.h"
#include "core/program/c_functions.h"
#include "core/program/c_header.h"
#include "core/program/c_memory.h"
#include "core/program/c_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitstate::program {
namespace {

void check_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  require<UsageError>(!name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), allowed),
                      "c_source", "'{}' is no name for C: a letter, then letters, digits and underscores", name);
}

void check_tests(const Program& program, const ValueInfo& out, std::span<const CTestSequence> tests) {
  require(!tests.empty(), "c_source", "the self-test has no sequence");
  const Input& in = program.input;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const auto& [input, expected] = tests[i];
    const std::size_t steps = input.size() / in.cols;
    require(steps > 0 && steps * in.cols == input.size(), "c_source",
            "test sequence {} has {} input codes, which are no rows of {}", i, input.size(), in.cols);
    require(expected.size() == (out.per_step ? steps : 1) * out.cols, "c_source",
            "test sequence {} has {} expected codes for {} steps with {} outputs", i, expected.size(), steps, out.cols);
    const auto fits = [&](std::int32_t c) { return c >= in.grid.lo && c <= in.grid.hi; };
    require(std::all_of(input.begin(), input.end(), fits), "c_source",
            "test sequence {} has an input code outside {} to {}", i, in.grid.lo, in.grid.hi);
  }
}

/// The bodies of NAME_step and of the function that gives what follows the pools.
struct Bodies {
  std::string step, result;
};

Bodies bodies_of(const Program& program, const std::vector<ValueInfo>& infos, const CMemory& memory,
                 CFunctions& functions) {
  Bodies bodies;
  if (memory.clamps_input()) bodies.step += fmt::format("  {}\n", functions.clamp_input(program.input));
  for (std::size_t i = 1; i < infos.size(); ++i) {
    const Instruction& instruction = program.instructions[i - 1];
    const std::string call = fmt::format("  {}\n", functions.call(instruction, i));
    (infos[i].per_step || is_pool(instruction) ? bodies.step : bodies.result) += call;
    if (const std::string finish = functions.finish(instruction, i); !finish.empty()) {
      bodies.result += fmt::format("  {}\n", finish);
    }
  }
  // a state or a last row that is the output has its own place
  const std::string target = program.output.classes ? "logits" : "output";
  const CValue& last = memory.value(static_cast<Ref>(infos.size() - 1));
  if (last.at != target) {
    (infos.back().per_step ? bodies.step : bodies.result) +=
        fmt::format("  {}\n", functions.copy(last, {target, 32, last.cols}));
  }
  return bodies;
}

std::string init_text(std::string_view name, const CMemory& memory) {
  std::string text = fmt::format("void {0}_init({0}_state *s) {{\n", name);
  std::string body;
  for (const CMember& m : memory.members()) {
    if (m.name.starts_with("scratch") || m.name == "logits") continue;  // written before it is read
    body += fmt::format("  for (c = 0; c < {}; ++c) s->{}[c] = 0;\n", m.count, m.name);
  }
  if (!body.empty()) text += "  uint32_t c;\n";
  return text + body + "  s->steps = 0;\n}\n";
}

constexpr std::string_view checks_text =
    R"(/* what this file relies on: 64-bit integers are shifted right with their sign */
typedef char $N_shifts_are_arithmetic[((int64_t)-3 >> 1) == -2 ? 1 : -1];
typedef char $N_ram_is_as_documented[sizeof($N_state) <= $C_RAM_BYTES ? 1 : -1];

)";

constexpr std::string_view classify_text = R"(
int $N_classify($N_state *s) {
  int c, first = 0;
  $N_logits(s, s->logits);
  for (c = 1; c < $C_OUTPUTS; ++c) {
    if (s->logits[c] > s->logits[first]) first = c;
  }
  return first;
}
)";

}  // namespace

CSource c_source(const Program& program, std::string_view name, std::span<const CTestSequence> tests) {
  check_name(name);
  const auto infos = analyse(program);
  require<UsageError>(
      can_stream(program), "c_source",
      "a bidirectional model has no C form: its backward scan begins at the last step, so a device would "
      "have to keep every step of the sequence");
  check_tests(program, infos.back(), tests);
  const CMemory memory(program, infos);
  CConstants constants(name);
  CFunctions functions(name, memory, constants);
  const auto [step, result] = bodies_of(program, infos, memory, functions);
  const bool per_step = infos.back().per_step;
  const std::string capitals = c_capitals(name);

  CSource text;
  text.header = c_header(program, name, infos, memory, constants.bytes());
  text.source = fmt::format("/* {0}.h says what this is. Written by bitstate. */\n#include \"{0}.h\"\n\n", name);
  text.source += c_fill(checks_text, {{'N', name}, {'C', capitals}});
  text.source += constants.text() + "\n" + functions.text() + init_text(name, memory);
  text.source += fmt::format("\nvoid {0}_step({0}_state *s, const {1} *input{2}) {{\n{3}  s->steps += 1;\n}}\n", name,
                             c_type(memory.value(0).bits), per_step ? ", int32_t *output" : "", step);
  if (!per_step) {
    text.source += fmt::format("\nvoid {}({}_state *s, int32_t *{}) {{\n{}}}\n", c_result_name(program, name), name,
                               program.output.classes ? "logits" : "output", result);
  }
  if (program.output.classes) text.source += c_fill(classify_text, {{'N', name}, {'C', capitals}});
  text.self_test = c_self_test(program, name, infos, memory, tests);
  return text;
}

}  // namespace bitstate::program

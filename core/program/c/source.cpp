#include "core/program/c/source.h"

#include "core/error.h"
#include "core/program/c/constants.h"
#include "core/program/c/functions.h"
#include "core/program/c/header.h"
#include "core/program/c/memory.h"
#include "core/program/c/text.h"
#include "core/program/c/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace bitstate::program {
namespace {

/// Returns the steps of the longest.
std::size_t check_tests(const Program& program, const ValueInfo& out, std::span<const CTestSequence> tests) {
  std::size_t longest = 0;
  require(!tests.empty(), "c_source", "the self-test has no sequence");
  const Input& in = program.input;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const auto& [input, expected] = tests[i];
    const std::size_t steps = input.size() / in.cols;
    require(steps > 0 && steps * in.cols == input.size(), "c_source",
            "test sequence {} has {} input codes, which are not a whole number of rows of {}", i, input.size(),
            in.cols);
    require(expected.size() == (out.per_step ? steps : 1) * out.cols, "c_source",
            "test sequence {} has {} expected codes for {} steps with {} outputs", i, expected.size(), steps, out.cols);
    const auto fits = [&](std::int32_t c) { return c >= in.grid.lo && c <= in.grid.hi; };
    require(std::all_of(input.begin(), input.end(), fits), "c_source",
            "test sequence {} has an input code outside {} to {}", i, in.grid.lo, in.grid.hi);
    longest = std::max(longest, steps);
  }
  return longest;
}

/// The statements of the passes over the steps, and of what follows the pools.
struct Bodies {
  std::vector<std::string> passes;
  std::string result;
};

/// What a pool and the output do not do in padding.
std::string condition_of(const CModel& model, Rows rows) {
  if (model.streams() || rows == Rows::same) return "";
  return rows == Rows::all ? "if (t < length) " : "if (t + 1 == length) ";
}

std::string input_text(const CModel& model, CFunctions& functions) {
  const Input& input = model.program.input;
  if (!model.memory.clamps_input()) return "";
  if (model.streams()) return c_indented(functions.clamp_input(input, "input"), 2);
  const std::string clamp = functions.clamp_input(input, fmt::format("input + t * {}", input.cols));
  if (model.program.padded_length == 0) return c_indented(clamp, 4);
  return c_indented(clamp, 4, "if (t < length) ") + c_indented(functions.pad_input(input), 4, "if (t >= length) ");
}

/// Keeps the codes that enter the layer in training.
std::string keep_entering(const CModel& model, CFunctions& functions) {
  const Ref entry = model.layer->entry;
  CValue row = model.memory.entering(entry);
  row.at = fmt::format("s->entering + s->steps * {}", row.cols);
  return c_indented(functions.copy(model.memory.value(entry), row), 2,
                    fmt::format("if (s->steps < {}_TUNE_STEPS) ", c_capitals(model.name)));
}

Bodies bodies_of(const CModel& model, CFunctions& functions) {
  const auto& [program, name, infos, schedule, memory, head, layer] = model;
  const std::size_t depth = model.streams() ? 2 : 4;
  Bodies bodies{std::vector<std::string>(schedule.passes), ""};
  bodies.passes[0] = input_text(model, functions);
  for (std::size_t i = 1; i < infos.size(); ++i) {
    const Instruction& instruction = program.instructions[i - 1];
    const std::string call = functions.call(instruction, i);
    const Traits& traits = traits_of(instruction);
    if (infos[i].per_step || is_pool(traits)) {
      bodies.passes[schedule.pass[i]] += c_indented(call, depth, condition_of(model, traits.rows));
      if (layer && i == layer->entry) bodies.passes[0] += keep_entering(model, functions);
    } else {
      bodies.result += c_indented(call, 2);
    }
    bodies.result += c_indented(functions.finish(instruction, i), 2);
  }
  // an output that has its own place: a state, a last row, a row of a whole sequence
  const CValue& last = memory.value(static_cast<Ref>(infos.size() - 1));
  if (!model.per_step() && last.at != model.result_parameter()) {
    bodies.result += c_indented(functions.copy(last, {model.result_parameter(), 32, last.cols}), 2);
  } else if (model.per_step() && last.at != "output") {
    const std::string at = model.streams() ? "output" : fmt::format("output + t * {}", last.cols);
    bodies.passes[schedule.pass.back()] +=
        c_indented(functions.copy(last, {at, 32, last.cols}), depth, condition_of(model, Rows::all));
  }
  return bodies;
}

/// NAME_step, or NAME_run with a loop for each pass.
std::string steps_text(const CModel& model, const std::vector<std::string>& passes) {
  if (model.streams()) return fmt::format("{} {{\n{}  s->steps += 1;\n}}\n", model.signature(), passes[0]);
  const std::string capitals = c_capitals(model.name);
  const std::uint32_t padded = model.program.padded_length;
  const std::string steps = padded == 0 ? "length" : fmt::format("length < {0} ? {0} : length", padded);
  std::string text = fmt::format(
      "{} {{\n  const uint32_t steps = {};\n  uint32_t t;\n  if (length == 0 || length > {}_MAX_STEPS) return 1;\n"
      "  {}_init(s);\n",
      model.signature(), steps, capitals, model.name);
  for (std::size_t p = 0; p < passes.size(); ++p) {
    text +=
        fmt::format("  for ({}) {{\n{}  }}\n", p % 2 == 0 ? "t = 0; t < steps; ++t" : "t = steps; t-- > 0;", passes[p]);
  }
  return text + "  s->steps = length;\n  return 0;\n}\n";
}

std::string init_text(const CModel& model) {
  std::string text = fmt::format("{1}void {0}_init({0}_state *s) {{\n", model.name, model.streams() ? "" : "static ");
  std::string body;
  for (const CMember& m : model.memory.members()) {
    if (m.starts_at_zero) body += fmt::format("  for (c = 0; c < {}; ++c) s->{}[c] = 0;\n", m.count, m.name);
  }
  if (!body.empty()) text += "  uint32_t c;\n";
  return text + body + "  s->steps = 0;\n}\n";
}

constexpr std::string_view checks_text =
    R"(/* what this file relies on: integers are shifted right with their sign */
typedef char $N_shifts_are_arithmetic[((int64_t)-3 >> 1) == -2 && ((int32_t)-3 >> 1) == -2 ? 1 : -1];
typedef char $N_ram_is_as_documented[sizeof($N_state) <= $C_RAM_BYTES ? 1 : -1];

)";

// $T and $B: what is trained
constexpr std::string_view head_checks_text =
    R"(typedef char $N_$T_is_as_documented[sizeof($N_$T) == $C_$B_BYTES ? 1 : -1];

)";

// $P: the parameter, $M: what makes the row $R
constexpr std::string_view classify_text = R"(
int $N_classify($P) {
  int c, first = 0;
$M  for (c = 1; c < $C_OUTPUTS; ++c) {
    if ($R[c] > $R[first]) first = c;
  }
  return first;
}
)";

/// NAME_classify: of a row that the caller has, or of the steps so far.
std::string classify_function(const CModel& model) {
  const std::string capitals = c_capitals(model.name);
  if (model.per_step()) {
    return c_fill(classify_text,
                  {{'N', model.name}, {'C', capitals}, {'P', "const int32_t *output"}, {'M', ""}, {'R', "output"}});
  }
  return c_fill(classify_text,
                {{'N', model.name},
                 {'C', capitals},
                 {'P', fmt::format("{}_state *s{}", model.name, model.head_parameter())},
                 {'M', fmt::format("  {}_logits(s{}, s->logits);\n", model.name, model.head_argument(model.trained()))},
                 {'R', "s->logits"}});
}

}  // namespace

CSource c_source(const Program& program, std::string_view name, std::span<const CTestSequence> tests,
                 std::size_t max_steps, const CExtras& extras) {
  check_c_name(name);
  const std::optional<TrainableHead>& head = extras.head;
  const std::optional<TrainableLayer>& layer = extras.layer;
  const auto infos = analyse(layer ? at_limits(program, *head, *layer) : head ? at_limits(program, *head) : program);
  const std::size_t longest = check_tests(program, infos.back(), tests);
  const CSchedule schedule = schedule_of(program, infos, max_steps == 0 ? longest : max_steps);
  require(schedule.streams || longest <= schedule.max_steps, "c_source",
          "a test sequence has {} steps, but the C code of a bidirectional model takes at most {}", longest,
          schedule.max_steps);
  const CMemory memory(program, infos, schedule, layer ? &*layer : nullptr);
  const CModel model{program, name, infos, schedule, memory, head, layer};
  CConstants constants(name);
  CFunctions functions(name, infos, memory, constants, c_trained(model));
  const std::string tuning = head ? c_head_definitions(model, functions) : "";
  const Bodies bodies = bodies_of(model, functions);
  const std::string capitals = c_capitals(name);

  CSource text;
  const CFlash flash{constants.pieces().bytes(true), constants.pieces().bytes(false),
                     !constants.pieces().all() || !functions.pieces().all()};
  text.header = c_header(model, flash, extras);
  if (flash.chooses) text.multiplier = c_multiplier(name);
  text.source = fmt::format(
      "/* {0}.h says what this is. Written by bitstate.\n"
      "   Functions are named after their operands: i8 are values in int8_t, w4 weights of 4 bits, n8 is\n"
      "   one number per column in int8_t, 1 one number for all columns. */\n#ifndef {1}_NO_FLOAT\n#define "
      "{1}_NO_FLOAT\n#endif\n#include \"{0}.h\"\n\n",
      name, capitals);
  text.source += c_fill(checks_text, {{'N', name}, {'C', capitals}});
  if (head) {
    text.source += c_fill(head_checks_text,
                          {{'N', name}, {'C', capitals}, {'T', model.trained()}, {'B', c_capitals(model.trained())}});
  }
  text.source += functions.target_text() + constants.pieces().text(text.multiplier) + "\n" +
                 functions.pieces().text(text.multiplier) + init_text(model) + "\n" + steps_text(model, bodies.passes);
  if (!model.per_step()) {
    text.source += fmt::format("\nvoid {}({}_state *s{}, int32_t *{}) {{\n{}}}\n", model.result_name(), name,
                               model.head_parameter(), model.result_parameter(), bodies.result);
  }
  if (program.output.classes) text.source += classify_function(model);
  text.source = c_wrap(text.source + tuning);
  text.self_test = c_self_test(model, tests);
  text.driver = c_driver(model);
  if (head) text.tuner = c_tuner(model);
  return text;
}

}  // namespace bitstate::program

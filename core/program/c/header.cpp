#include "core/program/c/header.h"

#include "core/program/c/codes.h"
#include "core/program/c/text.h"
#include "core/program/c/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace bitstate::program {
namespace {

/// A text as it may stand in a comment.
std::string harmless(std::string_view given) {
  std::string text(given);
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" -.,;:()=").find(c) != std::string_view::npos;
  };
  std::replace_if(
      text.begin(), text.end(), [&](char c) { return !allowed(c); }, '_');
  return text;
}

std::string notes_text(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += fmt::format(" * {}\n", harmless(note));
  return text.empty() ? text : text + " *\n";
}

std::string input_comment(const Input& in, std::string_view capitals) {
  if (in.tokens) return fmt::format(" * Input of a step: a token id, 0 to {}.\n", in.grid.hi);
  std::string text =
      fmt::format(" * Input of a step: {} code{}, of the real numbers x\n", in.cols, in.cols == 1 ? "" : "s");
  if (!in.units.mean.empty()) {
    text += in.units.single ? fmt::format(
                                  " *   x = (value - mean) / deviation, in single precision, with {0}_INPUT_MEAN and "
                                  "{0}_INPUT_DEVIATION\n",
                                  capitals)
                            : fmt::format(
                                  " *   x = (value - mean) / deviation, in double, rounded to float, with "
                                  "{0}_INPUT_MEAN_DOUBLE and\n *   {0}_INPUT_DEVIATION_DOUBLE; with {0}_INPUT_MEAN and "
                                  "{0}_INPUT_DEVIATION, in float, a code may differ\n",
                                  capitals);
  }
  if (in.one_bit) {
    text += " *   code = 1 for x >= 0, else -1\n";
  } else {
    text += fmt::format(
        " *   code = clamp(floor(x * (1 / scale) + 0.5), {}, {}), in single precision\n"
        " *   scale = {:.9g} ({:a})\n",
        in.grid.lo, in.grid.hi, in.grid.scale, in.grid.scale);
  }
  return text + " * Codes beyond these limits are taken as the nearest limit.\n";
}

std::string output_comment(const Program& program, const ValueInfo& out, std::string_view capitals) {
  const std::vector<float>& scale = program.output.scale;
  std::string text =
      fmt::format(" * Output{}: {} code{}, {} to {}; real number = code * scale\n",
                  out.per_step ? " of a step" : ", after any step", out.cols, out.cols == 1 ? "" : "s", out.lo, out.hi);
  if (scale.size() == 1) {
    text += fmt::format(" *   scale = {:.9g} ({:a})\n", scale[0], scale[0]);
  } else {
    for (std::size_t c = 0; c < scale.size(); ++c) {
      text += fmt::format(" *   scale[{}] = {:.9g} ({:a})\n", c, scale[c], scale[c]);
    }
  }
  if (!program.output.units.mean.empty()) {
    text += fmt::format(" *   value = real number * deviation + mean, with {0}_OUTPUT_MEAN and {0}_OUTPUT_DEVIATION\n",
                        capitals);
  }
  if (program.output.classes) text += " * The class is the first of the largest logits.\n";
  for (const auto& [names, whose, macro] : {std::tuple{&program.input.names, "inputs", "INPUT"},
                                            {&program.output.names, "outputs", "OUTPUT"},
                                            {&program.output.class_names, "classes", "CLASS"}}) {
    if (names->empty()) continue;
    text += fmt::format(" * The names of the {}: static const char *const names[] = {}_{}_NAMES;\n", whose, capitals,
                        macro);
  }
  return text;
}

std::string state_text(std::string_view name, const CMemory& memory) {
  std::string text = "typedef struct {\n";
  bool counted = false;
  const auto counter = [&] {
    if (!counted) text += "  uint32_t steps;\n";
    counted = true;
  };
  for (const CMember& m : memory.members()) {
    if (m.bits < 64) counter();
    text += fmt::format("  {} {}[{}];\n", c_type(m.bits), m.name, m.count);
  }
  counter();
  return text + fmt::format("}} {}_state;\n", name);
}

std::string functions_text(const CModel& model) {
  const std::string capitals = c_capitals(model.name);
  const std::string_view name = model.name;
  const std::string output = model.per_step() ? fmt::format(", output [{}_OUTPUTS]", capitals) : "";
  std::string text;
  if (model.streams()) {
    text = fmt::format("/* Before the first step of a sequence. */\nvoid {0}_init({0}_state *s);\n\n", name);
    text += fmt::format("/* One step: input [{}_INPUTS]{}.{} */\n", capitals, output,
                        model.per_step() ? "" : " At most 2^31 - 1 steps per sequence.");
  } else {
    text = fmt::format(
        "/* A sequence of 1 to {0}_MAX_STEPS steps: input [length][{0}_INPUTS]{1}. The model reads it from both\n"
        "   ends, so it cannot come step by step. Returns 0; 1 and does nothing for another length. */\n",
        capitals, model.per_step() ? fmt::format(", output [length][{}_OUTPUTS]", capitals) : "");
  }
  text += model.signature() + ";\n";
  if (model.per_step()) {
    if (!model.program.output.classes) return text;
    return text + fmt::format(
                      "\n/* The class of a row of outputs [{}_OUTPUTS], from 0 on. */\nint {}_classify(const int32_t "
                      "*output);\n",
                      capitals, name);
  }
  text += fmt::format("\n/* What the steps so far give, [{}_OUTPUTS]; {}. */\nvoid {}({}_state *s{}, int32_t *{});\n",
                      capitals, model.streams() ? "after any step, as often as wanted" : "after the sequence",
                      model.result_name(), name, model.head_parameter(), model.result_parameter());
  if (model.program.output.classes) {
    text += fmt::format("\n/* The class after the steps so far, from 0 on. */\nint {0}_classify({0}_state *s{1});\n",
                        name, model.head_parameter());
  }
  return text;
}

/// NAME_MULTIPLIER, for a model whose recurrence asks for it.
std::string multiplier_text(std::string_view name) {
  return fmt::format(
      "/* 1: the target multiplies in an instruction or two. 0: it does not, and the recurrence multiplies by its "
      "narrow\n"
      "   numbers with additions and shifts. The codes are the same. Give it to the compiler where this does not know "
      "it. "
      "*/\n#ifndef {0}\n"
      "#if (defined(__riscv) && !defined(__riscv_mul)) || (defined(__AVR__) && !defined(__AVR_HAVE_MUL__))\n"
      "#define {0} 0\n#else\n#define {0} 1\n#endif\n#endif\n\n",
      c_multiplier(name));
}

std::string constant_bytes_text(std::string_view name, const CFlash& flash) {
  const auto define = [&](std::size_t bytes) {
    return fmt::format("#define {}_CONSTANT_BYTES {}\n", c_capitals(name), bytes);
  };
  if (flash.multiplying == flash.adding) return define(flash.adding);
  return fmt::format("#if {}\n{}#else\n{}#endif\n", c_multiplier(name), define(flash.multiplying),
                     define(flash.adding));
}

/// "80 bytes of flash"
std::string flash_comment(std::string_view name, const CFlash& flash) {
  if (flash.multiplying == flash.adding) return fmt::format("{} bytes of flash", flash.adding);
  return fmt::format("{} bytes of flash ({} where {} is 0)", flash.multiplying, flash.adding, c_multiplier(name));
}

}  // namespace

std::string CModel::result_name() const { return fmt::format("{}_{}", name, result_parameter()); }

std::string CModel::signature() const {
  const std::string output = per_step() ? ", int32_t *output" : "";
  const std::string input = c_type(memory.value(0).bits);
  if (streams()) {
    return fmt::format("void {0}_step({0}_state *s{3}, const {1} *input{2})", name, input, output,
                       step_reads_trained() ? head_parameter() : "");
  }
  return fmt::format("int {0}_run({0}_state *s, const {1} *input, uint32_t length{2})", name, input, output);
}

std::string CModel::head_parameter() const { return head ? fmt::format(", const {0}_{1} *{1}", name, trained()) : ""; }

std::string CModel::head_argument(std::string_view at) const { return head ? fmt::format(", {}", at) : ""; }

std::string c_header(const CModel& model, const CFlash& flash, const CExtras& extras) {
  const auto& [program, name, infos, schedule, memory, head, layer] = model;
  const std::string capitals = c_capitals(name);
  std::string text = fmt::format(
      "/* {}: a model for the data set {}, as an integer program. Written by bitstate.\n *\n"
      "{}{} *\n{} *\n"
      " * RAM {} bytes ({}_state), constants {}, {} multiplications per step.\n{}"
      " * C99; of the C library <stdint.h> only (compilers may call memset and memcpy). No other file is needed.\n"
      " */\n",
      name, harmless(program.name), notes_text(extras.notes), input_comment(program.input, capitals),
      output_comment(program, infos.back(), capitals), memory.bytes(), name, flash_comment(name, flash),
      cost_of(program).multiplications, head ? c_head_comment(model) : "");
  text += fmt::format(
      "#ifndef {0}_H\n#define {0}_H\n\n#include <stdint.h>\n\n{1}"
      "#define {0}_INPUTS {2}\n#define {0}_OUTPUTS {3}\n#define {0}_RAM_BYTES {4}\n{5}",
      capitals, flash.chooses ? multiplier_text(name) : "", infos.front().cols, infos.back().cols, memory.bytes(),
      constant_bytes_text(name, flash));
  text += c_units_text(model);
  if (!model.streams()) text += fmt::format("#define {}_MAX_STEPS {}\n", capitals, schedule.max_steps);
  text += fmt::format(
      "\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n/* {} */\n",
      model.streams() ? "All that a stream keeps and works in; one per stream." : "The working memory of a sequence.");
  text += state_text(name, memory) + "\n";
  if (head) text += c_head_struct(model) + "\n";
  text += functions_text(model) + "\n";
  if (head) text += c_head_functions(model) + "\n";
  text += c_codes_text(model, extras);
  return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

}  // namespace bitstate::program

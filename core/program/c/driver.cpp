// A program that runs the C of a model on the sequences of a file, for the proof that it is right.
#include "core/program/c/header.h"
#include "core/program/c/text.h"
#include "core/program/c/tuning.h"

#include <fmt/format.h>

namespace bitstate::program {
namespace {

// $N: name, $C: its capitals, $I: the input's type, $G: inputs that are kept, $V: variables, $B: what is done first,
// $S: with a sequence, $E: last
constexpr std::string_view driver_text = R"(#include <stdio.h>

static $N_state state;
static $I input[$G];
$V
static int read_steps(FILE *file, uint32_t steps) {
  uint32_t i;
  int32_t code;
  for (i = 0; i < steps * $C_INPUTS; ++i) {
    if (fread(&code, sizeof code, 1, file) != 1) return 0;
    input[i] = ($I)code;
  }
  return 1;
}

static int write_codes(FILE *file, const int32_t *codes, uint32_t count) {
  return fwrite(codes, sizeof *codes, count, file) == count;
}

int main(int argc, char **argv) {
  FILE *const in = argc == 3 ? fopen(argv[1], "rb") : NULL;
  FILE *const out = argc == 3 ? fopen(argv[2], "wb") : NULL;
  uint32_t steps;
  if (in == NULL || out == NULL) return 2;
$B  while (fread(&steps, sizeof steps, 1, in) == 1) {
$S  }
$E  return fclose(out) == 0 ? 0 : 4;
}
)";

constexpr std::string_view streaming_text = R"(    $N_init(&state);
    for (t = 0; t < steps; ++t) {
      if (!read_steps(in, 1)) return 3;
      $N_step(&state$H, input$O);
$W    }
)";

constexpr std::string_view whole_text = R"(    if (steps > $C_MAX_STEPS || !read_steps(in, steps)) return 3;
    if ($N_run(&state, input, steps$O) != 0) return 5;
)";

constexpr std::string_view written_rows_text = R"(    for (t = 0; t < steps; ++t) {
$S    }
)";

constexpr std::string_view tune_text = R"($Ioutput[0] = $N_tune(&state, &$T$O, label);
$Iif (!write_codes(out, output, 1)) return 4;
$Ilabel = (label + 1) % $C_OUTPUTS;
)";

constexpr std::string_view class_text = R"($I{
$I  const int32_t class_of_it = $N_classify($R);
$I  if (!write_codes(out, &class_of_it, 1)) return 4;
$I}
)";

std::string trained_of(const CModel& model) { return fmt::format("&{}", model.trained()); }

/// What writes the row at `row`, and its class, behind `indent`.
std::string written_row(const CModel& model, std::string_view indent, std::string_view row) {
  std::string text =
      fmt::format("{}if (!write_codes(out, {}, {}_OUTPUTS)) return 4;\n", indent, row, c_capitals(model.name));
  if (!model.program.output.classes) return text;
  const std::string of = model.per_step() ? std::string(row) : "&state" + model.head_argument(trained_of(model));
  return text + c_fill(class_text, {{'I', indent}, {'N', model.name}, {'R', of}});
}

/// The steps of a sequence; `each` is done behind each of them, where they come one at a time.
std::string steps_of(const CModel& model, std::string_view each) {
  const std::string capitals = c_capitals(model.name);
  const std::string_view output = model.per_step() ? ", output" : "";
  const std::string head = model.step_reads_trained() ? model.head_argument(trained_of(model)) : "";
  if (!model.streams()) return c_fill(whole_text, {{'N', model.name}, {'C', capitals}, {'O', output}});
  return c_fill(streaming_text, {{'N', model.name}, {'H', head}, {'O', output}, {'W', each}});
}

/// What is done with a sequence.
std::string driver_body(const CModel& model) {
  std::string text = model.per_step() || model.streams() ? "    uint32_t t;\n" : "";
  if (!model.per_step()) {
    return text + steps_of(model, "") +
           fmt::format("    {}(&state{}, output);\n", model.result_name(), model.head_argument(trained_of(model))) +
           written_row(model, "    ", "output");
  }
  if (model.streams()) return text + steps_of(model, written_row(model, "      ", "output"));
  const std::string row = written_row(model, "      ", fmt::format("output + t * {}_OUTPUTS", c_capitals(model.name)));
  return text + steps_of(model, "") + c_fill(written_rows_text, {{'S', row}});
}

/// What is done with a sequence of which the head learns.
std::string tuner_body(const CModel& model) {
  const std::string tune = c_fill(tune_text, {{'I', model.per_step() ? "      " : "    "},
                                              {'N', model.name},
                                              {'C', c_capitals(model.name)},
                                              {'T', model.trained()},
                                              {'O', model.per_step() ? ", output" : ""}});
  const std::string text = model.streams() ? "    uint32_t t;\n" : "";
  return text + (model.per_step() ? steps_of(model, tune) : steps_of(model, "") + tune);
}

std::string filled(const CModel& model, std::string_view variables, std::string_view body, std::string_view at_end) {
  const std::string capitals = c_capitals(model.name);
  const std::string of_all = model.streams() ? "" : capitals + "_MAX_STEPS * ";
  const std::string head = model.head ? fmt::format("static {0}_{1} {1};\n", model.name, model.trained()) : "";
  const std::string outputs =
      fmt::format("static int32_t output[{}{}_OUTPUTS];\n", model.per_step() ? of_all : "", capitals);
  return fmt::format("#define {}_NO_FLOAT\n#include \"{}.h\"\n\n", capitals, model.name) +
         c_fill(driver_text, {{'N', model.name},
                              {'C', capitals},
                              {'I', c_type(model.memory.value(0).bits)},
                              {'G', of_all + capitals + "_INPUTS"},
                              {'V', head + outputs + std::string(variables)},
                              {'B', model.head ? fmt::format("  {}_reset(&{});\n", model.name, model.trained()) : ""},
                              {'S', body},
                              {'E', at_end}});
}

}  // namespace

std::string c_driver(const CModel& model) { return filled(model, "", driver_body(model), ""); }

std::string c_tuner(const CModel& model) {
  std::string written;
  for (const auto& [member, count] : c_trained_arrays(model)) {
    written += fmt::format("  if (!write_codes(out, {}.{}, {})) return 4;\n", model.trained(), member, count);
  }
  return filled(model, "static uint32_t label;\n", tuner_body(model), written);
}

}  // namespace bitstate::program

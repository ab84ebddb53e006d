// A program that runs the C of a model on the sequences of a file, for the proof that it is right.
#include "core/program/c/header.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

namespace bitstate::program {
namespace {

// $N: name, $C: its capitals, $I: the input's type, $G: inputs and $O: outputs that are kept, $S: what is done with a
// sequence
constexpr std::string_view driver_text = R"(#include <stdio.h>

static $N_state state;
static $I input[$G];
static int32_t output[$O];

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
  while (fread(&steps, sizeof steps, 1, in) == 1) {
$S  }
  return fclose(out) == 0 ? 0 : 4;
}
)";

constexpr std::string_view streaming_text = R"(    $N_init(&state);
    for (t = 0; t < steps; ++t) {
      if (!read_steps(in, 1)) return 3;
      $N_step(&state, input$O);
$W    }
)";

constexpr std::string_view whole_text = R"(    if (steps > $C_MAX_STEPS || !read_steps(in, steps)) return 3;
    if ($N_run(&state, input, steps$O) != 0) return 5;
)";

constexpr std::string_view written_rows_text = R"(    for (t = 0; t < steps; ++t) {
$S    }
)";

constexpr std::string_view class_text = R"($I{
$I  const int32_t class_of_it = $N_classify($R);
$I  if (!write_codes(out, &class_of_it, 1)) return 4;
$I}
)";

/// What writes the row at `row`, and its class, behind `indent`.
std::string written_row(const CModel& model, std::string_view indent, std::string_view row) {
  std::string text =
      fmt::format("{}if (!write_codes(out, {}, {}_OUTPUTS)) return 4;\n", indent, row, c_capitals(model.name));
  if (!model.program.output.classes) return text;
  return text + c_fill(class_text, {{'I', indent}, {'N', model.name}, {'R', model.per_step() ? row : "&state"}});
}

/// What is done with a sequence.
std::string driver_body(const CModel& model) {
  const std::string capitals = c_capitals(model.name);
  const std::string_view output = model.per_step() ? ", output" : "";
  std::string text = model.per_step() || model.streams() ? "    uint32_t t;\n" : "";
  if (model.streams()) {
    const std::string row = model.per_step() ? written_row(model, "      ", "output") : std::string();
    text += c_fill(streaming_text, {{'N', model.name}, {'O', output}, {'W', row}});
  } else {
    text += c_fill(whole_text, {{'N', model.name}, {'C', capitals}, {'O', output}});
    if (model.per_step()) {
      const std::string row = written_row(model, "      ", fmt::format("output + t * {}_OUTPUTS", capitals));
      text += c_fill(written_rows_text, {{'S', row}});
    }
  }
  if (model.per_step()) return text;
  return text + fmt::format("    {}(&state, output);\n", model.result_name()) + written_row(model, "    ", "output");
}

}  // namespace

std::string c_driver(const CModel& model) {
  const std::string capitals = c_capitals(model.name);
  const std::string of_all = model.streams() ? "" : capitals + "_MAX_STEPS * ";
  const std::string body = driver_body(model);
  return fmt::format("#define {}_NO_FLOAT\n#include \"{}.h\"\n\n", capitals, model.name) +
         c_fill(driver_text, {{'N', model.name},
                              {'C', capitals},
                              {'I', c_type(model.memory.value(0).bits)},
                              {'G', of_all + capitals + "_INPUTS"},
                              {'O', (model.per_step() ? of_all : "") + capitals + "_OUTPUTS"},
                              {'S', body}});
}

}  // namespace bitstate::program

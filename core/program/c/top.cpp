#include "core/program/c/top.h"

#include "core/program/c/text.h"

#include <fmt/format.h>

#include <vector>

namespace bitstate::program {
namespace {

// $N: name, $C: its capitals, $M: what the numbers are, $L, $G and $A: their number, that of gradients and of adjoints
constexpr std::string_view top_struct_text =
    R"(/* The head and the top layer: they are in RAM, and $N_tune trains them. Save and restore them as three plain arrays:
   head.weight, head.bias and number. */
typedef struct {
  $N_head head;
  int32_t number[$L]; /* of the layer; weights are codes times 65536:
$M                       */
  int32_t gradient[$G], adjoint[$A]; /* of a call of $N_tune only */
} $N_top;
)";

constexpr std::string_view top_functions_text =
    R"(/* Head and layer as they were before any training here. Call it, or $N_restore, before anything that takes them. */
void $N_reset($N_top *top);

/* What was saved: weight [$C_OUTPUTS][$H], bias [$C_OUTPUTS], number [$L]. Numbers beyond the limits of training are
   taken as the nearest limit. */
void $N_restore($N_top *top, const int32_t *weight, const int32_t *bias, const int32_t *number);

/* After the steps of an example, 1 to $C_TUNE_STEPS since $N_init. The class is `label`. Takes a step of gradient
   descent on the cross-entropy and returns its value before the step, in units of 1/65536 nat; -1 for a label that is no
   class, for no steps and for too many, and nothing changes. Then comes another example: call $N_init. */
int32_t $N_tune($N_state *s, $N_top *top, uint32_t label);
)";

// $R and $F: statements of reset and restore, $A, $B, $D, $E, $K: parts of the step, $X: the training of the head
constexpr std::string_view top_definitions_text = R"(
void $N_reset($N_top *top) {
$R}

void $N_restore($N_top *top, const int32_t *weight, const int32_t *bias, const int32_t *number) {
  uint32_t i;
$F}

int32_t $N_tune($N_state *s, $N_top *top, uint32_t label) {
  uint32_t t, i;
  int32_t loss;
  int exponent;
  if (label >= $C_OUTPUTS || s->steps == 0 || s->steps > $C_TUNE_STEPS) return -1;
  $N_logits(s, top, s->logits);
$A  loss = $X;
  if (exponent == 127) return loss;
$B  for (t = 0; t < s->steps; ++t) {
$D  }
$E  return loss;
}
)";

std::string restored(const CModel& model, std::string_view to, std::string_view from, std::size_t first,
                     std::size_t end, std::int32_t most) {
  return fmt::format("  for (i = {0}; i < {1}; ++i) {2}[i] = (int32_t){3}_clamp({4}[i], -{5}, {5});\n", first, end, to,
                     model.name, from, most);
}

std::string restore_text(const CModel& model) {
  const TrainableHead& head = *model.head;
  std::string text = restored(model, "top->head.weight", "weight", 0, head.weights(), head.most_weight) +
                     restored(model, "top->head.bias", "bias", 0, head.rows, head.most_bias);
  for (const TrainedWeight& w : model.layer->weights) {
    const std::size_t biases = w.first + w.weights();
    text += restored(model, "top->number", "number", w.first, biases, w.most_weight);
    if (w.bias) text += restored(model, "top->number", "number", biases, biases + w.rows, w.most_bias);
  }
  return text;
}

/// Lines that say which numbers are what.
std::string numbers_text(const TrainableLayer& layer) {
  std::string text;
  for (const TrainedWeight& w : layer.weights) {
    text += fmt::format("                         {}: {}, [{}][{}]{}\n", w.first, w.site, w.rows, w.cols,
                        w.bias ? fmt::format(", then {} biases", w.rows) : "");
  }
  return text;
}

std::size_t saved_bytes(const CModel& model) { return model.head->bytes() + 4 * model.layer->numbers(); }

}  // namespace

std::string c_top_comment(const CModel& model) {
  const TrainableLayer& layer = *model.layer;
  const CValue row = model.memory.entering(layer.entry);
  return fmt::format(
      " * Training of head and top layer: {} bytes more of RAM ({}_top), of which {} are to be saved; it needs no\n"
      " * other memory. {} bytes of {}_state keep what enters the layer, of an example of up to {} steps.\n",
      top_bytes(*model.head, layer), model.name, saved_bytes(model), layer.max_steps * row.cols * row.bits / 8,
      model.name, layer.max_steps);
}

std::string c_top_struct(const CModel& model) {
  const TrainableLayer& layer = *model.layer;
  return fmt::format("#define {0}_TOP_BYTES {1}\n#define {0}_TUNE_STEPS {2}\n\n", c_capitals(model.name),
                     top_bytes(*model.head, layer), layer.max_steps) +
         c_fill(top_struct_text, {{'N', model.name},
                                  {'C', c_capitals(model.name)},
                                  {'M', numbers_text(layer)},
                                  {'L', std::to_string(layer.numbers())},
                                  {'G', std::to_string(layer.numbers())},
                                  {'A', std::to_string(layer.adjoint_numbers())}});
}

std::string c_top_functions(const CModel& model) {
  return c_fill(top_functions_text, {{'N', model.name},
                                     {'C', c_capitals(model.name)},
                                     {'H', std::to_string(model.head->cols)},
                                     {'L', std::to_string(model.layer->numbers())}});
}

std::string c_top_definitions(const CModel& model, CFunctions& functions) {
  const Program& program = model.program;
  const TrainableLayer& layer = *model.layer;
  std::string reset = functions.reset(program.instructions[model.head->number - 1], model.head->number);
  for (const TrainedWeight& w : layer.weights) reset += functions.reset(program.instructions[w.number - 1], w.number);
  return c_fill(top_definitions_text, {{'N', model.name},
                                       {'C', c_capitals(model.name)},
                                       {'R', c_indented(reset, 2)},
                                       {'F', restore_text(model)},
                                       {'A', c_indented(functions.begin_back(program, *model.head, layer), 2)},
                                       {'X', functions.tune(*model.head, "&top->head", "s->logits")},
                                       {'B', c_indented(functions.clear(layer), 2)},
                                       {'D', c_indented(functions.step_back(program, layer), 4)},
                                       {'E', c_indented(functions.descend(program, layer), 2)}});
}

}  // namespace bitstate::program

#include "core/program/c/tuning.h"

#include "core/exp2.h"
#include "core/program/c/text.h"
#include "core/program/c/top.h"
#include "core/tuning/in_turn.h"

#include <fmt/format.h>

#include <vector>

namespace bitstate::program {
namespace {

// $M and $K: the factor of a difference of logits
constexpr std::string_view exponent_text = R"(/* u: the probabilities of both are to each other as 1 to 2^(-u 2^-16) */
static int64_t $N(int32_t largest, int32_t logit) {
  const int64_t distance = (int64_t)largest - logit;
  return $P_rescale(distance > 2147483647 ? 2147483647 : distance, $M, $K);
}
)";

// $X: 2^(30 - j/16)
constexpr std::string_view shrunk_text = R"(/* 2^(30 - u 2^-16) */
static int64_t $N(int64_t u) {
  static const int32_t sixteenths[16] = {
$X  };
  const int64_t a = ((u & 4095) * 726818 + 32) >> 6;
  const int64_t parabola = 1073741824 - a + ((a * a) >> 31);
  if (u >> 16 > 30) return 0;
  return ((sixteenths[(u >> 12) & 15] * parabola) >> 30) >> (u >> 16);
}
)";

constexpr std::string_view loss_text = R"(/* of the exponent of the label's logit, and of the sum of all */
static int32_t $N(int64_t exponent, int64_t sum) {
  int64_t mantissa, log = 0;
  int digit;
  while (sum >> (log + 31) > 0) ++log;
  mantissa = sum >> log;
  for (digit = 0; digit < 16; ++digit) {
    mantissa = (mantissa * mantissa) >> 30;
    log = 2 * log + (mantissa >> 31);
    mantissa >>= mantissa >> 31;
  }
  if (exponent > 1073741824) exponent = 1073741824;
  return (int32_t)(((exponent + log) * 45426 + 32768) >> 16);
}
)";

// $R: classes
constexpr std::string_view largest_text = R"(static int32_t $N(const int32_t *logits) {
  int32_t largest = logits[0];
  uint32_t o;
  for (o = 1; o < $R; ++o) {
    if (logits[o] > largest) largest = logits[o];
  }
  return largest;
}
)";

constexpr std::string_view total_text = R"(/* the sum of the probabilities, that of the largest logit being 2^30 */
static int64_t $N(const int32_t *logits, int32_t largest) {
  int64_t sum = 0;
  uint32_t o;
  for (o = 0; o < $R; ++o) sum += $P_shrunk($P_exponent(largest, logits[o]));
  return sum;
}
)";

constexpr std::string_view gradient_text = R"(/* of the loss by the logit o, times 65536 */
static int64_t $N(const int32_t *logits, uint32_t o, uint32_t label, int32_t largest, int64_t sum) {
  const int64_t share = 65536 * $P_shrunk($P_exponent(largest, logits[o]));
  return (share + (sum >> 1)) / sum - (o == label ? 65536 : 0);
}
)";

// $X: the operand's type, $A and $B: parameters of the rates, $E and $F: their elements, $R and $C: sizes, $W and $V:
// limits
constexpr std::string_view tune_text =
    R"(static int32_t $N($P_head *head, const $X *x, const int32_t *logits, uint32_t label, $A, $B) {
  const int32_t largest = $P_largest(logits);
  const int64_t sum = $P_total(logits, largest);
  int32_t *weight = head->weight;
  uint32_t o, c;
  for (o = 0; o < $R; ++o) {
    const int64_t gradient = $P_gradient(logits, o, label, largest, sum);
    for (c = 0; c < $C; ++c) {
      weight[c] = (int32_t)$P_clamp(weight[c] - $P_rescale(gradient * x[c], $E), -$W, $W);
    }
    head->bias[o] = (int32_t)$P_clamp(head->bias[o] - $P_rescale(gradient, $F), -$V, $V);
    weight += $C;
  }
  return $P_loss($P_exponent(largest, logits[label]), sum);
}
)";

constexpr std::string_view unpack_text =
    R"(static void $N(const $W *w, int32_t *weight, uint32_t rows, uint32_t cols) {
  uint32_t o, c;
  for (o = 0; o < rows; ++o) {
    for (c = 0; c < cols; ++c) weight[c] = ((int32_t)($C)) * 65536;
    w += $S;
    weight += cols;
  }
}
)";

// $N: name, $C: its capitals, $W and $B: numbers of weights and biases, $A: a comment
constexpr std::string_view head_struct_text =
    R"($Atypedef struct {
  int32_t weight[$W]; /* [$C_OUTPUTS][$H]: codes times 65536 */
  int32_t bias[$B];
} $N_head;
)";

constexpr std::string_view head_struct_comment =
    "/* The head: it is in RAM, and $N_tune trains it. Save and restore it as two plain arrays. */\n";

// $P: what stands before the label
constexpr std::string_view head_functions_text =
    R"(/* The head as it was before any training here. Call it, or $N_restore, before anything that takes a head. */
void $N_reset($N_head *head);

/* A head that was saved: weight [$C_OUTPUTS][$H], bias [$C_OUTPUTS]. Numbers beyond the limits of training are
   taken as the nearest limit. */
void $N_restore($N_head *head, const int32_t *weight, const int32_t *bias);

/* $D
   The class is `label`. Takes a step of gradient descent on the cross-entropy and returns its value before the step, in
   units of 1/65536 nat; for a label that is no class -1, and nothing changes. */
int32_t $N_tune($P, uint32_t label);
)";

// $R: statements of the reset, $Q and $B: sizes, $W and $V: limits, $L: what makes logits, $T: the step
constexpr std::string_view head_definitions_text = R"(
void $N_reset($N_head *head) {
$R}

void $N_restore($N_head *head, const int32_t *weight, const int32_t *bias) {
  uint32_t i;
  for (i = 0; i < $Q; ++i) head->weight[i] = (int32_t)$N_clamp(weight[i], -$W, $W);
  for (i = 0; i < $B; ++i) head->bias[i] = (int32_t)$N_clamp(bias[i], -$V, $V);
}

int32_t $N_tune($P, uint32_t label) {
  if (label >= $B) return -1;
$L  return $T;
}
)";

std::vector<std::int64_t> sixteenths() { return {exp2_sixteenths.begin(), exp2_sixteenths.end()}; }

/// The parameters of NAME_tune before the label.
std::string tune_parameters(const CModel& model) {
  return fmt::format("{0}_state *s, {0}_head *head{1}", model.name, model.per_step() ? ", const int32_t *output" : "");
}

}  // namespace

std::string CFunctions::reset(const Instruction& instruction, std::size_t number) {
  const CTrainedWeight& to = trained_.at(number);
  const auto* const linear = std::get_if<Linear>(&instruction);
  Matrix matrix;
  if (linear == nullptr) {
    const std::vector<std::int32_t>& row = std::get<Scale>(instruction).row;
    matrix = {1, static_cast<std::uint32_t>(row.size()), c_bits(row), row};
  } else {
    matrix = linear->weight;
  }
  const auto weight = constants_.packed(matrix);
  const std::string row = weight.bits < 8 ? fmt::format("(cols + {0} - 1) / {0}", 8 / weight.bits) : "cols";
  const std::string function = define(fmt::format("unpack_w{}", weight.bits), unpack_text,
                                      {{'W', weight.type()}, {'C', weight.code("c")}, {'S', row}});
  const std::string text =
      fmt::format("{}({}, {}, {}, {});\n", function, weight.name, to.weight, matrix.rows, matrix.cols);
  if (to.bias.empty()) return text;
  unsigned bits = 0;
  const std::string bias = constants_.array(linear->bias, bits);
  return text + copy({bias, bits, linear->bias.size()}, {to.bias, 32, linear->bias.size()}) + "\n";
}

void CFunctions::need_gradients(const TrainableHead& head) {
  need_rescale();
  define("exponent", exponent_text,
         {{'M', std::to_string(head.exponent.multiplier)}, {'K', std::to_string(head.exponent.shift)}});
  define("shrunk", shrunk_text, {{'X', c_list(sixteenths())}});
  const std::string rows = std::to_string(head.rows);
  define("largest", largest_text, {{'R', rows}});
  define("total", total_text, {{'R', rows}});
  define("gradient", gradient_text, {});
}

std::string CFunctions::tune(const TrainableHead& head, std::string_view at, std::string_view logits) {
  need_gradients(head);
  need_clamp();
  const CValue& x =
      memory_.value(head.x);  // which nothing overwrites: the sums are elsewhere, and logits not in scratch
  define("loss", loss_text, {});
  const COperand weight_rate = constants_.factors(head.weight_rates, "wf", "o");
  const COperand bias_rate = constants_.factors(head.bias_rates, "bf", "o");
  const std::string function = define("descend", tune_text,
                                      {{'X', c_type(x.bits)},
                                       {'A', weight_rate.parameter},
                                       {'B', bias_rate.parameter},
                                       {'E', weight_rate.element},
                                       {'F', bias_rate.element},
                                       {'R', std::to_string(head.rows)},
                                       {'C', std::to_string(head.cols)},
                                       {'W', std::to_string(head.most_weight)},
                                       {'V', std::to_string(head.most_bias)}});
  return fmt::format("{}({}, {}, {}, label, {}, {})", function, at, x.at, logits, weight_rate.argument,
                     bias_rate.argument);
}

CTrained c_trained(const CModel& model) {
  CTrained trained;
  if (!model.head) return trained;
  const std::string head = model.layer ? "top->head." : "head->";
  trained[model.head->number] = {head + "weight", head + "bias"};
  if (!model.layer) return trained;
  for (const TrainedWeight& w : model.layer->weights) {
    trained[w.number] = {fmt::format("top->number + {}", w.first),
                         w.bias ? fmt::format("top->number + {}", w.first + w.weights()) : ""};
  }
  return trained;
}

std::vector<std::pair<std::string, std::size_t>> c_trained_arrays(const CModel& model) {
  const std::size_t weights = model.head->weights(), biases = model.head->rows;
  if (!model.layer) return {{"weight", weights}, {"bias", biases}};
  return {{"head.weight", weights}, {"head.bias", biases}, {"number", model.layer->numbers()}};
}

std::string c_head_comment(const CModel& model) {
  if (model.layer) return c_top_comment(model);
  return fmt::format(" * Training of the head: {} bytes more of RAM ({}_head); it needs no other memory.\n",
                     model.head->bytes(), model.name);
}

std::string c_head_struct(const CModel& model) {
  const TrainableHead& head = *model.head;
  const std::string comment = model.layer ? "" : c_fill(head_struct_comment, {{'N', model.name}});
  return fmt::format("#define {}_HEAD_BYTES {}\n\n", c_capitals(model.name), head.bytes()) +
         c_fill(head_struct_text, {{'N', model.name},
                                   {'C', c_capitals(model.name)},
                                   {'A', comment},
                                   {'W', std::to_string(head.weights())},
                                   {'B', std::to_string(head.rows)},
                                   {'H', std::to_string(head.cols)}}) +
         (model.layer ? "\n" + c_top_struct(model) : "");
}

std::string c_head_functions(const CModel& model) {
  if (model.layer) return c_top_functions(model);
  return c_fill(head_functions_text, {{'N', model.name},
                                      {'C', c_capitals(model.name)},
                                      {'H', std::to_string(model.head->cols)},
                                      {'D', model.per_step() ? "After a step, whose output is `output`."
                                                             : "After the steps of an example, or after any of them."},
                                      {'P', tune_parameters(model)}});
}

std::string c_head_definitions(const CModel& model, CFunctions& functions) {
  if (model.layer) return c_top_definitions(model, functions);
  const TrainableHead& head = *model.head;
  const std::string reset = functions.reset(model.program.instructions[head.number - 1], head.number);
  const std::string logits = model.per_step() ? "" : fmt::format("  {0}_logits(s, head, s->logits);\n", model.name);
  return c_fill(head_definitions_text,
                {{'N', model.name},
                 {'R', c_indented(reset, 2)},
                 {'Q', std::to_string(head.weights())},
                 {'B', std::to_string(head.rows)},
                 {'W', std::to_string(head.most_weight)},
                 {'V', std::to_string(head.most_bias)},
                 {'P', tune_parameters(model)},
                 {'L', logits},
                 {'T', functions.tune(head, "head", model.per_step() ? "output" : "s->logits")}});
}

std::uint64_t c_tuning_hash(const CModel& model, std::span<const CTestSequence> tests) {
  std::vector<std::vector<std::int32_t>> inputs;
  for (const CTestSequence& test : tests) inputs.push_back(test.input);
  const std::vector<CTestSequence> found{
      {{}, tuned_in_turn(model.program, *model.head, model.layer, inputs, c_tuning_rounds)}};
  return c_test_hash(found);
}

}  // namespace bitstate::program

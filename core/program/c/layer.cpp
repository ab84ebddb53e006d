// The way back through the top layer of a program in training (docs/numerics.md, section 13).
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <string>
#include <variant>

namespace bitstate::program {
namespace {

constexpr std::string_view shifted_text = R"(/* v 2^-k, rounded half up */
static int64_t $N(int64_t v, unsigned k) {
  return (v + (((int64_t)1 << k) >> 1)) >> k;
}
)";

constexpr std::string_view column_text = R"(/* the product of a column of weights in training and the adjoints a */
static int64_t $N(const int32_t *w, const int32_t *a, uint32_t rows, uint32_t cols) {
  int64_t sum = 0;
  uint32_t o;
  for (o = 0; o < rows; ++o) {
    sum += (int64_t)((*w + 32768) >> 16) * a[o];
    w += cols;
  }
  return sum;
}
)";

// $A and $E: the factors of the sums, $R and $C: sizes
constexpr std::string_view begin_text =
    R"(/* The adjoints of the sums and of the operand x of the head, in 29 bits; returns the exponent of the unit of x, or 127
   where it is 0. */
static int $N(const $P_head *head, const int32_t *logits, uint32_t label, $A, int32_t *sums, int32_t *x) {
  const int32_t top = $P_largest(logits);
  const int64_t total = $P_total(logits, top);
  int64_t largest = 0;
  int exponent = 0;
  uint32_t o, c;
  for (o = 0; o < $R; ++o) {
    sums[o] = (int32_t)$P_rescale($P_gradient(logits, o, label, top, total) * 8192, $E);
  }
  for (c = 0; c < $C; ++c) {
    const int64_t sum = $P_column(head->weight + c, sums, $R, $C);
    if (sum > largest) largest = sum;
    if (-sum > largest) largest = -sum;
  }
  if (largest == 0) return 127;
  while (largest >> exponent >= 536870912) ++exponent;
  for (; largest < 268435456; largest *= 2) --exponent;
  for (c = 0; c < $C; ++c) {
    const int64_t sum = $P_column(head->weight + c, sums, $R, $C);
    x[c] = (int32_t)(exponent < 0 ? sum * ((int64_t)1 << -exponent) : $P_shifted(sum, (unsigned)exponent));
  }
  return exponent;
}
)";

constexpr std::string_view back_linear_text =
    R"(static void $N(const int32_t *w, const int32_t *from, int32_t *to, uint32_t rows, uint32_t cols, unsigned k) {
  uint32_t c;
  for (c = 0; c < cols; ++c) to[c] += (int32_t)$P_shifted($P_column(w + c, from, rows, cols), k);
}
)";

// $F, $L and $H: elements of the rounding, $X: what it reads, $G: the factor of the way back
constexpr std::string_view back_quantize_text =
    R"(static void $N($A, const $X *x, const int32_t *from, int32_t *to, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) {
    const int64_t y = $P_rescale(x[c], $F);
    if (y >= $L && y <= $H) to[c] += (int32_t)$P_rescale(from[c], $G);
  }
}
)";

constexpr std::string_view back_sum_text = R"(static void $N($A, const int32_t *from, int32_t *to, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) to[c] += (int32_t)$P_rescale(from[c], $G);
}
)";

constexpr std::string_view back_product_text =
    R"(static void $N(const $X *other, const int32_t *from, int32_t *to, unsigned k, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) to[c] += (int32_t)$P_shifted((int64_t)from[c] * other[c], k);
}
)";

constexpr std::string_view back_table_text =
    R"(static void $N(const $W *slopes, int32_t first, $O, const $X *x, const int32_t *from, int32_t *to, unsigned k, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) to[c] += (int32_t)$P_shifted((int64_t)from[c] * slopes[$A + x[c] - first], k);
}
)";

constexpr std::string_view gather_linear_text =
    R"(static void $N(const $X *x, const int32_t *from, int32_t *gradient, unsigned k, uint32_t rows, uint32_t cols) {
  uint32_t o, c;
  for (o = 0; o < rows; ++o) {
    for (c = 0; c < cols; ++c) gradient[c] += (int32_t)$P_shifted((int64_t)from[o] * x[c], k);
    gradient += cols;
  }
}
)";

constexpr std::string_view gather_row_text =
    R"(static void $N(const $X *x, const int32_t *from, int32_t *gradient, unsigned k, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) gradient[c] += (int32_t)$P_shifted((int64_t)from[c] * x[c], k);
}
)";

constexpr std::string_view gather_bias_text =
    R"(static void $N(const int32_t *from, int32_t *gradient, unsigned k, uint32_t n) {
  uint32_t o;
  for (o = 0; o < n; ++o) gradient[o] += (int32_t)$P_shifted(from[o], k);
}
)";

constexpr std::string_view move_text = R"(/* the mean over n steps of gradient m 2^-k, rounded half up */
static int64_t $N(int32_t gradient, int32_t m, int k, uint32_t n) {
  int64_t numerator;
  if (k > 62) return 0;
  numerator = 2 * $P_rescale(gradient, m, (unsigned)(k < 1 ? 1 : k)) + n;
  return numerator / (2 * (int64_t)n) - (numerator % (2 * (int64_t)n) < 0);
}
)";

// $M and $K: multiplier and shift of the rate
constexpr std::string_view descend_layer_text =
    R"(static void $N($A, int exponent, uint32_t n, const int32_t *gradient, int32_t *number, int32_t most, uint32_t rows,
               uint32_t cols) {
  uint32_t o, c;
  for (o = 0; o < rows; ++o) {
    for (c = 0; c < cols; ++c) {
      number[c] = (int32_t)$P_clamp(number[c] - $P_move(gradient[c], $M, (int)$K - exponent, n), -most, most);
    }
    gradient += cols;
    number += cols;
  }
}
)";

std::string adjoint_of(const TrainableLayer& layer, Ref value) {
  return fmt::format("top->adjoint + {}", layer.adjoint(value).first);
}

std::string zeros(std::string_view at, std::string_view from, std::size_t end) {
  return fmt::format("for (i = {}; i < {}; ++i) {}[i] = 0;\n", from, end, at);
}

Ref last_of(const Program& program, const TrainableLayer& layer) {
  return operands_of(program.instructions[layer.pool - 1])[0];
}

bool is_row(const Program& program, const TrainedWeight& w) {
  return std::holds_alternative<Scale>(program.instructions[w.number - 1]);
}

}  // namespace

void CFunctions::need_shifted() { define("shifted", shifted_text, {}); }
void CFunctions::need_column() { define("column", column_text, {}); }

std::string CFunctions::begin_back(const Program& program, const TrainableHead& head, const TrainableLayer& layer) {
  need_gradients(head);
  need_shifted();
  need_column();
  const COperand factor = constants_.factors(layer.sums, "f", "o");
  const std::string function = define("begin_back", begin_text,
                                      {{'A', factor.parameter},
                                       {'E', factor.element},
                                       {'R', std::to_string(head.rows)},
                                       {'C', std::to_string(head.cols)}});
  std::string text =
      fmt::format("exponent = {}(&top->head, s->logits, label, {}, {}, {});\n", function, factor.argument,
                  adjoint_of(layer, static_cast<Ref>(head.number)), adjoint_of(layer, head.x));
  if (!layer.before_head) return text;
  const Adjoint& pooled = layer.adjoint(static_cast<Ref>(layer.pool));
  return text + zeros("top->adjoint", std::to_string(pooled.first), pooled.first + pooled.cols) +
         back(program, layer, *layer.before_head);
}

std::string CFunctions::clear(const TrainableLayer& layer) {
  std::string text = zeros("top->gradient", "0", layer.numbers());
  for (const CValue& kept : {memory_.state(layer.scan), memory_.kept(layer.scan)}) {
    if (!kept.at.empty()) text += zeros(kept.at, "0", kept.cols);
  }
  return text;
}

std::string CFunctions::step_back(const Program& program, const TrainableLayer& layer) {
  const Ref last = last_of(program, layer);
  const Adjoint& begin = layer.adjoint(last);
  std::string text = copy(memory_.entering(layer.entry), memory_.value(layer.entry)) + "\n";
  for (std::size_t number = layer.entry + 1; number <= last; ++number) {
    text += call(program.instructions[number - 1], number) + "\n";
  }
  if (std::holds_alternative<Last>(program.instructions[layer.pool - 1])) text += "if (t + 1 < s->steps) continue;\n";
  text += zeros("top->adjoint", std::to_string(begin.first), layer.adjoint_numbers());
  text += copy({adjoint_of(layer, static_cast<Ref>(layer.pool)), 32, begin.cols},
               {adjoint_of(layer, last), 32, begin.cols}) +
          "\n";
  for (const Backward& way : layer.backward) text += back(program, layer, way);
  for (const TrainedWeight& w : layer.weights) text += gather(program, layer, w);
  return text;
}

std::string CFunctions::back(const Program& program, const TrainableLayer& layer, const Backward& way) {
  const Instruction& i = program.instructions[way.number - 1];
  const std::string from = adjoint_of(layer, static_cast<Ref>(way.number));
  const std::string to = adjoint_of(layer, way.to);
  const std::size_t cols = layer.adjoint(way.to).cols;
  const CValue& x = memory_.value(way.to);
  need_shifted();
  if (std::holds_alternative<Linear>(i)) {
    need_column();
    const TrainedWeight& w = *layer.weight(way.number);
    return fmt::format("{}({}, {}, {}, {}, {}, {});\n", define("back_linear", back_linear_text, {}),
                       trained_.at(way.number).weight, from, to, w.rows, w.cols, way.shift);
  }
  if (std::holds_alternative<Product>(i)) {
    const CValue& other = memory_.value(way.other);
    const std::string function =
        define(fmt::format("back_product_i{}", other.bits), back_product_text, {{'X', c_type(other.bits)}});
    return fmt::format("{}({}, {}, {}, {}, {});\n", function, other.at, from, to, way.shift, cols);
  }
  if (const auto* const table = std::get_if<Table>(&i)) {
    unsigned bits = 0;
    const std::string slopes = constants_.array(way.slopes.codes, bits);
    const std::vector<std::int32_t> offsets = table->offsets();
    const COperand offset = constants_.numbers(offsets.empty() ? std::vector{0} : offsets, "offset", "c");
    const std::string function =
        define(fmt::format("back_table_e{}_{}_i{}", bits, offset.suffix, x.bits), back_table_text,
               {{'W', c_type(bits)}, {'O', offset.parameter}, {'A', offset.element}, {'X', c_type(x.bits)}});
    return fmt::format("{}({}, {}, {}, {}, {}, {}, {}, {});\n", function, slopes, c_number(table->first),
                       offset.argument, x.at, from, to, way.shift, cols);
  }
  need_rescale();
  const COperand factor = constants_.factors(way.factor, "g", "c");
  if (const auto* const rounding = std::get_if<Rescale>(&i)) {
    const COperand f = constants_.factors(rounding->factor, "f", "c");
    const COperand lo = constants_.numbers(rounding->lo, "lo", "c");
    const COperand hi = constants_.numbers(rounding->hi, "hi", "c");
    const std::string parameters =
        fmt::format("{}, {}, {}, {}", f.parameter, lo.parameter, hi.parameter, factor.parameter);
    const std::string function =
        define(fmt::format("back_quantize_{}_{}_{}_{}_i{}", f.suffix, lo.suffix, hi.suffix, factor.suffix, x.bits),
               back_quantize_text,
               {{'A', parameters},
                {'X', c_type(x.bits)},
                {'F', f.element},
                {'L', lo.element},
                {'H', hi.element},
                {'G', factor.element}});
    return fmt::format("{}({}, {}, {}, {}, {}, {}, {}, {});\n", function, f.argument, lo.argument, hi.argument,
                       factor.argument, x.at, from, to, cols);
  }
  const std::string function = define(fmt::format("back_sum_{}", factor.suffix), back_sum_text,
                                      {{'A', factor.parameter}, {'G', factor.element}});
  return fmt::format("{}({}, {}, {}, {});\n", function, factor.argument, from, to, cols);
}

std::string CFunctions::gather(const Program& program, const TrainableLayer& layer, const TrainedWeight& w) {
  const CValue& x = memory_.value(w.x);
  const std::string from = adjoint_of(layer, static_cast<Ref>(w.number));
  const std::string to = fmt::format("top->gradient + {}", w.first);
  if (is_row(program, w)) {
    const std::string function =
        define(fmt::format("gather_row_i{}", x.bits), gather_row_text, {{'X', c_type(x.bits)}});
    return fmt::format("{}({}, {}, {}, {}, {});\n", function, x.at, from, to, w.shift, w.cols);
  }
  const std::string function =
      define(fmt::format("gather_linear_i{}", x.bits), gather_linear_text, {{'X', c_type(x.bits)}});
  const std::string text =
      fmt::format("{}({}, {}, {}, {}, {}, {});\n", function, x.at, from, to, w.shift, w.rows, w.cols);
  if (!w.bias) return text;
  return text + fmt::format("{}({}, {} + {}, {}, {});\n", define("gather_bias", gather_bias_text, {}), from, to,
                            w.weights(), w.bias_shift, w.rows);
}

std::string CFunctions::descend(const Program& program, const TrainableLayer& layer) {
  need_rescale();
  need_clamp();
  define("move", move_text, {});
  const bool mean = std::holds_alternative<MeanPool>(program.instructions[layer.pool - 1]);
  std::string text;
  const auto move = [&](const std::vector<FixedPoint>& rates, std::size_t first, std::int32_t most, std::size_t rows,
                        std::size_t cols) {
    const COperand rate = constants_.factors(rates, "f", "o");
    const std::size_t comma = rate.element.find(", ");
    const std::string function = define(fmt::format("descend_{}", rate.suffix), descend_layer_text,
                                        {{'A', rate.parameter},
                                         {'M', std::string_view(rate.element).substr(0, comma)},
                                         {'K', std::string_view(rate.element).substr(comma + 2)}});
    text += fmt::format("{0}({1}, exponent, {2}, top->gradient + {3}, top->number + {3}, {4}, {5}, {6});\n", function,
                        rate.argument, mean ? "s->steps" : "1", first, most, rows, cols);
  };
  for (const TrainedWeight& w : layer.weights) {
    const bool row = is_row(program, w);
    move(w.rates, w.first, w.most_weight, row ? w.cols : w.rows, row ? 1 : w.cols);
    if (w.bias) move(w.bias_rates, w.first + w.weights(), w.most_bias, w.rows, 1);
  }
  return text;
}

}  // namespace bitstate::program

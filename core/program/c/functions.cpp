#include "core/program/c/functions.h"

#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bitstate::program {
namespace {

constexpr std::string_view table_text =
    R"(static void $N(const $W *entries, int32_t first, $O, const $X *x, $Y *y, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) y[c] = ($Y)entries[$A + x[c] - first];
}
)";

constexpr std::string_view embedding_text =
    R"(static void $N(const $W *w, const $X *id, $Y *y, uint32_t row, uint32_t cols) {
  uint32_t c;
  w += (uint32_t)*id * row;
  for (c = 0; c < cols; ++c) y[c] = ($Y)($C);
}
)";

constexpr std::string_view embedding_levels_text =
    R"(static void $N(const $W *w, const $S *step, uint32_t shift, int32_t bound, const $X *id, $Y *y, uint32_t row,
               uint32_t cols) {
  const int64_t m = step[(uint32_t)*id];
  const int64_t half = (int64_t)1 << (shift - 1);
  uint32_t c;
  w += (uint32_t)*id * row;
  for (c = 0; c < cols; ++c) y[c] = ($Y)$P_clamp(((int64_t)($C) * m + half) >> shift, -bound, bound);
}
)";

constexpr std::string_view copy_text = R"(static void $N(const $X *x, $Y *y, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) y[c] = ($Y)x[c];
}
)";

constexpr std::string_view gather_text = R"(static void $N(const $X *x, int64_t *sum, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) sum[c] += x[c];
}
)";

constexpr std::string_view mean_text = R"(/* floor((2^(fraction+1) sum + steps) / (2 steps)) */
static void $N(const int64_t *sum, uint32_t steps, int fraction, $Y *y, uint32_t n) {
  const int64_t count = steps == 0 ? 1 : (int64_t)steps;
  uint32_t c;
  for (c = 0; c < n; ++c) {
    const int64_t numerator = sum[c] * ((int64_t)2 << fraction) + count;
    const int64_t quotient = numerator / (2 * count);
    y[c] = ($Y)(quotient - (numerator % (2 * count) < 0));
  }
}
)";

}  // namespace

CFunctions::CFunctions(std::string_view prefix, const std::vector<ValueInfo>& infos, const CMemory& memory,
                       CConstants& constants, CTrained trained)
    : prefix_(prefix), infos_(infos), memory_(memory), constants_(constants), trained_(std::move(trained)) {}

std::string CFunctions::define(std::string_view name, std::string_view body, const Fillers& fillers) {
  std::string full = fmt::format("{}_{}", prefix_, name);
  std::string text(body);
  const auto replace = [&](std::string_view key, std::string_view with) {
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + with.size())) {
      text.replace(at, key.size(), with);
    }
  };
  replace("$N", full);
  replace("$P", prefix_);
  pieces_.add(c_fill(text, fillers) + "\n", targets_);
  return full;
}

void CFunctions::set_targets(CTargets targets) {
  targets_ = targets;
  constants_.set_targets(targets);
}

std::string CFunctions::elementwise(std::string_view kind, std::size_t number, const std::vector<const CValue*>& inputs,
                                    const std::vector<COperand>& constants, std::string_view expression) {
  const CValue& y = memory_.value(static_cast<Ref>(number));
  constexpr std::array<char, 2> letters{'a', 'b'};
  std::string name(kind), parameters, arguments;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    name += fmt::format("_i{}", inputs[i]->bits);
    parameters += fmt::format("const {} *{}, ", c_type(inputs[i]->bits), letters.at(i));
    arguments += inputs[i]->at + ", ";
  }
  for (const COperand& o : constants) {
    name += "_" + o.suffix;
    parameters += o.parameter + ", ";
    arguments += o.argument + ", ";
  }
  name += fmt::format("_i{}", y.bits);
  const std::string function = define(name, R"(static void $N($A$Y *y, uint32_t n) {
  uint32_t c;
  for (c = 0; c < n; ++c) y[c] = ($Y)($E);
}
)",
                                      {{'A', parameters}, {'Y', c_type(y.bits)}, {'E', expression}});
  return fmt::format("{}({}{}, {});", function, arguments, y.at, y.cols);
}

std::string CFunctions::call(const Instruction& instruction, std::size_t number) {
  return std::visit([&](const auto& i) { return compute(i, number); }, instruction);
}

std::string CFunctions::copy(const CValue& from, const CValue& to) {
  const std::string function = define(fmt::format("copy_i{}_i{}", from.bits, to.bits), copy_text,
                                      {{'X', c_type(from.bits)}, {'Y', c_type(to.bits)}});
  return fmt::format("{}({}, {}, {});", function, from.at, to.at, from.cols);
}

std::string CFunctions::clamp_input(const Input& input, std::string_view at) {
  const CValue& x = memory_.value(0);
  const CValue given{std::string(at), x.bits, x.cols};
  const std::vector<std::int32_t> lo{input.grid.lo}, hi{input.grid.hi};
  const auto low = constants_.numbers(lo, "lo", "c");
  const auto high = constants_.numbers(hi, "hi", "c");
  return elementwise("limit", 0, {&given}, {low, high}, clamp_of(true) + "(a[c], lo, hi)");
}

std::string CFunctions::pad_input(const Input& input) {
  // padding is the number 0, whose code is 0, or 1 with one bit
  const std::vector<std::int32_t> code{padding_code(input)};
  return elementwise("fill", 0, {}, {constants_.numbers(code, "code", "c")}, "code");
}

std::string CFunctions::compute(const Rescale& i, std::size_t number) {
  const CRescale scaled = rescaled(i.factor, infos_[i.x].magnitude(), "f", "c");
  const COperand lo = constants_.numbers(i.lo, "lo", "c");
  const COperand hi = constants_.numbers(i.hi, "hi", "c");
  return elementwise("quantize", number, {&memory_.value(i.x)}, {scaled.operand, lo, hi},
                     fmt::format("{}({}, {}, {})", clamp_of(scaled.narrow), scaled.of("a[c]"), lo.element, hi.element));
}

std::string CFunctions::compute(const Sign& i, std::size_t number) {
  return elementwise("sign", number, {&memory_.value(i.x)}, {}, "a[c] >= 0 ? 1 : -1");
}

std::string CFunctions::compute(const Product& i, std::size_t number) {
  return elementwise("product", number, {&memory_.value(i.a), &memory_.value(i.b)}, {}, "(int32_t)a[c] * b[c]");
}

std::string CFunctions::compute(const Scale& i, std::size_t number) {
  const auto trained = trained_.find(number);
  const COperand row = trained == trained_.end() ? constants_.numbers(i.row, "row", "c")
                                                 : COperand{"trained", "const int32_t *row", trained->second.weight,
                                                            "((row[c] + 32768) >> 16)"};
  return elementwise("scale", number, {&memory_.value(i.x)}, {row}, fmt::format("(int32_t)a[c] * {}", row.element));
}

std::string CFunctions::compute(const Sum& i, std::size_t number) {
  const CRescale a = rescaled(i.a_factor, infos_[i.a].magnitude(), "fa", "c");
  const CRescale b = rescaled(i.b_factor, infos_[i.b].magnitude(), "fb", "c");
  return elementwise("sum", number, {&memory_.value(i.a), &memory_.value(i.b)}, {a.operand, b.operand},
                     fmt::format("{} + {}", a.of("a[c]"), b.of("b[c]")));
}

std::string CFunctions::compute(const AddRow& i, std::size_t number) {
  const CRescale scaled = rescaled(i.factor, infos_[i.x].magnitude(), "f", "c");
  const COperand row = constants_.numbers(i.row, "row", "c");
  return elementwise("add", number, {&memory_.value(i.x)}, {scaled.operand, row},
                     fmt::format("{} + {}", scaled.of("a[c]"), row.element));
}

std::string CFunctions::compute(const Table& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  unsigned bits = 0;
  const std::string entries = constants_.array(i.entries.codes, bits);
  const std::vector<std::int32_t> offsets = i.offsets();
  const COperand offset = constants_.numbers(offsets.empty() ? std::vector{0} : offsets, "offset", "c");
  const std::string function =
      define(fmt::format("table_e{}_{}_i{}_i{}", bits, offset.suffix, x.bits, y.bits), table_text,
             {{'W', c_type(bits)},
              {'O', offset.parameter},
              {'A', offset.element},
              {'X', c_type(x.bits)},
              {'Y', c_type(y.bits)}});
  return fmt::format("{}({}, {}, {}, {}, {}, {});", function, entries, c_number(i.first), offset.argument, x.at, y.at,
                     y.cols);
}

std::string CFunctions::compute(const Embedding& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  if (i.table.levels.bits > 0) return compute_levels(i, x, y);
  const auto table = constants_.packed(i.table);
  const std::string function =
      define(fmt::format("embedding_w{}_i{}_i{}", table.bits, x.bits, y.bits), embedding_text,
             {{'W', table.type()}, {'X', c_type(x.bits)}, {'Y', c_type(y.bits)}, {'C', table.code("c")}});
  return fmt::format("{}({}, {}, {}, {}, {});", function, table.name, x.at, y.at, table.row_size, y.cols);
}

std::string CFunctions::compute_levels(const Embedding& i, const CValue& x, const CValue& y) {
  need_clamp();
  const Levels& levels = i.table.levels;
  const auto table = constants_.packed(i.table.few_bits());
  unsigned bits = 0;
  const std::string steps = constants_.array(levels.steps, bits);
  const std::string function = define(
      fmt::format("embedding_w{}_s{}_i{}_i{}", table.bits, bits, x.bits, y.bits), embedding_levels_text,
      {{'W', table.type()}, {'S', c_type(bits)}, {'X', c_type(x.bits)}, {'Y', c_type(y.bits)}, {'C', table.code("c")}});
  return fmt::format("{}({}, {}, {}, {}, {}, {}, {}, {});", function, table.name, steps, levels.shift, levels.bound,
                     x.at, y.at, table.row_size, y.cols);
}

std::string CFunctions::compute(const MeanPool& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const std::string function = define(fmt::format("gather_i{}", x.bits), gather_text, {{'X', c_type(x.bits)}});
  return fmt::format("{}({}, {}, {});", function, x.at, memory_.kept(number).at, x.cols);
}

std::string CFunctions::compute(const Last& i, std::size_t number) {
  return copy(memory_.value(i.x), memory_.value(static_cast<Ref>(number)));
}

std::string CFunctions::compute(const Concatenate& i, std::size_t number) {
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const CValue& a = memory_.value(i.a);
  const std::string left = copy(a, {y.at, y.bits, a.cols});
  return left + "\n" + copy(memory_.value(i.b), {fmt::format("{} + {}", y.at, a.cols), y.bits, y.cols - a.cols});
}

std::string CFunctions::finish(const Instruction& instruction, std::size_t number) {
  return std::visit([&](const auto& i) { return conclude(i, number); }, instruction);
}

std::string CFunctions::conclude(const MeanPool& i, std::size_t number) {
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const std::string function = define(fmt::format("mean_i{}", y.bits), mean_text, {{'Y', c_type(y.bits)}});
  return fmt::format("{}({}, s->steps, {}, {}, {});", function, memory_.kept(number).at, i.fraction, y.at, y.cols);
}

}  // namespace bitstate::program

// The linear map in C: two rows at once, by pairs of products where the target has them (docs/numerics.md, section 9).
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace bitstate::program {
namespace {

constexpr std::string_view linear_text =
    R"(static void $N(const $W *w, $B, const $X *x, $Y *y, uint32_t rows, uint32_t cols) {
  uint32_t o, c;
  for (o = 0; o < rows; ++o) {
    int32_t sum = $E;
    for (c = 0; c < cols; ++c) sum += ((int32_t)$C) * x[c];
    y[o] = ($Y)sum;
    w += $S;
  }
}
)";

// $H: what stored codes are above, $G: what their sums are multiplied by; $U: codes of a word, $T: of a byte; $E and
// $F: biases of two rows; $J: products of an iteration
constexpr std::string_view products_text =
    R"(static void $N(const uint8_t *w, $B, const $X *x, $Y *y, uint32_t rows, uint32_t cols) {
  const uint32_t row = cols / $T;
  int32_t sum = 0;
  uint32_t o, c;
  for (c = 0; c < cols; ++c) sum += x[c];
  for (o = 0; o < rows; o += 2) {
    const uint8_t *v, *end;
    const $X *u = x;
    int32_t a = 0, b = 0;
    if (o + 1 == rows) { /* the row before once more */
      --o;
      w -= row;
    }
    end = v = w + row;
    while (w != end) {
$J    }
    y[o] = ($Y)($E + $Ga - $H * sum);
    y[o + 1] = ($Y)($F + $Gb - $H * sum);
    w = v;
  }
}
)";

// $M: the lowest code of each half of a word, $K: half the codes of a word, $L: the pairs of a word
constexpr std::string_view pairs_text =
    R"(static void $N(const uint8_t *bytes, $B, const $X *x, $Y *y, uint32_t rows, uint32_t cols) {
  const volatile uint32_t in_memory = $M; /* a constant would be moved into place at each use */
  const uint32_t mask = in_memory, row = cols / $U;
  const uint32_t *w = (const uint32_t *)(const void *)bytes;
  uint32_t pairs[$P_most_pairs];
  int32_t sum = 0;
  uint32_t o, c;
  for (c = 0; c < cols / 2; c += $K) { /* code k of a word and code k + $K are a pair */
$L    x += $U;
  }
  for (o = 0; o < rows; o += 2) {
    const uint32_t *v, *end, *p = pairs;
    int32_t a = 0, b = 0;
    if (o + 1 == rows) { /* the row before once more */
      --o;
      w -= row;
    }
    end = v = w + row;
    while (w != end) {
$J    }
    y[o] = ($Y)($E + $Ga - $H * sum);
    y[o + 1] = ($Y)($F + $Gb - $H * sum);
    w = v;
  }
}
)";

constexpr std::string_view vectors_text =
    R"(static void $N(const uint8_t *bytes, $B, const $X *x, $Y *y, uint32_t rows, uint32_t cols) {
  const uint32x4_t mask = vdupq_n_u32($M);
  const uint32_t row = cols / $U;
  const uint32_t *w = (const uint32_t *)(const void *)bytes;
  uint32_t pairs[$P_most_pairs];
  int32_t sum = 0;
  uint32_t o, c;
  for (c = 0; c < row; ++c) { /* code k of a word and code k + $K are a pair; pairs k of all words are together */
$L    x += $U;
  }
  for (o = 0; o < rows; o += 2) {
    const uint32_t *v;
    int32_t a = 0, b = 0;
    if (o + 1 == rows) { /* the row before once more */
      --o;
      w -= row;
    }
    v = w + row;
    for (c = 0; c < row; c += 4) {
      const mve_pred16_t left = vctp32q(row - c);
      const uint32x4_t s = vldrwq_z_u32(w + c, left), t = vldrwq_z_u32(v + c, left);
      int16x8_t p;
$J    }
    y[o] = ($Y)($E + $Ga - $H * sum);
    y[o + 1] = ($Y)($F + $Gb - $H * sum);
    w = v + row;
  }
}
)";

constexpr unsigned least_cols = 8;       ///< of an iteration
constexpr std::size_t most_cols = 1024;  ///< of a map by rows, whose operand is copied to the stack

/// Codes of a word of 32 bits, and words of an iteration.
unsigned in_a_word(unsigned bits) { return 32 / bits; }
unsigned words_of(unsigned bits) { return std::max(1U, least_cols / in_a_word(bits)); }

/// What reads the code from `shift` on of a stored `value`.
std::string part_of(std::string_view value, unsigned shift, std::string_view mask) {
  const std::string moved = shift == 0 ? std::string(value) : fmt::format("{} >> {}", value, shift);
  return mask.empty() ? moved : fmt::format("{} & {}", moved, mask);
}

std::string products_of(unsigned bits) {
  const unsigned in_a_byte = 8 / bits, bytes = 4 * words_of(bits);
  std::string text;
  for (unsigned k = 0; k < bytes * in_a_byte; ++k) {
    const unsigned shift = k % in_a_byte * bits;
    const std::string mask = shift + bits == 8 ? "" : std::to_string((1U << bits) - 1);
    const auto line = [&](char sum, char row) {
      const std::string code = part_of(fmt::format("{}[{}]", row, k / in_a_byte), shift, mask);
      text += fmt::format("      {} += {} * u[{}];\n", sum, bits == 8 ? code : "(" + code + ")", k);
    };
    line('a', 'w');
    line('b', 'v');
  }
  return text + fmt::format("      w += {0};\n      v += {0};\n      u += {1};\n", bytes, bytes * in_a_byte);
}

/// What makes the pairs that the codes of a word are multiplied by: pair k is at `place`.
std::string operands_of(unsigned bits, std::string_view place, bool by_smlad) {
  const unsigned half = in_a_word(bits) / 2;
  std::string text;
  for (unsigned k = 0; k < half; ++k) {
    const std::string at = fmt::format("pairs[{}]", fmt::format(fmt::runtime(place), k));
    text += fmt::format("    {} = (uint16_t)x[{}] | (uint32_t)x[{}] << 16;\n", at, k, half + k);
    text += by_smlad ? fmt::format("    sum = __smlad((int32_t){}, 0x10001, sum);\n", at)
                     : fmt::format("    sum += x[{}] + x[{}];\n", k, half + k);
  }
  return text;
}

std::string pairs_of(unsigned bits) {
  const unsigned half = in_a_word(bits) / 2, words = words_of(bits);
  std::string text;
  for (unsigned word = 0; word < words; ++word) {
    text += fmt::format("      {0}s = w[{1}];\n      {0}t = v[{1}];\n", word == 0 ? "uint32_t " : "", word);
    for (unsigned k = 0; k < half; ++k) {
      for (const auto& [sum, row] : {std::pair{'a', "s"}, {'b', "t"}}) {
        text += fmt::format("      {0} = __smlad((int32_t)({1}), (int32_t)p[{2}], {0});\n", sum,
                            part_of(row, k * bits, "mask"), word * half + k);
      }
    }
  }
  return text + fmt::format("      w += {0};\n      v += {0};\n      p += {1};\n", words, words * half);
}

std::string vectors_of(unsigned bits) {
  std::string text;
  for (unsigned k = 0; k < in_a_word(bits) / 2; ++k) {
    text += fmt::format("      p = vreinterpretq_s16_u32(vldrwq_z_u32(pairs + {} * row + c, left));\n", k);
    for (const auto& [sum, row] : {std::pair{'a', "s"}, {'b', "t"}}) {
      const std::string moved = k == 0 ? row : fmt::format("vshrq_n_u32({}, {})", row, k * bits);
      text +=
          fmt::format("      {0} = vmladavaq_s16({0}, vreinterpretq_s16_u32(vandq_u32({1}, mask)), p);\n", sum, moved);
    }
  }
  return text;
}

}  // namespace

bool c_by_rows(const Linear& i, std::int64_t magnitude) {
  const std::int64_t bits = CConstants::packed_bits(i.weight.codes);
  const std::size_t cols = i.weight.cols;
  if (bits > 8 || i.weight.rows < 2 || magnitude >= std::int64_t{1} << 15 || cols > most_cols) return false;
  if (cols % std::max(least_cols, in_a_word(static_cast<unsigned>(bits))) != 0) return false;
  std::int64_t bias = 0;
  for (const std::int32_t b : i.bias) bias = std::max(bias, std::abs(std::int64_t{b}));
  // stored codes are below 2^bits, and with one bit the sums are doubled
  const std::int64_t largest = (std::int64_t{2} << bits) * static_cast<std::int64_t>(cols) * magnitude;
  return largest + bias < std::int64_t{1} << 31;
}

std::string CFunctions::compute(const Linear& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  if (const auto found = trained_.find(number); found != trained_.end()) {
    return compute_trained(i, found->second, number);
  }
  if (x.bits <= 16 && c_by_rows(i, infos_[i.x].magnitude())) return compute_rows(i, x, y);
  const auto weight = constants_.packed(i.weight);
  const COperand bias = constants_.numbers(i.bias, "bias", "o");
  const std::string in_a_byte = weight.bits < 8 ? std::to_string(8 / weight.bits) : "1";
  const std::string row = weight.bits < 8 ? fmt::format("(cols + {0} - 1) / {0}", in_a_byte) : "cols";
  const std::string function =
      define(fmt::format("linear_w{}_{}_i{}_i{}", weight.bits, bias.suffix, x.bits, y.bits), linear_text,
             {{'W', weight.type()},
              {'B', bias.parameter},
              {'X', c_type(x.bits)},
              {'Y', c_type(y.bits)},
              {'E', bias.element},
              {'C', fmt::format("({})", weight.code("c"))},
              {'S', row}});
  return fmt::format("{}({}, {}, {}, {}, {}, {});", function, weight.name, bias.argument, x.at, y.at, y.cols, x.cols);
}

std::string CFunctions::compute_rows(const Linear& i, const CValue& x, const CValue& y) {
  const auto weight = constants_.words(i.weight);
  const unsigned bits = weight.bits;
  const COperand bias = constants_.numbers(i.bias, "bias", "o");
  const COperand next = constants_.numbers(i.bias, "bias", "o + 1");
  most_pairs_ = std::max(most_pairs_, x.cols / 2);
  const auto filled = [&](std::string_view text, std::string_view operands, std::string_view products) {
    return c_fill(text, {{'B', bias.parameter},
                         {'X', c_type(x.bits)},
                         {'Y', c_type(y.bits)},
                         {'E', bias.element},
                         {'F', next.element},
                         {'G', bits == 1 ? "2 * " : ""},
                         {'H', std::to_string(1U << (bits - 1))},
                         {'J', products},
                         {'K', std::to_string(in_a_word(bits) / 2)},
                         {'L', operands},
                         {'M', fmt::format("0x{:08X}", ((1U << bits) - 1) * 0x10001U)},
                         {'N', "$N"},
                         {'P', "$P"},
                         {'T', std::to_string(8 / bits)},
                         {'U', std::to_string(in_a_word(bits))}});
  };
  const std::string text = fmt::format("#if {0}_HELIUM\n{1}#elif {0}_DSP\n{2}#else\n{3}#endif\n", c_capitals(prefix_),
                                       filled(vectors_text, operands_of(bits, "{} * row + c", false), vectors_of(bits)),
                                       filled(pairs_text, operands_of(bits, "c + {}", true), pairs_of(bits)),
                                       filled(products_text, "", products_of(bits)));
  const std::string function = define(fmt::format("rows_w{}_{}_i{}_i{}", bits, bias.suffix, x.bits, y.bits), text, {});
  return fmt::format("{}({}, {}, {}, {}, {}, {});", function, weight.name, bias.argument, x.at, y.at, y.cols, x.cols);
}

std::string CFunctions::compute_trained(const Linear& i, const CTrainedWeight& trained, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const COperand bias = trained.bias.empty() ? constants_.numbers(i.bias, "bias", "o")
                                             : COperand{"n32", "const int32_t *bias", trained.bias, "bias[o]"};
  const std::string function =
      define(fmt::format("linear_trained_{}_i{}_i{}", bias.suffix, x.bits, y.bits), linear_text,
             {{'W', "int32_t"},
              {'B', bias.parameter},
              {'X', c_type(x.bits)},
              {'Y', c_type(y.bits)},
              {'E', bias.element},
              {'C', "((w[c] + 32768) >> 16)"},
              {'S', "cols"}});
  return fmt::format("{}({}, {}, {}, {}, {}, {});", function, trained.weight, bias.argument, x.at, y.at, y.cols,
                     x.cols);
}

std::string CFunctions::target_text() const {
  if (most_pairs_ == 0) return "";
  return fmt::format(
      R"(/* 1: the target has Helium, or the DSP extension of Arm: they multiply pairs of numbers and add the products. */
#ifndef {0}_HELIUM
#if defined(__ARM_FEATURE_MVE) && !defined(__ARM_BIG_ENDIAN)
#define {0}_HELIUM 1
#else
#define {0}_HELIUM 0
#endif
#endif
#ifndef {0}_DSP
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#define {0}_DSP 1
#else
#define {0}_DSP 0
#endif
#endif
#if {0}_HELIUM
#include <arm_mve.h>
#elif {0}_DSP
#include <arm_acle.h>
#endif
#if {0}_HELIUM || {0}_DSP
enum {{ {1}_most_pairs = {2} }};
#endif

)",
      c_capitals(prefix_), prefix_, most_pairs_);
}

}  // namespace bitstate::program

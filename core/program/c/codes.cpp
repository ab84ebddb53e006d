#include "core/program/c/codes.h"

#include "core/error.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

namespace bitstate::program {
namespace {

std::string float_text(float number) { return fmt::format("{:#.9g}f", number); }

/// In what C computes with units.
std::string_view real_type(const Units& units) { return units.mean.empty() || units.single ? "float" : "double"; }

/// What ends the names of its means and deviations.
std::string_view real_suffix(const Units& units) { return real_type(units) == "float" ? "" : "_DOUBLE"; }

std::string macro_of(std::string_view name, const std::vector<std::string>& numbers) {
  return fmt::format("#define {} {{{}}}\n", name, fmt::join(numbers, ", "));
}

std::string macro_of_scales(std::string_view name, const std::vector<float>& scales, std::size_t cols) {
  std::vector<std::string> numbers;
  for (std::size_t c = 0; c < cols; ++c) numbers.push_back(float_text(scales[scales.size() == 1 ? 0 : c]));
  return macro_of(name, numbers);
}

/// A text as a literal of C: of other bytes than plain ASCII their octal numbers.
std::string c_string(std::string_view text) {
  std::string literal;
  for (const char c : text) {
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '?';
    literal += plain ? std::string(1, c) : fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return fmt::format("\"{}\"", literal);
}

// $N: name, $C: its capitals, $T: the input's type, $L and $H: its limits, $U and $V: what units add, $I: 1 / scale
constexpr std::string_view encode_one_bit_text = R"(/* The code of a number in column `column`. */
static inline $T $N_encode($R number, uint32_t column) {
$U  return ($T)(x >= 0 ? 1 : -1);
}
)";

constexpr std::string_view encode_text =
    R"(/* The code of a number in column `column`, to the bit as bitstate computes it: each operation is rounded on its
   own (volatile: no compiler fuses them; -ffast-math is not for this). What is no number gives $L. */
static inline $T $N_encode($R number, uint32_t column) {
  int32_t code;
$U  x = x * $I;
  x = x + 0.5f;
  if (!(x > $L)) return $L;
  if (x >= $H) return $H;
  code = (int32_t)x;
  return ($T)(code - ((float)code > x)); /* rounded down */
}
)";

constexpr std::string_view encode_units_text =
    R"(  static const $R mean[$C_INPUTS] = $C_INPUT_MEAN$D;
  static const $R deviation[$C_INPUTS] = $C_INPUT_DEVIATION$D;
  volatile $R standardised = number - mean[column];
  volatile float x;
  standardised = standardised / deviation[column];
  x = (float)standardised;
)";

constexpr std::string_view encode_plain_text = "  volatile float x = number;\n  (void)column;\n";

constexpr std::string_view decode_text =
    R"(/* The number that an output code of column `column` stands for. */
static inline $R $N_decode(int32_t code, uint32_t column) {
  static const float scale[$C_OUTPUTS] = $C_OUTPUT_SCALE;
$A  volatile float x = (float)code;
  x = x * scale[column];
$B}
)";

constexpr std::string_view decode_arrays_text =
    R"(  static const $R mean[$C_OUTPUTS] = $C_OUTPUT_MEAN$D;
  static const $R deviation[$C_OUTPUTS] = $C_OUTPUT_DEVIATION$D;
  volatile $R number;
)";

constexpr std::string_view decode_units_text =
    "  number = x * deviation[column];\n  number = number + mean[column];\n  return number;\n";

// $M, $A, $K: arrays of the lines; $F and $G: the lowest and the highest count; $X: what corrects; $R: the code of the
// sum
constexpr std::string_view adc_text =
    R"(/* The code of a count of the ADC, $F to $G (others are taken as the nearest), in column `column`: in fixed point, and
   for each count that of $N_encode(count * lsb + offset, column) with
$D */
static inline $T $N_encode_adc(int32_t count, uint32_t column) {
  static const int32_t multiplier[$C_INPUTS] = {
$M};
  static const int64_t added[$C_INPUTS] = {
$A};
  static const uint8_t shift[$C_INPUTS] = {
$K};
  int64_t code;
  if (count < $F) count = $F;
  if (count > $G) count = $G;
$X  code = ((int64_t)count * multiplier[column] + added[column]) >> shift[column];
  return ($T)($R);
}
)";

constexpr std::string_view corrections_text =
    R"(  {
    /* column, count, code: where single precision rounds to the other side */
    static const int32_t rounded[$S][3] = {
$L};
    uint32_t i;
    for (i = 0; i < $S; ++i) {
      if (rounded[i][0] == (int32_t)column && rounded[i][1] == count) return ($T)rounded[i][2];
    }
  }
)";

double at(const std::vector<double>& numbers, std::size_t c) { return numbers[numbers.size() == 1 ? 0 : c]; }

std::int32_t code_on(const AdcLine& line, const Input& input, std::int64_t count) {
  const std::int64_t code = (count * line.multiplier + line.added) >> line.shift;
  if (input.one_bit) return code >= 0 ? 1 : -1;
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(code, input.grid.lo, input.grid.hi));
}

/// a count + b, scaled by 2^shift to whole numbers: as many digits as int64 has room for.
AdcLine line_of(double a, double b, std::int32_t largest_count) {
  constexpr double most_a = 0x1.0p30, most_b = 0x1.0p60;
  // what is steeper has saturated codes on both sides of its zero, which stays where it is
  const double flatter = std::min({1.0, most_a / std::fabs(a), most_b / std::fabs(b)});
  a *= flatter;
  b *= flatter;
  AdcLine line;
  const auto fits = [&](unsigned shift) {
    const double m = std::ldexp(a, static_cast<int>(shift));
    return std::fabs(m) <= most_a &&
           std::fabs(std::ldexp(b, static_cast<int>(shift))) + std::fabs(m) * largest_count <= most_b;
  };
  while (line.shift < 62 && fits(line.shift + 1)) ++line.shift;
  line.multiplier = std::llround(std::ldexp(a, static_cast<int>(line.shift)));
  line.added = std::llround(std::ldexp(b, static_cast<int>(line.shift)));
  return line;
}

std::string input_codes_text(const CModel& model) {
  const Input& input = model.program.input;
  const std::string capitals = c_capitals(model.name);
  const std::string_view real = real_type(input.units);
  const std::string units =
      input.units.mean.empty()
          ? std::string(encode_plain_text)
          : c_fill(encode_units_text, {{'C', capitals}, {'R', real}, {'D', real_suffix(input.units)}});
  return c_fill(input.one_bit ? encode_one_bit_text : encode_text, {{'N', model.name},
                                                                    {'T', c_type(model.memory.value(0).bits)},
                                                                    {'R', real},
                                                                    {'L', std::to_string(input.grid.lo)},
                                                                    {'H', std::to_string(input.grid.hi)},
                                                                    {'I', float_text(1.0F / input.grid.scale)},
                                                                    {'U', units}});
}

std::string output_codes_text(const CModel& model) {
  const std::string capitals = c_capitals(model.name);
  const bool units = !model.program.output.units.mean.empty();
  const std::string_view real = real_type(model.program.output.units);
  return c_fill(decode_text,
                {{'N', model.name},
                 {'C', capitals},
                 {'R', real},
                 {'A', units ? c_fill(decode_arrays_text,
                                      {{'C', capitals}, {'R', real}, {'D', real_suffix(model.program.output.units)}})
                             : ""},
                 {'B', units ? decode_units_text : "  return x;\n"}});
}

std::string corrections_of(const std::vector<AdcLine>& lines, std::string_view type) {
  std::string rows;
  std::size_t count = 0;
  for (std::size_t c = 0; c < lines.size(); ++c) {
    for (const auto& [at, code] : lines[c].corrections) {
      rows += fmt::format("{}      {{{}, {}, {}}}", count == 0 ? "" : ",\n", c, at, code);
      ++count;
    }
  }
  if (count == 0) return "";
  return c_fill(corrections_text, {{'S', std::to_string(count)}, {'L', rows}, {'T', type}});
}

std::string scales_text(const CAdc& adc, std::size_t cols) {
  const bool one = adc.lsb.size() == 1 && adc.offset.size() == 1;
  std::vector<std::string> lines;
  for (std::size_t c = 0; c < (one ? 1 : cols); ++c) {
    lines.push_back(fmt::format("   lsb = {}, offset = {}{}", at(adc.lsb, c), at(adc.offset, c),
                                one ? "" : fmt::format(" in column {}", c)));
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string adc_function_text(const CModel& model, const CAdc& adc) {
  const Input& input = model.program.input;
  const std::string type = c_type(model.memory.value(0).bits);
  std::vector<AdcLine> lines;
  std::vector<std::int64_t> multipliers, added, shifts;
  for (std::size_t c = 0; c < input.cols; ++c) {
    lines.push_back(adc_line(input, adc, c));
    multipliers.push_back(lines[c].multiplier);
    added.push_back(lines[c].added);
    shifts.push_back(lines[c].shift);
  }
  const std::string code =
      input.one_bit ? "code >= 0 ? 1 : -1"
                    : fmt::format("code < {0} ? {0} : code > {1} ? {1} : code", input.grid.lo, input.grid.hi);
  return c_fill(adc_text, {{'N', model.name},
                           {'C', c_capitals(model.name)},
                           {'T', type},
                           {'F', std::to_string(adc.lowest())},
                           {'G', std::to_string(adc.highest())},
                           {'D', scales_text(adc, input.cols)},
                           {'M', c_list(multipliers)},
                           {'A', c_list(added)},
                           {'K', c_list(shifts)},
                           {'X', corrections_of(lines, type)},
                           {'R', code}});
}

}  // namespace

std::vector<std::int32_t> adc_codes(const Input& input, const CAdc& adc, std::size_t c) {
  std::vector<double> numbers;
  for (std::int32_t count = adc.lowest(); count <= adc.highest(); ++count) {
    numbers.push_back(count * at(adc.lsb, c) + at(adc.offset, c));
  }
  const Units& units = input.units;
  std::vector<float> x(numbers.size());
  standardise(units.mean.empty() ? Units{} : Units{{units.mean[c]}, {units.deviation[c]}, units.single}, numbers, x);
  constexpr float largest = std::numeric_limits<float>::max();
  for (float& v : x) v = std::clamp(v, -largest, largest);  // an infinity would be refused
  Program encoder;
  encoder.input = input;
  std::vector<std::int32_t> codes(x.size());
  encode_input(encoder, x.data(), x.size(), codes.data());
  return codes;
}

AdcLine adc_line(const Input& input, const CAdc& adc, std::size_t c) {
  const Units& units = input.units;
  const double mean = units.mean.empty() ? 0.0 : units.mean[c];
  const double deviation = units.mean.empty() ? 1.0 : units.deviation[c];
  const double per_code = input.one_bit ? 1.0 / deviation : double{1.0F / input.grid.scale} / deviation;
  const std::vector<std::int32_t> codes = adc_codes(input, adc, c);
  AdcLine line = line_of(at(adc.lsb, c) * per_code, (at(adc.offset, c) - mean) * per_code + (input.one_bit ? 0.0 : 0.5),
                         std::max(-adc.lowest(), adc.highest()));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::int32_t count = adc.lowest() + static_cast<std::int32_t>(i);
    if (code_on(line, input, count) != codes[i]) line.corrections.push_back({count, codes[i]});
  }
  return line;
}

void check_adc(const Input& input, const CAdc& adc) {
  require<UsageError>(!input.tokens, "adc_lsb", "expected a model of numbers, this one reads token ids");
  for (const auto& [name, numbers] : {std::pair{"adc_lsb", &adc.lsb}, {"adc_offset", &adc.offset}}) {
    require<UsageError>(numbers->size() == 1 || numbers->size() == input.cols, name,
                        "expected one number, or {} as the model has columns, got {}", input.cols, numbers->size());
  }
  for (std::size_t c = 0; c < input.cols; ++c) {
    for (const std::int32_t count : {adc.lowest(), adc.highest()}) {
      const double number = count * at(adc.lsb, c) + at(adc.offset, c);
      require<UsageError>(std::fabs(number) <= double{std::numeric_limits<float>::max()}, "adc_lsb",
                          "expected counts that stand for numbers of single precision, got {} for the count {}", number,
                          count);
    }
  }
}

std::string c_units_text(const CModel& model) {
  const auto& [program, name, infos, schedule, memory, head, layer] = model;
  const std::string capitals = c_capitals(name);
  std::string text;
  const auto add = [&](std::string_view side, const Units& units) {
    if (units.mean.empty()) return;
    for (const auto& [what, numbers] : {std::pair{"MEAN", &units.mean}, {"DEVIATION", &units.deviation}}) {
      std::vector<std::string> floats, doubles;
      for (const double number : *numbers) {
        floats.push_back(float_text(static_cast<float>(number)));
        doubles.push_back(fmt::format("{:#}", number));
      }
      text += macro_of(fmt::format("{}_{}_{}", capitals, side, what), floats);
      if (!units.single) text += macro_of(fmt::format("{}_{}_{}_DOUBLE", capitals, side, what), doubles);
    }
  };
  const Input& in = program.input;
  text += fmt::format("#define {0}_INPUT_LOW ({1})\n#define {0}_INPUT_HIGH {2}\n", capitals, in.grid.lo, in.grid.hi);
  if (!in.tokens && !in.one_bit) {
    text += macro_of_scales(capitals + "_INPUT_SCALE", {in.grid.scale}, infos.front().cols);
  }
  add("INPUT", in.units);
  text += macro_of_scales(capitals + "_OUTPUT_SCALE", program.output.scale, infos.back().cols);
  add("OUTPUT", program.output.units);
  for (const auto& [what, texts] :
       {std::pair{"INPUT", &in.names}, {"OUTPUT", &program.output.names}, {"CLASS", &program.output.class_names}}) {
    std::vector<std::string> names;
    for (const std::string& one : *texts) names.push_back(c_string(one));
    if (!names.empty()) text += macro_of(fmt::format("{}_{}_NAMES", capitals, what), names);
  }
  return text;
}

std::string c_codes_text(const CModel& model, const CExtras& extras) {
  const Input& input = model.program.input;
  std::string text;
  if (!input.tokens) text += input_codes_text(model) + "\n";
  text = fmt::format("#ifndef {}_NO_FLOAT\n{}{}#endif\n", c_capitals(model.name), text, output_codes_text(model));
  if (!extras.adc) return text;
  check_adc(input, *extras.adc);
  return text + "\n" + adc_function_text(model, *extras.adc);
}

}  // namespace bitstate::program

// What the header of a program in C makes of a user's numbers, next to what bitstate makes of them.
#include "core/program/c/codes.h"

#include "core/error.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "core/units.h"
#include "tests/support/c_build.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using program::CAdc;
using program::CExtras;
using program::Program;

constexpr std::size_t sensors = 3;

Program program_on_grid(const Grid& grid, const Units& units, bool one_bit = false) {
  Program p;
  p.name = "own";
  p.input = {sensors, false, one_bit, grid, units};
  p.instructions = {program::Rescale{0, {{1 << 30, 31}}, {-100}, {100}}};
  p.output.scale = {0.3F, 1e-7F, 0.01F};
  if (!units.mean.empty()) p.output.units = {{5.0, -0.7, 1e4}, {0.1, 3.0, 7.0}, units.single};
  return p;
}

const Units odd_units{{0.1, -20.0, 1013.25}, {3.0, 0.7, 11.3}};
/// Of a program that an earlier version wrote.
const Units odd_single_units{{double{0.1F}, -20.0, 1013.25}, {3.0, double{0.7F}, double{11.3F}}, true};

/// What `bitstate run` makes of a number in column c.
std::int32_t code_of(const Program& p, double number, std::size_t c) {
  std::vector<float> row(sensors);
  standardise(p.input.units, std::vector<double>(sensors, number), row);
  std::vector<std::int32_t> codes(sensors);
  program::encode_input(p, row.data(), sensors, codes.data());
  return codes[c];
}

/// The C of the program with a main that prints what `expression` of `i` and `c` is for i from range[0] to range[1],
/// all columns.
std::vector<double> results(const Program& p, const CExtras& extras, const std::string& data,
                            const std::array<std::int32_t, 2>& range, const std::string& expression,
                            const std::string& compiler) {
  const auto [first, last] = range;
  const TempFolder folder;
  write_c(folder, program::c_source(p, "model", std::vector{random_sequence(p, 2, 1)}, 0, extras));
  write_quickly(folder / "main.c", fmt::format(R"(#include "model.h"
#include <stdio.h>
{}
int main(void) {{
  int32_t i;
  uint32_t c;
  for (i = {}; i <= {}; ++i) {{
    for (c = 0; c < MODEL_INPUTS; ++c) printf("%.17g\n", (double){});
  }}
  return 0;
}}
)",
                                               data, first, last, expression));
  const Outcome compiled = compile(folder, compiler, "-o main main.c");
  CHECK(compiled.output.empty());
  REQUIRE(compiled.code == 0);
  REQUIRE(shell((folder / "main").string() + " > " + (folder / "out").string()).code == 0);
  std::ifstream file(folder / "out");
  std::vector<double> numbers;
  for (double number = 0.0; file >> number;) numbers.push_back(number);
  REQUIRE(numbers.size() == static_cast<std::size_t>(last - first + 1) * sensors);
  return numbers;
}

/// Floats about the limits of every code of column c, ends and specials.
std::vector<float> telling_numbers(const Program& p) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> numbers{0.0F, -0.0F, 1e-45F, -1e-45F, 1e38F, -1e38F};
  for (std::size_t c = 0; c < sensors; ++c) {
    const bool plain = p.input.units.mean.empty();
    const double mean = plain ? 0.0 : p.input.units.mean[c];
    const double deviation = plain ? 1.0 : p.input.units.deviation[c];
    for (std::int32_t code = p.input.grid.lo - 1; code <= p.input.grid.hi + 1; ++code) {
      auto x = static_cast<float>((code - 0.5) * double{p.input.grid.scale} * deviation + mean);
      x = std::nextafter(std::nextafter(x, -inf), -inf);
      for (int k = 0; k < 5; ++k, x = std::nextafter(x, inf)) numbers.push_back(x);
    }
  }
  return numbers;
}

TEST_CASE("c_codes: NAME_encode gives bitstate's code for every number, whatever the compiler may fuse") {
  if (no_compiler()) return;
  const Program programs[] = {program_on_grid({0.05F, -127, 127}, odd_units),
                              program_on_grid({0.05F, -127, 127}, odd_single_units),
                              program_on_grid({0.0123F, -8, 7}, {}), program_on_grid({0.3F, -1, 1}, odd_units, true),
                              program_on_grid({1e-4F, -2000, 2000}, odd_units)};
  for (const Program& p : programs) {
    const std::vector<float> numbers = telling_numbers(p);
    std::string data = fmt::format("static const float data[{}] = {{", numbers.size());
    for (const float v : numbers) data += fmt::format("{:#.9g}f,\n", v);
    for (const char* const compiler : {"cc -O0", "cc -O3 -march=native -ffp-contract=fast"}) {
      const auto found = results(p, {}, data + "};\n", {0, static_cast<std::int32_t>(numbers.size()) - 1},
                                 "model_encode(data[i], c)", compiler);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < found.size(); ++i) wrong += found[i] != code_of(p, numbers[i / sensors], i % sensors);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("c_codes: infinities are the ends of the codes, what is no number is the lowest") {
  if (no_compiler()) return;
  const auto found = results(program_on_grid({0.05F, -127, 126}, odd_units), {}, "#include <math.h>\n", {0, 2},
                             "model_encode(i == 0 ? INFINITY : i == 1 ? -INFINITY : NAN, c)", "cc -O2");
  CHECK(found == std::vector<double>{126, 126, 126, -127, -127, -127, -127, -127, -127});
}

TEST_CASE("c_codes: NAME_decode gives the numbers that bitstate run prints") {
  if (no_compiler()) return;
  for (const Units& units : {odd_units, odd_single_units, Units{}}) {
    const Program p = program_on_grid({0.05F, -127, 127}, units);
    const auto found = results(p, {}, "", {-100, 100}, "model_decode(i, c)", "cc -O3 -march=native -ffp-contract=fast");
    for (std::size_t i = 0; i < found.size(); i += sensors) {
      std::vector<float> row;
      for (std::size_t c = 0; c < sensors; ++c)
        row.push_back(static_cast<float>(static_cast<int>(i / sensors) - 100) * p.output.scale[c]);
      const std::vector<double> numbers = restored(p.output.units, row);
      for (std::size_t c = 0; c < sensors; ++c) CHECK(found[i + c] == numbers[c]);
    }
  }
}

/// How many counts get another code in C than from bitstate.
std::size_t wrong_counts(const Program& p, const CAdc& adc) {
  CExtras extras;
  extras.adc = adc;
  const auto found = results(p, extras, "", {adc.lowest() - 2, adc.highest() + 2}, "model_encode_adc(i, c)", "cc -O2");
  std::size_t wrong = 0, at = 0;
  for (std::int32_t i = adc.lowest() - 2; i <= adc.highest() + 2; ++i) {
    const std::int32_t count = std::clamp(i, adc.lowest(), adc.highest());
    for (std::size_t c = 0; c < sensors; ++c, ++at) {
      const double lsb = adc.lsb[adc.lsb.size() == 1 ? 0 : c];
      wrong += found[at] != code_of(p, count * lsb + adc.offset[adc.offset.size() == 1 ? 0 : c], c);
    }
  }
  return wrong;
}

TEST_CASE("c_codes: NAME_encode_adc gives bitstate's code for every count of 12 bits, signed or not, up or down") {
  if (no_compiler()) return;
  const Program p = program_on_grid({0.05F, -127, 127}, odd_units);
  CHECK(wrong_counts(p, {12, false, {10.0 / 4096, 0.013, 1.0}, {-5.0, -40.0, 300.0}}) == 0);
  CHECK(wrong_counts(p, {12, true, {-0.01}, {0.25}}) == 0);
  CHECK(wrong_counts(program_on_grid({0.05F, -127, 127}, odd_single_units), {12, false, {0.013}, {-40.0}}) == 0);
  CHECK(wrong_counts(program_on_grid({0.0078125F, -127, 127}, {}), {12, false, {1.0 / 2048}, {-1.0}}) == 0);  // ties
  CHECK(wrong_counts(program_on_grid({0.3F, -1, 1}, odd_units, true), {12, true, {0.013, 0.1, 1.0}, {0.0}}) == 0);
  CHECK(wrong_counts(program_on_grid({1e-4F, -32767, 32767}, odd_units), {12, false, {1e-3}, {-2.0}}) == 0);
  CHECK(wrong_counts(p, {12, false, {1e30}, {-3e32}}) == 0);
  CHECK(wrong_counts(p, {12, false, {1e-30}, {5.0}}) == 0);
  CHECK(wrong_counts(p, {1, true, {7.0}, {0.0}}) == 0);
}

TEST_CASE("c_codes: counts at which single precision rounds to the other side are corrected one by one") {
  if (no_compiler()) return;
  Program p = program_on_grid({0.05F, -127, 127}, odd_units);
  p.input.units = {{1e6, 1e6, 1e6}, {0.5, 0.5, 0.5}, true};
  const CAdc adc{10, false, {0.003}, {999998.5}};  // floats are 0.06 apart there
  CHECK(!program::adc_line(p.input, adc, 0).corrections.empty());
  CHECK(wrong_counts(p, adc) == 0);
}

TEST_CASE("c_codes: the scales are macros, and an ADC that does not fit is refused") {
  const Program p = program_on_grid({0.05F, -127, 127}, odd_units);
  const std::vector tests{random_sequence(p, 2, 1)};
  const std::string header = program::c_source(p, "Gait2", tests, 0, {{"note */ \n one"}, {}}).header;
  for (const char* const line :
       {"\n#define GAIT2_INPUT_SCALE {0.0500000007f, 0.0500000007f, 0.0500000007f}\n",
        "\n#define GAIT2_INPUT_LOW (-127)\n", "\n#define GAIT2_INPUT_HIGH 127\n",
        "\n#define GAIT2_OUTPUT_SCALE {0.300000012f, 1.00000001e-07f, 0.00999999978f}\n", "\n * note __ _ one\n"}) {
    CAPTURE(line);
    CHECK(header.find(line) != std::string::npos);
  }
  const auto refusal = [&](const Program& q, const CAdc& adc) {
    CExtras extras;
    extras.adc = adc;
    return error_of<UsageError>(
        [&] { (void)program::c_source(q, "model", std::vector{random_sequence(q, 2, 1)}, 0, extras); });
  };
  CHECK(refusal(p, {12, false, {1.0, 2.0}, {0.0}}) ==
        "[adc_lsb] expected one number, or 3 as the model has columns, got 2");
  CHECK(refusal(p, {12, false, {1.0}, {0.0, 1.0, 2.0, 3.0}}).find("[adc_offset] expected one number") == 0);
  CHECK(refusal(p, {12, false, {1e36}, {0.0}}).find("got 4.095e+39 for the count 4095") != std::string::npos);
  Program tokens;
  tokens.input = {1, true, false, {1.0F, 0, 3}};
  tokens.instructions = {program::Embedding{0, {4, 1, 4, {1, 2, 3, 4}}}};
  tokens.output.scale = {1.0F};
  CHECK(refusal(tokens, {12, false, {1.0}, {0.0}}).find("reads token ids") != std::string::npos);
}

}  // namespace
}  // namespace bitstate::tests

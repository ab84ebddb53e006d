// Weights whose rows have a scale for each group of columns: docs/numerics.md, section 2.
#include "autograd/two_levels.h"

#include "autograd/export.h"
#include "autograd/ops.h"
#include "core/error.h"
#include "core/quantization/gptq.h"
#include "models/inventory.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace bitstate::tests::two_levels_test {
namespace {

constexpr std::size_t rows = 5;
constexpr std::size_t cols = 43;  // the last group of 16 has 11

/// Groups whose largest magnitudes are of very different size; a row of zeros, and groups of zeros.
Parameter drawn_weight() {
  Parameter w = parameter_of(rows, cols, normal_values(rows * cols, 1.0, 3));
  for (std::size_t k = 0; k < w.value.size(); ++k) {
    const std::size_t group = k / cols * 3 + k % cols / 16;
    const float factor = group == 4 || k / cols == 3 ? 0.0F : std::ldexp(1.0F, -static_cast<int>(2 * group % 9));
    w.value.data[k] *= factor;
  }
  return w;
}

Quantizer grouped(int bits, QuantSpec::Edge edge = QuantSpec::Edge::half) {
  Quantizer q = quantizer_of("weight:w", bits);
  q.channels = rows;
  q.numbers = rows * cols;
  q.spec.granularity = QuantSpec::Granularity::channel;
  q.spec.edge = edge;
  q.spec.group = 16;
  return q;
}

TEST_CASE("groups of columns: 8-bit codes are those of the formulas, for every number of bits and both edges") {
  const Parameter w = drawn_weight();
  for (int bits = 2; bits <= 8; ++bits) {
    for (const QuantSpec::Edge edge : {QuantSpec::Edge::center, QuantSpec::Edge::half}) {
      CAPTURE(bits);
      const Quantizer site = grouped(bits, edge);
      Lane lane;
      const Value y = ops::quantize(lane.tape, lane.tape.parameter(w), site);
      const Codes codes = codes_of(lane.tape, y);
      const std::int64_t bound = largest_code(bits);
      const float steps = static_cast<float>(bound) + (edge == QuantSpec::Edge::half ? 0.5F : 0.0F);
      for (std::size_t r = 0; r < rows; ++r) {
        std::vector<float> scales(3, 0.0F);
        for (std::size_t c = 0; c < cols; ++c) scales[c / 16] = std::max(scales[c / 16], std::fabs(w.value(r, c)));
        for (float& s : scales) s /= steps;
        const float most = *std::max_element(scales.begin(), scales.end());
        const float row = most > 0.0F ? most * static_cast<float>(bound) / 127.0F : 1.0F;
        CHECK(lane.tape[y].scale[r] == row);
        for (std::size_t c = 0; c < cols; ++c) {
          const auto m = std::max<std::int64_t>(
              1, static_cast<std::int64_t>(std::floor(256.0 * double{scales[c / 16]} / double{row} + 0.5)));
          const std::int64_t few = code_of(w.value(r, c), static_cast<float>(m) / 256.0F * row, -bound, bound);
          CHECK(codes[r * cols + c] == static_cast<std::int64_t>(floor_quotient(few * m + 128, 256)));
        }
      }
      CHECK(lane.tape[y].bound == 127);
    }
  }
}

TEST_CASE("groups of columns: with the scales of its steps it is the published two-level form but for ties") {
  const Parameter w = drawn_weight();
  const Quantizer site = grouped(4);
  const TwoLevels scales = two_levels_of(site, w.value.data);
  GroupedCodes few{rows, cols, 16, std::vector<std::int8_t>(rows * cols), std::vector<double>(3 * rows)};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t g = 0; g < 3; ++g) few.scales[g * rows + r] = double{scales.grid(r, g).scale};
    for (std::size_t c = 0; c < cols; ++c) {
      few.codes[r * cols + c] = static_cast<std::int8_t>(code_of(w.value(r, c), scales.grid(r, c / 16).scale, -7, 7));
    }
  }
  const TwoLevelCodes published = two_levels(few);
  for (std::size_t r = 0; r < rows; ++r) {
    CHECK(published.row_scales[r] == doctest::Approx(double{scales.row_scales[r]}).epsilon(1e-3));
    for (std::size_t c = 0; c < cols; ++c) {
      const std::int32_t step = scales.levels.step(cols, r, c);
      const double exact = few.codes[r * cols + c] * step / 256.0;
      if (std::fabs(exact - std::floor(exact) - 0.5) < 0.15) continue;  // 127 codes times 1e-3
      CHECK(scales.levels.code_of(few.codes[r * cols + c], step) == published.codes8[r * cols + c]);
    }
  }
}

TEST_CASE("groups of columns: a shadow is rounded to its code again, and stored ranges are those of the groups") {
  for (int bits = 2; bits <= 8; ++bits) {
    Quantizer site = grouped(bits);
    Parameter w = drawn_weight();
    site.range = group_maxima(site, w.value.data);
    site.spec.range = QuantSpec::Range::stored;
    CHECK(site.range_count() == 3 * rows);
    Lane lane;
    const Value y = ops::quantize(lane.tape, lane.tape.parameter(w), site);
    const Codes codes = codes_of(lane.tape, y);
    const float* const shadows = lane.tape.value(y);
    const Parameter again = parameter_of(rows, cols, {shadows, shadows + rows * cols});
    Lane next;
    CHECK(codes_of(next.tape, ops::quantize(next.tape, next.tape.parameter(again), site)) == codes);
    // any code of few bits, too, as a transform chooses them
    const TwoLevels scales(site, site.range);
    Parameter chosen = w;
    Codes wanted;
    for (std::size_t k = 0; k < chosen.value.size(); ++k) {
      const auto few =
          static_cast<std::int32_t>(static_cast<std::int64_t>(k) % (2 * largest_code(bits) + 1) - largest_code(bits));
      chosen.value.data[k] = scales.shadow(cols, k / cols, k % cols, few);
      wanted.push_back(scales.levels.code_of(few, scales.levels.step(cols, k / cols, k % cols)));
    }
    Lane last;
    CHECK(codes_of(last.tape, ops::quantize(last.tape, last.tape.parameter(chosen), site)) == wanted);
  }
}

TEST_CASE("groups of columns: a number beyond a stored range is clamped and gets no gradient") {
  Quantizer site = grouped(4, QuantSpec::Edge::center);
  Parameter w = drawn_weight();
  site.range = group_maxima(site, w.value.data);
  site.spec.range = QuantSpec::Range::stored;
  w.value(1, 40) = 100.0F;
  Lane lane(training_pass(true));
  const Value y = ops::quantize(lane.tape, lane.tape.parameter(w), site);
  lane.tape.backward(y, std::vector<float>(rows * cols, 1.0F));
  std::size_t clamped = 0;
  for (std::size_t k = 0; k < rows * cols; ++k) clamped += lane.gradient[k] == 0.0F ? 1 : 0;
  CHECK(lane.gradient[cols + 40] == 0.0F);
  CHECK(clamped == 1);
}

TEST_CASE("groups of columns: a row no wider than a group is as without groups, and its size counts a step a group") {
  Quantizer site = grouped(4);
  CHECK(site.stored_bits() == 4 * rows * cols + 16 * rows * 3);
  site.spec.group = 43;
  CHECK_FALSE(site.has_two_levels());
  CHECK(site.stored_bits() == 4 * rows * cols);
  const Parameter w = drawn_weight();
  Lane lane;
  const Codes with = codes_of(lane.tape, ops::quantize(lane.tape, lane.tape.parameter(w), site));
  site.spec.group = 0;
  Lane other;
  CHECK(with == codes_of(other.tape, ops::quantize(other.tape, other.tape.parameter(w), site)));
}

TEST_CASE("groups of columns: a weight that is not finite stops the run") {
  Parameter w = drawn_weight();
  w.value(2, 5) = std::numeric_limits<float>::quiet_NaN();
  const Quantizer site = grouped(4);
  Lane lane;
  CHECK_THROWS_AS((void)ops::quantize(lane.tape, lane.tape.parameter(w), site), DivergedError);
}

TEST_CASE("groups of columns: error falls where groups of a row differ, against one scale per row") {
  const Parameter w = drawn_weight();
  const auto error = [&](std::int32_t group) {
    Quantizer site = grouped(4);
    site.spec.group = group;
    Lane lane;
    const float* const y = lane.tape.value(ops::quantize(lane.tape, lane.tape.parameter(w), site));
    double sum = 0.0;
    for (std::size_t k = 0; k < w.value.size(); ++k) sum += std::pow(double{y[k]} - double{w.value.data[k]}, 2.0);
    return sum;
  };
  CHECK(error(16) < 0.7 * error(0));
}

/// Rows of a token table of 4 bits, of which the second has its largest magnitude below 0.
struct TokenTable {
  Parameter table =
      parameter_of(3, 4, {0.5F, 4.0F, -1.0F, 0.25F, -2.0F, 0.5F, 1.0F, -0.1F, 0.01F, 0.0F, -0.03F, 0.02F});
  Quantizer site = quantizer_of("weight:embedding", 4);
  Quantizer act = quantizer_of("act:embedding", 16, {3.0F});
  const std::vector<std::int32_t> ids = {1, 0, 1, 2};

  TokenTable() {
    site.channels = 3;
    site.numbers = 12;
    site.spec.granularity = QuantSpec::Granularity::channel;
  }
  Value forward(Tape& tape) const {
    return ops::quantize(tape, ops::embedding(tape, ids, ops::quantize(tape, tape.parameter(table), site)), act);
  }
};

TEST_CASE("token table: codes of the quantizer behind it are made of those of a row, and no sign is clipped") {
  const TokenTable t;
  Lane lane;
  const Codes codes = codes_of(lane.tape, t.forward(lane.tape));
  const float scale = t.act.grid(0).scale;
  const std::vector<float> largest = {4.0F, 2.0F, 0.03F};
  for (std::size_t k = 0; k < codes.size(); ++k) {
    const auto id = static_cast<std::size_t>(t.ids[k / 4]);
    const float row = largest[id] / 7.0F;
    const auto m = static_cast<std::int64_t>(std::floor(65536.0 * double{row} / double{scale} + 0.5));
    const std::int64_t c = code_of(t.table.value(id, k % 4), row, -7, 7);
    const auto code = static_cast<std::int64_t>(floor_quotient(c * m + 32768, 65536));
    CHECK(codes[k] == std::clamp<std::int64_t>(code, -32767, 32767));
  }
  CHECK(static_cast<float>(codes[0]) * scale == doctest::Approx(-2.0));
  CHECK(codes[4 + 1] == 32767);  // 4 is beyond the range of 3
}

TEST_CASE("token table: what the quantizer clamps gets no gradient, and the program has the table's bits") {
  const TokenTable t;
  Lane lane(training_pass(true));
  const Value y = t.forward(lane.tape);
  lane.tape.backward(y, std::vector<float>(16, 1.0F));
  CHECK(std::vector<float>(lane.gradient.begin(), lane.gradient.begin() + 8) ==
        std::vector<float>{1.0F, 0.0F, 1.0F, 1.0F, 2.0F, 2.0F, 2.0F, 2.0F});
  Lane evaluation;
  const Value output = t.forward(evaluation.tape);
  const program::Program p = export_program(evaluation.tape, output, "test", false, 0);
  const auto& embedding = std::get<program::Embedding>(p.instructions.at(0));
  CHECK(embedding.table.levels.bits == 4);
  CHECK(program::cost_of(p).weight_bits == 4 * 12 + 32 * 3);
  for (std::size_t t4 = 0; t4 < 16; ++t4) {
    const auto id = static_cast<std::size_t>(t.ids[t4 / 4]);
    CHECK(embedding.table.codes[4 * id + t4 % 4] == codes_of(evaluation.tape, output)[t4]);
  }
}

}  // namespace
}  // namespace bitstate::tests::two_levels_test

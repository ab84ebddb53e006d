// Tables in place of functions of codes: codes and what is observed, against the functions of each number.
#include "autograd/code_table.h"

#include "core/random.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::tests::code_table_test {
namespace {

constexpr std::size_t lengths[] = {37, 1, 30};  // of the sequences
constexpr std::size_t steps = 68;

using Function = Value (*)(Tape&, Value);
constexpr Function functions[] = {ops::gelu, ops::sigmoid};

struct Case {
  Function function;
  std::size_t cols;
  int bits;      ///< of the operand: of more than 8, codes have two bytes
  float center;  ///< of the operand, whose numbers lie within 1.5
  bool asymmetric;
  bool drops;
};

Quantizer site(const char* name, int bits, std::vector<float> range, bool asymmetric = false) {
  Quantizer q;
  q.declare(name);
  q.spec.bits = bits;
  q.spec.range = QuantSpec::Range::ema;
  q.spec.symmetry = asymmetric ? QuantSpec::Symmetry::asymmetric : QuantSpec::Symmetry::symmetric;
  q.range = std::move(range);
  return q;
}

std::vector<float> masks_of(const Case& c) {
  std::vector<float> mask(std::size(lengths) * c.cols, 1.25F);
  for (std::size_t i = 0; i < mask.size() && c.drops; ++i) mask[i] = i % 3 == 1 ? 0.0F : 1.25F;
  return mask;
}

/// Whether the element is dropped, by the length of the sequences.
bool is_dropped(const Case& c, const std::vector<float>& mask, std::size_t i) {
  const std::size_t step = i / c.cols;
  const std::size_t sequence = step < lengths[0] ? 0 : (step < lengths[0] + lengths[1] ? 1 : 2);
  return c.drops && mask[sequence * c.cols + i % c.cols] == 0.0F;
}

/// f of each number of `x`, the factor of dropout included.
std::vector<float> values_of(const Case& c, const std::vector<float>& x) {
  Tape tape;
  tape.begin({});
  const Value y = c.function(tape, tape.input(steps, c.cols, x.data()));
  std::vector<float> values(tape.value(y), tape.value(y) + x.size());
  for (float& v : values) v *= c.drops ? 1.25F : 1.0F;
  return values;
}

void check(const Case& c) {
  const Random random{static_cast<std::uint64_t>(c.bits), c.cols};
  std::vector<float> numbers(steps * c.cols);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = c.center + static_cast<float>(3.0 * random.uniform(i) - 1.5);
  }
  const Quantizer operand = site("act:x", c.bits, {4.0F});
  Quantizer result = site("act:y", 8, {1.0F, 0.1F}, c.asymmetric);
  if (!c.asymmetric) result.range = {1.0F};
  result.offset = 1;
  const std::vector<float> mask = masks_of(c);
  std::vector<float> observed(3, 0.0F);
  Tape tape;
  Pass pass;
  pass.training = pass.gradients = true;
  pass.observed = observed;
  tape.begin(pass);
  const Value input = tape.input(steps, c.cols, numbers.data());
  tape.keep_gradient(input);
  const Value x = ops::quantize(tape, input, operand);
  Value f = c.function(tape, x);
  if (c.drops) f = ops::tied_dropout(tape, f, mask, {lengths, lengths});
  REQUIRE(tape[f].table);
  const Value y = ops::quantize(tape, f, result);
  const Computed of_x = computed(tape, x), of_y = computed(tape, y);
  const std::vector<float> values = values_of(c, of_x.value);
  const Grid grid = result.grid(0);
  float high = 0.0F, low = 0.0F;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool dropped = is_dropped(c, mask, i);
    const auto rounded = static_cast<std::int32_t>(std::floor(values[i] * (1.0F / grid.scale) + 0.5F));
    REQUIRE(of_y.codes[i] == (dropped ? 0 : std::clamp(rounded, grid.lo, grid.hi)));
    if (dropped) continue;
    high = std::max(high, values[i]);
    low = std::max(low, -values[i]);
  }
  CHECK(observed[1] == (c.asymmetric ? high : std::max(high, low)));
  CHECK(observed[2] == (c.asymmetric ? low : 0.0F));
}

TEST_CASE("code table: codes and what is observed are those of the function of each number") {
  for (const Function function : functions) {
    for (const std::size_t cols : {1, 15, 16, 33, 96}) {
      for (const int bits : {4, 8, 9}) {
        for (const float center : {-2.5F, -1.5F, -0.5F, 0.0F, 2.5F}) {
          for (const bool asymmetric : {false, true}) {
            for (const bool drops : {false, true}) {
              CAPTURE(cols);
              CAPTURE(bits);
              CAPTURE(center);
              CAPTURE(asymmetric);
              CAPTURE(drops);
              check({function, cols, bits, center, asymmetric, drops});
            }
          }
        }
      }
    }
  }
}

TEST_CASE("code table: where all is dropped, nothing is observed") {
  const std::vector<float> numbers(4 * 3, 1.0F);
  const std::vector<float> mask(3, 0.0F);
  const std::size_t length[] = {4};
  std::vector<float> observed(1, 0.0F);
  Tape tape;
  Pass pass;
  pass.training = true;
  pass.observed = observed;
  tape.begin(pass);
  Quantizer operand = site("act:x", 8, {});
  operand.spec.range = QuantSpec::Range::fixed;
  operand.spec.value = 4.0F;
  const Value x = ops::quantize(tape, tape.input(4, 3, numbers.data()), operand);
  const Value f = ops::tied_dropout(tape, ops::gelu(tape, x), mask, {length, length});
  const Value y = ops::quantize(tape, f, site("act:y", 8, {1.0F}));
  CHECK(computed(tape, y).codes == std::vector<std::int32_t>(12, 0));
  CHECK(observed[0] == 0.0F);
}

TEST_CASE("code table: the smallest code of an asymmetric byte is not its bound on the other side") {
  constexpr std::size_t cols = 32;
  std::vector<float> x(steps * cols);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = -1.0F + static_cast<float>(i % 8) / 4.0F;
  const Quantizer operand = site("act:x", 8, {0.99F, 1.0F}, true);
  const Quantizer result = site("act:y", 8, {1.0F});
  const std::vector<float> all_kept(std::size(lengths) * cols, 1.0F);
  const auto codes_of = [&](bool passes_dropout) {
    Tape tape;
    tape.begin({});
    Value v = ops::quantize(tape, tape.input(steps, cols, x.data()), operand);
    const std::vector<std::int32_t> codes = tape.codes32(v);
    CHECK(*std::min_element(codes.begin(), codes.end()) == -128);
    if (passes_dropout) v = ops::tied_dropout(tape, v, all_kept, {lengths, lengths});
    return tape.codes32(ops::quantize(tape, ops::gelu(tape, v), result));
  };
  CHECK(codes_of(true) == codes_of(false));
}

}  // namespace
}  // namespace bitstate::tests::code_table_test

// Sums, batch norm, pooling and pairs on codes against the table of docs/numerics.md, section 4.
#include "autograd/ops.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace bitstate::tests::integer_ops_test {
namespace {

constexpr std::size_t cols = 4;

double scale_of(const Node& node, std::size_t c) {
  return double{node.scale[node.layout == kernels::ScaleLayout::per_tensor ? 0 : c]};
}

/// R(v) in double.
std::int64_t nearest(double v) { return static_cast<std::int64_t>(std::floor(v + 0.5)); }

void check_shadows(const Computed& y) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    REQUIRE(std::abs(y.codes[i]) <= y.bound);
    REQUIRE(y.value[i] == static_cast<float>(y.codes[i]) * static_cast<float>(scale_of(y, i % y.cols)));
  }
}

/// An activation of `bits` with a range a tensor or a column.
Value activation(Lane& lane, std::vector<float> x, int bits, std::vector<float> range) {
  const auto& data = lane.inputs.emplace_back(std::move(x));
  const auto& site = lane.sites.emplace_back(quantizer_of("act:x", bits, std::move(range)));
  return ops::quantize(lane.tape, lane.tape.input(data.size() / cols, cols, data.data()), site);
}

const std::vector<std::vector<float>> ranges = {{1.7F}, {0.02F}, {0.9F, 3.0F, 0.01F, 17.0F}};

TEST_CASE("integer ops: a sum of codes is at a fine scale, per tensor and per column") {
  const auto a_values = normal_values(20 * cols, 1.0, 71);
  const auto b_values = normal_values(20 * cols, 0.4, 72);
  for (const auto& a_range : ranges) {
    for (const auto& b_range : ranges) {
      for (const int bits : {2, 8, 16}) {
        Lane lane;
        const Value a = activation(lane, a_values, bits, a_range);
        const Value b = activation(lane, b_values, 8, b_range);
        const Computed y = computed(lane.tape, ops::sum(lane.tape, a, b));
        const Computed na = computed(lane.tape, a);
        const Computed nb = computed(lane.tape, b);
        REQUIRE(y.has_codes());
        const bool column = a_range.size() > 1 || b_range.size() > 1;
        CHECK(y.layout == (column ? kernels::ScaleLayout::per_column : kernels::ScaleLayout::per_tensor));
        for (std::size_t i = 0; i < y.size(); ++i) {
          const double sa = scale_of(na, i % cols);
          const double sb = scale_of(nb, i % cols);
          const double span = static_cast<double>(largest_code(bits)) * sa + 127.0 * sb;
          const auto s = static_cast<float>(span * 0x1.0p-28);
          REQUIRE(scale_of(y, i % cols) == double{s});
          REQUIRE(y.codes[i] == rescaled(na.codes[i], sa / double{s}) + rescaled(nb.codes[i], sb / double{s}));
          REQUIRE(std::fabs(y.value[i] - (na.value[i] + nb.value[i])) <= 3e-7 * span);
        }
        check_shadows(y);
      }
    }
  }
}

TEST_CASE("integer ops: the bound of a sum holds for the largest codes, whichever way its scale was rounded") {
  const Random random{73, 0};
  std::int64_t largest = 0;
  for (std::size_t k = 0; k < 300; ++k) {
    const auto ra = static_cast<float>(std::exp2(4.0 * random.uniform(2 * k)));
    const auto rb = static_cast<float>(std::exp2(4.0 * random.uniform(2 * k + 1)));
    const std::vector<float> a = {ra, -ra, ra, -ra};
    const std::vector<float> b = {rb, -rb, 0.5F * rb, rb};
    Lane lane;
    const Parameter row = parameter_of(1, cols, b);
    const Value x = activation(lane, a, 8, {ra});
    const Value codes = ops::sum(lane.tape, x, activation(lane, b, k % 2 == 0 ? 8 : 16, {rb}));
    const Value constants = ops::sum(lane.tape, x, lane.tape.parameter(row));
    for (const Value v : {codes, constants}) {
      const Computed y = computed(lane.tape, v);
      for (std::size_t i = 0; i < cols; ++i) {
        CHECK(std::abs(y.codes[i]) <= y.bound);
        largest = std::max<std::int64_t>(largest, std::abs(y.codes[i]));
      }
    }
  }
  CHECK(largest > std::int64_t{1} << 28);
}

TEST_CASE("integer ops: a row of constants is added at the fine scale of each column, quantized or not") {
  const auto values = normal_values(20 * cols, 1.0, 74);
  const Parameter row = parameter_of(1, cols, {0.3F, -2.0F, 0.0F, 1e-4F});
  const Quantizer bias = quantizer_of("bias:b", 6);
  for (const auto& range : ranges) {
    for (const bool quantized : {false, true}) {
      for (const std::size_t rows : {1, 20}) {
        Lane lane;
        const std::vector<float> used(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rows * cols));
        const Value a = activation(lane, used, 8, range);
        Value b = lane.tape.parameter(row);
        if (quantized) b = ops::quantize(lane.tape, b, bias);
        const Computed y = computed(lane.tape, ops::sum(lane.tape, a, b));
        const Computed na = computed(lane.tape, a);
        for (std::size_t i = 0; i < y.size(); ++i) {
          const double constant = double{computed(lane.tape, b).value[i % cols]};
          const double sa = scale_of(na, i % cols);
          const auto s = static_cast<float>((127.0 * sa + std::fabs(constant)) * 0x1.0p-28);
          REQUIRE(scale_of(y, i % cols) == double{s});
          REQUIRE(y.codes[i] == rescaled(na.codes[i], sa / double{s}) + nearest(constant / double{s}));
        }
        check_shadows(y);
      }
    }
  }
}

TEST_CASE("integer ops: a sum's gradient on codes is that of the float sum at the shadows") {
  constexpr std::size_t rows_of_a = 6;
  for (const std::size_t rows_of_b : {1, 6}) {
    const Parameter a = parameter_of(rows_of_a, cols, normal_values(rows_of_a * cols, 0.3, 75), 0);
    const Parameter b = parameter_of(rows_of_b, cols, normal_values(rows_of_b * cols, 0.3, 76), rows_of_a * cols);
    const auto seed = normal_values(rows_of_a * cols, 1.0, 77);
    const Quantizer wide = quantizer_of("act:x", 8, {4.0F});
    Lane lane(training_pass(true));
    const Value x = ops::quantize(lane.tape, lane.tape.parameter(a), wide);
    const Value z = rows_of_b == 1 ? lane.tape.parameter(b) : ops::quantize(lane.tape, lane.tape.parameter(b), wide);
    const Value y = ops::sum(lane.tape, x, z);
    REQUIRE(lane.tape[y].has_codes());
    lane.tape.backward(y, seed);
    std::vector<double> expected(seed.begin(), seed.end());  // of a; then of b, with one row the sum over rows
    expected.resize((rows_of_a + rows_of_b) * cols, 0.0);
    for (std::size_t i = 0; i < rows_of_a * cols; ++i) {
      expected[rows_of_a * cols + i % (rows_of_b * cols)] += double{seed[i]};
    }
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::fabs(lane.gradient[i] - expected[i]) <= 1e-5);
  }
}

TEST_CASE("integer ops: batch norm in evaluation is a factor and an offset per column, of any sign") {
  const std::vector<float> mean = {0.1F, -0.4F, 2.0F, 0.0F};
  const std::vector<float> variance = {0.5F, 1e-7F, 3.0F, 1.0F};
  const auto values = normal_values(20 * cols, 1.0, 78);
  for (const auto& factors : {std::vector<float>{1.0F, 0.01F, 0.7F, 2.0F},
                              std::vector<float>{-1.3F, 0.0F, 0.02F, -4.0F}, std::vector<float>(4, 0.0F)}) {
    for (const auto& offsets : {std::vector<float>{0.1F, -0.2F, 0.0F, 5.0F}, std::vector<float>(4, 0.0F)}) {
      for (const auto& range : ranges) {
        const Parameter gamma = parameter_of(1, cols, factors);
        const Parameter beta = parameter_of(1, cols, offsets);
        Lane lane;
        const Value x = activation(lane, values, 8, range);
        const Computed y = computed(lane.tape, ops::batch_norm(lane.tape, x, lane.tape.parameter(gamma),
                                                               lane.tape.parameter(beta), {mean, variance, 0}));
        const Computed in = computed(lane.tape, x);
        REQUIRE(y.has_codes());
        REQUIRE(y.layout == kernels::ScaleLayout::per_tensor);
        std::vector<float> a(cols), b(cols);
        double largest = 0x1.0p-60;
        for (std::size_t c = 0; c < cols; ++c) {
          a[c] = factors[c] / std::sqrt(variance[c] + 1e-5F);
          b[c] = offsets[c] - mean[c] * a[c];
          largest = std::max(largest, 127.0 * scale_of(in, c) * std::fabs(double{a[c]}) + std::fabs(double{b[c]}));
        }
        const auto s = static_cast<float>(largest * 0x1.0p-28);
        REQUIRE(y.scale[0] == s);
        for (std::size_t i = 0; i < y.size(); ++i) {
          const std::size_t c = i % cols;
          const std::int64_t signed_code = a[c] < 0.0F ? -in.codes[i] : in.codes[i];
          const std::int64_t product =
              a[c] == 0.0F ? 0 : rescaled(signed_code, std::fabs(double{a[c]}) * scale_of(in, c) / double{s});
          REQUIRE(y.codes[i] == product + nearest(double{b[c]} / double{s}));
          const double real = (in.value[i] - double{mean[c]}) / std::sqrt(double{variance[c]} + 1e-5) * factors[c];
          REQUIRE(std::fabs(double{y.value[i]} - (real + offsets[c])) <= 1e-6 * largest);
        }
        check_shadows(y);
      }
    }
  }
}

/// Sequences of 1, 3 of 5, 7 of 7 and 2 of 4 rows.
const std::vector<std::size_t> rows = {1, 5, 7, 4};
const std::vector<std::size_t> lengths = {1, 3, 7, 2};
const Sequences sequences{rows, lengths, 0};

TEST_CASE("integer ops: a mean pool rounds half up with F more digits, for sums of either sign") {
  for (const auto& range : ranges) {
    for (const int bits : {2, 3, 8, 16}) {
      for (const bool fine : {false, true}) {  // the codes of a sum leave no room for more digits
        Lane lane;
        auto values = normal_values(17 * cols, range[0], 79);
        for (std::size_t i = 0; i < values.size(); i += cols) values[i] = -std::fabs(values[i]);
        Value x = activation(lane, values, bits, range);
        if (fine) x = ops::sum(lane.tape, x, x);
        const Computed y = computed(lane.tape, ops::mean_pool(lane.tape, x, sequences));
        const Computed in = computed(lane.tape, x);
        int digits = 0;
        while (in.bound >> digits != 0) ++digits;
        const int f = std::max(0, 29 - digits);
        CHECK(f == (fine ? 0 : 30 - bits));
        REQUIRE(y.has_codes());
        CHECK(y.layout == in.layout);
        CHECK(y.bound == in.bound * (std::int64_t{1} << f));
        std::size_t first = 0;
        for (std::size_t n = 0; n < 4; ++n) {
          for (std::size_t c = 0; c < cols; ++c) {
            Wide sum = 0;
            for (std::size_t t = 0; t < lengths[n]; ++t) sum += in.codes[(first + t) * cols + c];
            const auto length = static_cast<Wide>(lengths[n]);
            const Wide two = 2;
            REQUIRE(y.codes[n * cols + c] ==
                    static_cast<std::int64_t>(floor_quotient((two << f) * sum + length, 2 * length)));
            REQUIRE(scale_of(y, c) == std::ldexp(scale_of(in, c), -f));
          }
          first += rows[n];
        }
        check_shadows(y);
      }
    }
  }
}

TEST_CASE("integer ops: a mean of halves rounds up, also below zero") {
  const std::vector<std::size_t> two = {2};
  const Sequences pair{two, two, 0};
  Lane lane;
  // a fine sum leaves F = 0, so that a mean may end in a half
  const Value x = activation(lane, normal_values(2 * cols, 0.4, 83), 8, {0.9F, 1.0F, 1.1F, 1.2F});
  const Value y = activation(lane, normal_values(2 * cols, 0.4, 84), 12, {0.7F, 1.3F, 1.0F, 0.8F});
  const Value sum = ops::sum(lane.tape, x, y);
  const Value mean = ops::mean_pool(lane.tape, sum, pair);
  std::size_t negative = 0;
  for (std::size_t c = 0; c < cols; ++c) {
    const std::int64_t total =
        std::int64_t{computed(lane.tape, sum).codes[c]} + computed(lane.tape, sum).codes[cols + c];
    if (total % 2 != 0 && total < 0) ++negative;
    CHECK(computed(lane.tape, mean).codes[c] == static_cast<std::int64_t>(floor_quotient(total + 1, 2)));
  }
  CHECK(negative > 0);
}

TEST_CASE("integer ops: the last step is that of the true length, with its scale and bound") {
  for (const auto& range : ranges) {
    Lane lane;
    const Value x = activation(lane, normal_values(17 * cols, 1.0, 80), 8, range);
    const Computed y = computed(lane.tape, ops::last(lane.tape, x, sequences));
    const Computed in = computed(lane.tape, x);
    REQUIRE(y.has_codes());
    CHECK(y.bound == 127);
    std::size_t first = 0;
    for (std::size_t n = 0; n < 4; ++n) {
      for (std::size_t c = 0; c < cols; ++c) {
        CHECK(y.codes[n * cols + c] == in.codes[(first + lengths[n] - 1) * cols + c]);
        CHECK(scale_of(y, c) == scale_of(in, c));
      }
      first += rows[n];
    }
    check_shadows(y);
  }
}

TEST_CASE("integer ops: pair features have the scales s, s, s and s squared of each column") {
  for (const auto& range : ranges) {
    for (const int bits : {2, 8, 16}) {
      Lane lane;
      const Value x = activation(lane, normal_values(6 * cols, 1.0, 81), bits, range);
      const Computed y = computed(lane.tape, ops::pair_features(lane.tape, x));
      const Computed in = computed(lane.tape, x);
      const std::int64_t q = largest_code(bits);
      REQUIRE(y.has_codes());
      CHECK(y.layout == kernels::ScaleLayout::per_column);
      CHECK(y.bound == std::max(2 * q, q * q));
      for (std::size_t n = 0; n < 3; ++n) {
        for (std::size_t c = 0; c < cols; ++c) {
          const std::int64_t first = in.codes[n * cols + c];
          const std::int64_t second = in.codes[(3 + n) * cols + c];
          const std::int32_t* const out = y.codes.data() + n * 4 * cols;
          CHECK(out[c] == first);
          CHECK(out[cols + c] == second);
          CHECK(out[2 * cols + c] == first - second);
          CHECK(out[3 * cols + c] == first * second);
          const auto s = static_cast<float>(scale_of(in, c));
          for (std::size_t k = 0; k < 4; ++k) CHECK(y.scale[k * cols + c] == (k == 3 ? s * s : s));
        }
      }
      check_shadows(y);
    }
  }
  Lane lane;
  const Value x = activation(lane, normal_values(2 * cols, 1.0, 82), 8, {1.0F});
  CHECK_FALSE(lane.tape[ops::pair_features(lane.tape, ops::sum(lane.tape, x, x))].has_codes());  // 2^56 does not fit
}

}  // namespace
}  // namespace bitstate::tests::integer_ops_test

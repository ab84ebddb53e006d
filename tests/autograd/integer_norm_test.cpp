// LayerNorm on codes against docs/numerics.md, section 5, in 128-bit integers, and against the true value in long
// double.
#include "autograd/ops.h"
#include "core/program/run/operands.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::tests::integer_norm_test {
namespace {

Wide floor_root(Wide v) {
  Wide low = 0;
  Wide high = static_cast<Wide>(1) << 32;  // low^2 <= v < high^2
  while (high - low > 1) {
    const Wide middle = (low + high) / 2;
    (middle * middle <= v ? low : high) = middle;
  }
  return low;
}

int digits_of(std::int64_t v) {
  int digits = 0;
  while (v >> digits != 0) ++digits;
  return digits;
}

/// One row of section 5: p and the codes of y.
struct NormRow {
  Codes p, y;
  Wide e;
};

NormRow plain_norm(const std::int32_t* x, std::size_t cols, double x_scale, const Computed& gamma,
                   const std::vector<float>& beta, float y_scale) {
  const auto h = static_cast<Wide>(cols);
  const auto count = static_cast<double>(cols);
  Wide s = 0, w = 0;
  for (std::size_t i = 0; i < cols; ++i) s += x[i];
  for (std::size_t i = 0; i < cols; ++i) w += (h * x[i] - s) * (h * x[i] - s);
  NormRow row;
  const double e = std::floor(1e-6 * (count * count * count) / (x_scale * x_scale) + 0.5);
  row.e = static_cast<Wide>(std::clamp(e, 1.0, 0x1.0p60));
  w += row.e;
  int log2 = 0;
  while (w >> (log2 + 1) != 0) ++log2;
  const int t = log2 / 2;
  const Wide one = 1;
  const Wide u = floor_root(w * (one << (2 * (30 - t))));
  REQUIRE(u >= one << 30);
  REQUIRE(u < one << 31);
  const Wide rho = (one << 60) / u;
  const int f = 30 - digits_of(gamma.bound);
  const Wide divisor = one << (30 + t - f);
  for (std::size_t i = 0; i < cols; ++i) {
    const auto p = static_cast<std::int64_t>(floor_quotient((h * x[i] - s) * rho + divisor / 2, divisor));
    REQUIRE(std::abs(p) <= std::int64_t{1} << f);
    row.p.push_back(p);
    const double b = beta.empty() ? 0.0 : std::floor(double{beta[i]} / double{y_scale} + 0.5);
    row.y.push_back(p * gamma.codes[i] + static_cast<std::int64_t>(b));
  }
  return row;
}

struct Setting {
  std::size_t cols = 8;
  int x_bits = 8;
  float x_range = 1.0F;
  int gamma_bits = 8;
  bool biased = true;
};

std::vector<float> factors(std::size_t cols) {
  auto gamma = normal_values(cols, 0.2, 91);
  for (float& g : gamma) g += 1.0F;
  return gamma;
}

/// Runs the op on rows of codes and compares with section 5; returns the largest error against the true norm of the
/// codes, as a part of the bound on that page.
double check_norm(const Setting& set, const std::vector<float>& values) {
  const std::size_t cols = set.cols;
  const std::size_t rows = values.size() / cols;
  Lane lane;
  Tape& t = lane.tape;
  const Parameter gamma = parameter_of(1, cols, factors(cols));
  const std::vector<float> beta = set.biased ? normal_values(cols, 0.1, 92) : std::vector<float>{};
  const Parameter bias = parameter_of(1, beta.size(), beta);
  const Quantizer act = quantizer_of("act:x", set.x_bits, {set.x_range});
  const Quantizer weight = quantizer_of("weight:norm", set.gamma_bits);
  const Value x = ops::quantize(t, t.input(rows, cols, values.data()), act);
  const Value g = ops::quantize(t, t.parameter(gamma), weight);
  const Computed y = computed(t, ops::layer_norm(t, x, g, set.biased ? t.parameter(bias) : Value{}));
  const Computed in = computed(t, x);
  const Computed scale = computed(t, g);
  REQUIRE(y.has_codes());
  REQUIRE(y.layout == kernels::ScaleLayout::per_tensor);
  const auto h = static_cast<double>(cols);
  const int f = 30 - digits_of(scale.bound);
  const auto s = static_cast<float>(std::sqrt(h) * std::ldexp(double{scale.scale[0]}, -f));
  REQUIRE(y.scale[0] == s);

  double worst = 0.0;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::int32_t* const codes = in.codes.data() + r * cols;
    const NormRow row = plain_norm(codes, cols, double{in.scale[0]}, scale, beta, s);
    long double sum = 0.0L, squares = 0.0L;
    for (std::size_t i = 0; i < cols; ++i) sum += static_cast<long double>(codes[i]);
    for (std::size_t i = 0; i < cols; ++i) squares += std::pow(codes[i] - sum / h, 2.0L);
    const long double unit = in.scale[0];
    const long double deviation = std::sqrt(unit * unit * squares / h + 1e-6L);
    for (std::size_t i = 0; i < cols; ++i) {
      REQUIRE(y.codes[r * cols + i] == row.y[i]);
      REQUIRE(std::abs(row.y[i]) <= y.bound);
      REQUIRE(y.value[r * cols + i] == static_cast<float>(y.codes[r * cols + i]) * s);
      const long double exact = unit * (codes[i] - sum / h) / deviation;
      const long double got =
          static_cast<long double>(row.p[i]) * std::sqrt(static_cast<long double>(h)) * std::ldexp(1.0L, -f);
      // E is off by up to a half, a relative 1 / 2E of epsilon; where it is below a half, by up to 1
      const long double of_epsilon = row.e > 1 ? 0.5L / static_cast<long double>(row.e) : 1.0L;
      const long double allowed = std::fabs(exact) * (0x1.0p-28L + of_epsilon) +
                                  std::sqrt(static_cast<long double>(h)) * std::ldexp(1.0L, -f - 1);
      worst = std::max(worst, static_cast<double>(std::fabs(got - exact) / allowed));
    }
  }
  return worst;
}

TEST_CASE("integer norm: codes are those of section 5, and within its error of the true norm") {
  for (const std::size_t cols : {2, 3, 8, 37, 128, 512}) {
    for (const int x_bits : {2, 4, 8, 12, 16}) {
      for (const int gamma_bits : {2, 4, 8, 16}) {
        for (const float range : {0.03F, 1.0F, 3.0F}) {
          CAPTURE(cols);
          CAPTURE(x_bits);
          CAPTURE(gamma_bits);
          CAPTURE(range);
          auto values = normal_values(6 * cols, 0.4 * range, cols + static_cast<std::size_t>(x_bits));
          for (std::size_t i = 0; i < cols; ++i) values[i] = values[i] * 0.02F + 0.8F * range;  // far from zero
          CHECK(check_norm({cols, x_bits, range, gamma_bits, gamma_bits != 4}, values) <= 1.0);
        }
      }
    }
  }
}

TEST_CASE("integer norm: the largest sums of squares that fit") {
  for (const std::size_t cols : {512, 1024}) {  // 16-bit codes: 2^57 and just below 2^60
    std::vector<float> values;
    for (std::size_t i = 0; i < cols; ++i) values.push_back(i % 2 == 0 ? 1.0F : -1.0F);
    for (std::size_t i = 0; i < cols; ++i) values.push_back(i == 5 ? 1.0F : -1.0F);
    for (std::size_t i = 0; i < cols; ++i) values.push_back(i == 5 ? 1.0F / 32767.0F : 0.0F);
    CHECK(check_norm({cols, 16, 1.0F, 16, true}, values) <= 1.0);
    // an E near its limit of 2^60, far above the squares
    CHECK(check_norm({cols, 16, 2e-3F, 2, true}, normal_values(2 * cols, 1e-5, 93)) <= 1.0);
  }
}

TEST_CASE("integer norm: the root is the floor on both sides of a square, where a double cannot tell them apart") {
  const std::int32_t half_range = 1 << 28;
  std::vector<std::int32_t> x(program::row_multiple);  // d = +-2^29, the sum of squares 2^59
  x[0] = half_range;
  x[1] = -half_range;
  const std::vector<std::int32_t> one(program::row_multiple, 1), zero(program::row_multiple, 0);
  for (std::int64_t root = (std::int64_t{1} << 30) + 1; root < (std::int64_t{1} << 30) + 400; ++root) {
    for (const std::int64_t below : {0, 1}) {
      const std::int64_t w = root * root - below;
      const program::Norm norm{2, one.data(), zero.data(), 29, w - (std::int64_t{1} << 59)};
      std::vector<std::int32_t> y(program::row_multiple);
      Tape::kernels().layer_norm(norm, nullptr, 1, {x.data(), program::Width::four, x.size()},
                                 {y.data(), program::Width::four, y.size()});
      const std::int64_t rho = (std::int64_t{1} << 60) / (root - below);  // t = 30, k = 31
      REQUIRE(y[0] == (rho * (1 << 29) + (1 << 30)) / (std::int64_t{1} << 31));
    }
  }
}

TEST_CASE("integer norm: a row without variance is the bias, and so is one channel") {
  for (const std::size_t cols : {1, 2, 9, 512}) {
    const Parameter gamma = parameter_of(1, cols, factors(cols));
    const Parameter beta = parameter_of(1, cols, normal_values(cols, 0.5, 94));
    const Quantizer act = quantizer_of("act:x", 16, {1.0F});
    const Quantizer weight = quantizer_of("weight:norm", 8);
    for (const float level : {0.0F, 1.0F, -1.0F, 0.37F}) {
      const std::vector<float> values(3 * cols, level);
      CHECK(check_norm({cols, 16, 1.0F, 8, true}, values) <= 1.0);
      Lane lane;
      Tape& t = lane.tape;
      const Value x = ops::quantize(t, t.input(3, cols, values.data()), act);
      const Computed y =
          computed(t, ops::layer_norm(t, x, ops::quantize(t, t.parameter(gamma), weight), t.parameter(beta)));
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double code = std::floor(double{beta.value.data[i % cols]} / double{y.scale[0]} + 0.5);
        REQUIRE(y.codes[i] == static_cast<std::int64_t>(code));
      }
    }
  }
}

bool has_codes(std::size_t cols, int x_bits, float bias, bool gamma_codes = true, bool x_columns = false) {
  Lane lane;
  Tape& t = lane.tape;
  const auto values = normal_values(2 * cols, 0.5, 95);
  const Parameter gamma = parameter_of(1, cols, std::vector<float>(cols, 1.0F));
  const Parameter beta = parameter_of(1, cols, std::vector<float>(cols, bias));
  const Quantizer act = quantizer_of("act:x", x_bits, std::vector<float>(x_columns ? cols : 1, 1.0F));
  const Quantizer weight = quantizer_of("weight:norm", 8);
  const Value x = ops::quantize(t, t.input(2, cols, values.data()), act);
  Value g = t.parameter(gamma);
  if (gamma_codes) g = ops::quantize(t, g, weight);
  const Computed y = computed(t, ops::layer_norm(t, x, g, t.parameter(beta)));
  for (std::size_t r = 0; r < 2; ++r) {  // whichever way, it is a norm
    double sum = 0.0;
    for (std::size_t c = 0; c < cols; ++c) sum += y.value[r * cols + c] - bias;
    CHECK(std::fabs(sum) <= 1e-3 * static_cast<double>(cols) * (1.0 + std::fabs(bias)));
  }
  return y.has_codes();
}

TEST_CASE("integer norm: what a bound refuses is computed in float") {
  CHECK(has_codes(1024, 16, 0.0F));
  CHECK_FALSE(has_codes(1025, 16, 0.0F));  // 1025^3 32767^2 > 2^60
  CHECK(has_codes(16384, 10, 0.0F));
  CHECK_FALSE(has_codes(16384, 11, 0.0F));  // 2^42 1023^2 > 2^60
  CHECK_FALSE(has_codes(8, 8, 0.0F, false));
  CHECK_FALSE(has_codes(8, 8, 0.0F, true, true));
  // s_y = sqrt(H) 2^-23 / 127 for eight bits of a gamma of 1: beta / s_y reaches 2^30 at sqrt(H) 2^7 / 127
  const float limit = std::sqrt(8.0F) * 128.0F / 127.0F;
  CHECK(has_codes(8, 8, limit * 0.9999F));
  CHECK(has_codes(8, 8, -limit * 0.9999F));
  CHECK_FALSE(has_codes(8, 8, limit * 1.0001F));
  CHECK_FALSE(has_codes(8, 8, -limit * 1.0001F));
}

TEST_CASE("integer norm: the gradient on codes is that of the float norm at the shadows") {
  constexpr std::size_t rows = 5;
  for (const std::size_t cols : {2, 7, 64}) {
    CAPTURE(cols);
    auto values = normal_values(rows * cols, 0.4, 96);
    // a row in which epsilon counts; of two columns E is a small number, and its rounding is seen
    for (std::size_t i = 0; i < cols && cols > 2; ++i) values[i] *= 1e-3F;
    const Parameter x = parameter_of(rows, cols, values);
    const Parameter gamma = parameter_of(1, cols, factors(cols), rows * cols);
    const Parameter beta = parameter_of(1, cols, normal_values(cols, 0.1, 97), (rows + 1) * cols);
    const auto seed = normal_values(rows * cols, 1.0, 98);
    const Quantizer act = quantizer_of("act:x", 16, {2.0F});
    const Quantizer weight = quantizer_of("weight:norm", 8);
    Lane codes(training_pass(true));
    Tape& c = codes.tape;
    const Value xq = ops::quantize(c, c.parameter(x), act);
    const Value gq = ops::quantize(c, c.parameter(gamma), weight);
    const Value y = ops::layer_norm(c, xq, gq, c.parameter(beta));
    REQUIRE(c[y].has_codes());
    const Parameter x_shadow = parameter_of(rows, cols, {c.value(xq), c.value(xq) + rows * cols});
    const Parameter gamma_shadow = parameter_of(1, cols, {c.value(gq), c.value(gq) + cols}, rows * cols);
    Lane floats(training_pass(true));
    Tape& f = floats.tape;
    const Value z = ops::layer_norm(f, f.parameter(x_shadow), f.parameter(gamma_shadow), f.parameter(beta));
    REQUIRE_FALSE(f[z].has_codes());
    for (std::size_t i = 0; i < rows * cols; ++i)
      CHECK(std::fabs(computed(c, y).value[i] - computed(f, z).value[i]) < 1e-4F);
    c.backward(y, seed);
    f.backward(z, seed);
    float largest = 0.0F;
    for (std::size_t i = 0; i < (rows + 2) * cols; ++i) largest = std::max(largest, std::fabs(floats.gradient[i]));
    for (std::size_t i = 0; i < (rows + 2) * cols; ++i) {
      CHECK(std::fabs(codes.gradient[i] - floats.gradient[i]) <= 1e-4F * std::max(1.0F, std::fabs(floats.gradient[i])));
    }
    CHECK(largest > 0.1F);
  }
}

}  // namespace
}  // namespace bitstate::tests::integer_norm_test

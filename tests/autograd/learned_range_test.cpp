// Learned ranges: the gradient of the logarithm of a range against LSQ's formula, and against differences of a problem
// that dither has made smooth (docs/numerics.md, section 7).
#include "autograd/ops.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace bitstate::tests::learned_range_test {
namespace {

/// A site with these learned ranges, the parameter at `offset` of the gradient.
Quantizer learned(const char* name, int bits, std::vector<float> ranges, std::size_t offset) {
  Quantizer q = quantizer_of(name, bits, ranges);
  q.spec.range = QuantSpec::Range::learned;
  for (float& r : ranges) r = std::log(r);
  const std::size_t count = ranges.size();
  q.log_range = parameter_of(1, count, std::move(ranges), offset);
  return q;
}

/// dL/ds of one element, equation 3 of Esser et al. 2020, for dL/dy = 1.
double lsq(double v, double q) {
  if (v <= -q) return -q;
  if (v >= q) return q;
  return std::floor(v + 0.5) - v;
}

/// Which range an element of [rows, cols] has.
enum class Sharing { tensor, rows, columns };
std::size_t range_of(std::size_t i, std::size_t cols, Sharing sharing) {
  return sharing == Sharing::tensor ? 0 : (sharing == Sharing::rows ? i / cols : i % cols);
}

TEST_CASE("learned range: its gradient is LSQ's, for weights and activations, 2 to 8 bits") {
  constexpr std::size_t rows = 24;
  constexpr std::size_t cols = 5;
  for (int bits = 2; bits <= 8; ++bits) {
    for (const bool weight : {false, true}) {
      for (const bool shared : {false, true}) {
        CAPTURE(bits);
        CAPTURE(weight);
        CAPTURE(shared);
        const Sharing sharing = shared ? Sharing::tensor : (weight ? Sharing::rows : Sharing::columns);
        const std::size_t count = shared ? 1 : (weight ? rows : cols);
        const auto q = static_cast<double>(largest_code(bits));
        std::vector<float> ranges(count);
        for (std::size_t c = 0; c < count; ++c) ranges[c] = 0.9F + 0.05F * static_cast<float>(c);
        Parameter x = parameter_of(rows, cols, normal_values(rows * cols, 0.8, static_cast<std::uint64_t>(bits)));
        const Quantizer site = learned(weight ? "weight:w" : "act:x", bits, ranges, rows * cols);
        Lane lane(training_pass(true));
        const auto seed = normal_values(rows * cols, 1.0, 50);
        const Value y = ops::quantize(lane.tape, lane.tape.parameter(x), site);
        for (std::size_t i = 0; i < rows * cols; ++i) {
          const float s = std::exp(site.log_range.value.data[range_of(i, cols, sharing)]) / static_cast<float>(q);
          REQUIRE(computed(lane.tape, y).codes[i] ==
                  code_of(x.value.data[i], s, -largest_code(bits), largest_code(bits)));
        }
        lane.tape.backward(y, seed);

        std::vector<double> expected(count, 0.0), size(count, 0.0);
        std::size_t between = 0;
        for (std::size_t i = 0; i < rows * cols; ++i) {
          const std::size_t c = range_of(i, cols, sharing);
          const double s = std::exp(double{site.log_range.value.data[c]}) / q;
          const double v = x.value.data[i] / s;
          expected[c] += double{seed[i]} * lsq(v, q) * s;
          size[c] += 1.0;
          if (std::fabs(v) > q && std::fabs(v) < q + 0.5) ++between;
          // and the straight-through gradient of x is 0 where the code was clamped
          const bool clamped = std::fabs(std::floor(v + 0.5)) > q;
          REQUIRE(lane.gradient[i] == (clamped ? 0.0F : seed[i]));
        }
        if (bits <= 3) CHECK(between >= 2);  // clamped by the formula, though the code was not
        for (std::size_t c = 0; c < count; ++c) {
          const double damping = 1.0 / std::sqrt(size[c] * q);
          CHECK(lane.gradient[rows * cols + c] == doctest::Approx(expected[c] * damping).epsilon(1e-4));
        }
      }
    }
  }
}

TEST_CASE("learned range: an input that carries codes has the gradient of its shadows") {
  constexpr std::size_t size = 60;
  Parameter x = parameter_of(size / 3, 3, normal_values(size, 1.0, 3));
  const Quantizer fine = quantizer_of("act:fine", 12, {3.5F});
  const Quantizer site = learned("act:x", 3, {1.1F}, size);
  Lane lane(training_pass(true));
  const Value in = ops::quantize(lane.tape, lane.tape.parameter(x), fine);
  const Value y = ops::quantize(lane.tape, in, site);
  const auto seed = normal_values(size, 1.0, 4);
  std::vector<float> shadows(lane.tape.value(in), lane.tape.value(in) + size);
  lane.tape.backward(y, seed);
  const double s = std::exp(double{site.log_range.value.data[0]}) / 3.0;
  double expected = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    expected += double{seed[i]} * lsq(shadows[i] / s, 3.0) * s;
    CHECK(lane.gradient[i] == (std::fabs(std::floor(shadows[i] / s + 0.5)) > 3.0 ? 0.0F : seed[i]));
  }
  CHECK(lane.gradient[size] == doctest::Approx(expected / std::sqrt(size * 3.0)).epsilon(1e-4));
}

/// y of the quantizer in double.
double rounded(double x, double rho, double q) {
  const double s = std::exp(rho) / q;
  return s * std::clamp(std::floor(x / s + 0.5), -q, q);
}

/// Dither: shifts of a smooth density that is wide against the step, so that the mean over many copies of
/// L = sum g y(x + shift; rho) is smooth in rho. Its derivative is the mean of LSQ's gradient: the difference of
/// `chunks` independent means must be 0 within 5 of its standard errors.
TEST_CASE("learned range: its gradient is the slope of the loss that dither makes smooth") {
  constexpr std::size_t chunks = 40;
  constexpr std::size_t copies = 1500;
  constexpr std::size_t cols = 6;
  constexpr double h = 0.02;
  for (const int bits : {2, 3, 4, 6}) {
    for (const bool channel : {false, true}) {
      CAPTURE(bits);
      CAPTURE(channel);
      const auto q = static_cast<double>(largest_code(bits));
      const std::size_t count = channel ? cols : 1;
      std::vector<double> sum(count, 0.0), squares(count, 0.0), size(count, 0.0);
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const Random random{23, chunk};
        std::vector<float> values(copies * cols), seed(copies * cols);
        for (std::size_t i = 0; i < values.size(); ++i) {
          const std::size_t c = i % cols;  // centres on both sides, some of them out of the range of 1
          const double centre = (c % 2 == 0 ? 1.0 : -1.0) * 0.25 * static_cast<double>(c);
          values[i] = static_cast<float>(centre + std::max(0.3, 1.0 / q) * random.normal(i));
          seed[i] = c % 2 == 0 ? 1.0F + 0.2F * static_cast<float>(c) : -1.0F;
        }
        const Parameter x = parameter_of(copies, cols, values);
        const Quantizer site = learned("act:x", bits, std::vector<float>(count, 1.0F), values.size());
        Lane lane(training_pass(true), values.size() + count);
        lane.tape.backward(ops::quantize(lane.tape, lane.tape.parameter(x), site), seed);
        std::vector<double> difference(count, 0.0);
        for (std::size_t i = 0; i < values.size(); ++i) {
          const double high = rounded(values[i], h, q);
          difference[channel ? i % cols : 0] += seed[i] * (high - rounded(values[i], -h, q)) / (2.0 * h);
        }
        const auto sharing = static_cast<double>(values.size() / count);
        for (std::size_t c = 0; c < count; ++c) {
          const double through = lane.gradient[values.size() + c] * std::sqrt(sharing * q);  // without the damping
          const double d = (difference[c] - through) / sharing;
          sum[c] += d;
          squares[c] += d * d;
          size[c] += std::fabs(through) / sharing;
        }
      }
      for (std::size_t c = 0; c < count; ++c) {
        CAPTURE(c);
        const double n = chunks;
        const double error = std::sqrt((squares[c] - sum[c] * sum[c] / n) / (n * (n - 1.0)));
        const double curvature = 0.001 * size[c] / n;  // of the central difference, h^2 / 6 of the third derivative
        CHECK(error < 0.02);                           // the samples are enough to see a wrong slope
        CHECK(std::fabs(sum[c] / n) < 5.0 * error + curvature);
      }
    }
  }
}

/// Mean squared error of rounding x with a range.
double mean_error(const std::vector<float>& x, double range, double q) {
  double sum = 0.0;
  for (const float v : x) sum += std::pow(rounded(v, std::log(range), q) - v, 2.0);
  return sum / static_cast<double>(x.size());
}

TEST_CASE("learned range: gradient descent finds a range nearly as good as the best, from far above and below") {
  constexpr std::size_t size = 3000;
  const auto values = normal_values(size, 1.0, 9);
  double least = std::numeric_limits<double>::infinity();
  for (int k = 1; k <= 500; ++k) least = std::min(least, mean_error(values, 0.01 * k, 3.0));
  for (const bool weight : {false, true}) {
    for (const float start : {0.1F, 20.0F}) {
      CAPTURE(start);
      CHECK(mean_error(values, start, 3.0) > 10.0 * least);
      const Parameter x = parameter_of(1, size, values);
      Quantizer site = learned(weight ? "weight:w" : "act:x", 3, {start}, size);
      for (int step = 0; step < 60; ++step) {
        Lane lane(training_pass(true));
        const Value y = ops::quantize(lane.tape, lane.tape.parameter(x), site);
        std::vector<float> seed(size);
        for (std::size_t i = 0; i < size; ++i) {
          seed[i] = 2.0F * (computed(lane.tape, y).value[i] - values[i]) / static_cast<float>(size);
        }
        lane.tape.backward(y, seed);
        const float slope = lane.gradient[size] * std::sqrt(static_cast<float>(size) * 3.0F);
        site.log_range.value.data[0] -= 0.5F * slope;
      }
      CHECK(mean_error(values, std::exp(double{site.log_range.value.data[0]}), 3.0) < 1.2 * least);
    }
  }
}

TEST_CASE("learned range: with scale=pow2 the gradient is that of the scale that is used") {
  Quantizer site = learned("act:x", 4, {1.0F}, 4);
  site.spec.scale_kind = QuantSpec::Scale::pow2;  // 1/7 -> 1/4
  const Parameter x = parameter_of(1, 4, {0.3F, -0.55F, 1.6F, 2.5F});
  const std::vector<float> seed = {1.0F, 2.0F, 3.0F, 4.0F};
  Lane lane(training_pass(true));
  const Value y = ops::quantize(lane.tape, lane.tape.parameter(x), site);
  CHECK(codes_of(lane.tape, y) == Codes{1, -2, 6, 7});
  lane.tape.backward(y, seed);
  double expected = 0.0;
  for (std::size_t i = 0; i < 4; ++i) expected += seed[i] * lsq(x.value.data[i] * 4.0, 7.0) * 0.25;
  CHECK(lane.gradient[4] == doctest::Approx(expected / std::sqrt(4.0 * 7.0)).epsilon(1e-5));
}

}  // namespace
}  // namespace bitstate::tests::learned_range_test

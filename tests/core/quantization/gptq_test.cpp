#include "core/quantization/gptq.h"

#include "core/error.h"
#include "tests/support/golden.h"
#include "tests/support/mamba_fixture.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests::gptq_test {
namespace {

std::vector<std::int64_t> wide(std::span<const std::int8_t> codes) { return {codes.begin(), codes.end()}; }

/// ||X (W' - W)^T||^2
double output_error(const GroupedCodes& codes, std::span<const double> weight, std::span<const float> x) {
  double sum = 0.0;
  for (std::size_t t = 0; t * codes.cols < x.size(); ++t) {
    for (std::size_t r = 0; r < codes.rows; ++r) {
      double y = 0.0;
      for (std::size_t c = 0; c < codes.cols; ++c) {
        y += double{x[t * codes.cols + c]} * (codes.value(r, c) - weight[r * codes.cols + c]);
      }
      sum += y * y;
    }
  }
  return sum;
}

struct GptqCase {
  std::size_t cols;
  GptqOptions options;
  std::vector<double> weight;
  std::vector<float> x;
  std::vector<double> hessian;

  GptqCase(const MambaGolden& golden, const std::string& at)
      : cols(golden.count(at, "inp")), options{.group = golden.count(at, "group")}, weight(golden.values(at + "/W")) {
    options.damping = golden.number(at, "damp");
    for (const auto v : golden.integers(at + "/X16")) x.push_back(static_cast<float>(v) / 16.0F);
    CHECK(x.size() == golden.count(at, "tokens") * cols);
    LinearHessian sum(cols);  // in two batches
    const std::size_t half = x.size() / cols / 2 * cols;
    sum.add(std::span(x).subspan(0, half));
    sum.add(std::span(x).subspan(half));
    hessian = sum.matrix();
    // the fixture's is not divided by the number of inputs
    for (double& h : hessian) h *= static_cast<double>(golden.count(at, "tokens"));
    if (golden.flag(at, "identity_hessian")) {
      for (std::size_t c = 0; c < cols; ++c) hessian[c * (cols + 1)] = 2.0;
    }
  }
};

void check_codes(const MambaGolden& golden, const std::string& at, const GroupedCodes& got, const GptqCase& c) {
  CAPTURE(at);
  CHECK(wide(got.codes) == golden.integers(at + "/codes"));
  CHECK(relative_error(std::span<const double>(got.scales), golden.values(at + "/scales")) <= 1e-11);
  if (c.x.empty()) return;
  const double error = golden.values(at + "/error").at(0);
  CHECK(std::fabs(output_error(got, c.weight, c.x) - error) <= 1e-9 * error);
}

TEST_CASE("gptq: codes, scales and errors are those of the reference, in one level and in two") {
  const MambaGolden golden;
  const auto cases =
      golden.cases("gptq", {"damp", "group", "identity_hessian", "inp", "out", "tokens", "note", "dead_column"});
  CHECK(cases.size() == 4);
  for (const auto& at : cases) {
    CAPTURE(at);
    const GptqCase c(golden, at);
    const GroupedCodes nearest = round_to_nearest(c.weight, c.cols, c.options);
    const GroupedCodes chosen = gptq(c.weight, c.hessian, c.cols, c.options);
    CHECK(chosen.rows == golden.count(at, "out"));
    check_codes(golden, at + "/rtn", nearest, c);
    check_codes(golden, at + "/gptq", chosen, c);
    if (golden.flag(at, "identity_hessian")) {
      CHECK(chosen.codes == nearest.codes);
    } else {
      CHECK(output_error(chosen, c.weight, c.x) < 0.8 * output_error(nearest, c.weight, c.x));
    }
    const TwoLevelCodes two = two_levels(chosen);
    CHECK(wide(two.codes8) == golden.integers(at + "/w4a8/codes8"));
    CHECK(relative_error(std::span<const double>(two.row_scales), golden.values(at + "/w4a8/row_scale")) <= 1e-11);
  }
}

TEST_CASE("gptq: the factor of the damped inverse is that of the reference") {
  const MambaGolden golden;
  std::size_t dead = 0;
  for (const auto& at :
       golden.cases("gptq", {"damp", "group", "identity_hessian", "inp", "out", "tokens", "note", "dead_column"})) {
    CAPTURE(at);
    const GptqCase c(golden, at);
    std::vector<double> h = c.hessian;
    double mean = 0.0;
    for (std::size_t i = 0; i < c.cols; ++i) {
      double& diagonal = h[i * (c.cols + 1)];
      dead += diagonal == 0.0 ? 1 : 0;
      if (diagonal == 0.0) diagonal = 1.0;
      mean += diagonal / static_cast<double>(c.cols);
    }
    for (std::size_t i = 0; i < c.cols; ++i) h[i * (c.cols + 1)] += c.options.damping * mean;
    const std::vector<double> u = inverse_factor(h, c.cols);
    std::vector<double> diagonal;
    double worst = 0.0;
    for (std::size_t i = 0; i < c.cols; ++i) {
      diagonal.push_back(u[i * (c.cols + 1)]);
      for (std::size_t j = 0; j < c.cols; ++j) {  // U H U^T = I
        double sum = 0.0;
        for (std::size_t a = i; a < c.cols; ++a) {
          for (std::size_t b = j; b < c.cols; ++b) sum += u[i * c.cols + a] * h[a * c.cols + b] * u[j * c.cols + b];
        }
        worst = std::max(worst, std::fabs(sum - (i == j ? 1.0 : 0.0)));
        if (c.cols > 100) j += 37;  // samples
      }
    }
    CHECK(worst <= 1e-10);
    CHECK(relative_error(std::span<const double>(diagonal), golden.values(at + "/U_diag")) <= 1e-11);
  }
  CHECK(dead == 1);
}

TEST_CASE("gptq: with any multiple of the identity as Hessian it rounds to nearest, at other widths too") {
  std::vector<double> weight(3 * 10);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = std::sin(static_cast<double>(3 * i + 1));
  std::vector<double> hessian(100, 0.0);
  for (std::size_t i = 0; i < 10; ++i) hessian[11 * i] = 0.37;
  for (const int bits : {2, 3, 8}) {
    const GptqOptions options{.bits = bits, .group = 4};
    const GroupedCodes codes = gptq(weight, hessian, 10, options);
    CHECK(codes.codes == round_to_nearest(weight, 10, options).codes);
    CHECK(codes.scales.size() == 3 * 3);
    for (std::size_t i = 0; i < weight.size(); ++i) {
      CHECK(std::fabs(codes.value(i / 10, i % 10) - weight[i]) <= codes.scale(i / 10, i % 10) * (0.5 + 1e-9));
    }
  }
}

TEST_CASE("gptq: symmetric codes end at the edge that is asked for, with a scale per row or one for all") {
  const std::vector<double> weight = {-1.0, 0.5, -0.25, 0.125};
  const GroupedCodes rows = round_to_nearest(weight, 2, {.edge = 0.0, .symmetric = true});
  CHECK(rows.codes == std::vector<std::int8_t>{-7, 4, -7, 4});
  CHECK(rows.scales == std::vector<double>{1.0 / 7.0, 0.25 / 7.0});
  CHECK(round_to_nearest(weight, 2, {}).codes[0] == -8);  // half to even
  CHECK(round_to_nearest(weight, 2, {.symmetric = true}).codes[0] == -7);
  const std::vector<double> identity = {1.0, 0.0, 0.0, 1.0};
  const GptqOptions whole{.edge = 0.0, .symmetric = true, .one_scale = true};
  for (const GroupedCodes& all : {round_to_nearest(weight, 2, whole), gptq(weight, identity, 2, whole)}) {
    CHECK(all.codes == std::vector<std::int8_t>{-7, 4, -2, 1});
    CHECK(all.scales == std::vector<double>{1.0 / 7.0, 1.0 / 7.0});
  }
}

TEST_CASE("gptq: rows and groups of zeros are codes of zeros") {
  const std::vector<double> weight = {0.0, 0.0, 0.5, 0.0, 0.0, 0.0};
  const GroupedCodes codes = round_to_nearest(weight, 3, {.group = 2});
  CHECK(codes.codes == std::vector<std::int8_t>{0, 0, 7, 0, 0, 0});
  CHECK(codes.scales == std::vector<double>{1.0, 1.0, 1.0 / 15.0, 1.0});
  const TwoLevelCodes two = two_levels(codes);
  CHECK(two.codes8 == std::vector<std::int8_t>{0, 0, 127, 0, 0, 0});
  CHECK(two.row_scales[1] == 1.0);
}

TEST_CASE("gptq: what cannot be rounded is refused") {
  const std::vector<double> weight = {1.0, 2.0};
  const std::vector<double> identity = {1.0, 0.0, 0.0, 1.0};
  const std::vector<double> indefinite = {1.0, 3.0, 3.0, 1.0};
  const std::vector<double> broken = {1.0, std::numeric_limits<double>::quiet_NaN()};
  CHECK_THROWS_WITH_AS((void)gptq(weight, indefinite, 2, {}), "[gptq] the Hessian of 2 inputs is not positive definite",
                       Error);
  CHECK_THROWS_WITH_AS((void)gptq(broken, identity, 2, {}), "[gptq] a weight is nan, expected a finite number", Error);
  CHECK_THROWS_WITH_AS((void)gptq(weight, weight, 2, {}), "[gptq] the Hessian has 2 entries, expected 2 x 2", Error);
  CHECK_THROWS_AS((void)gptq(weight, identity, 3, {}), Error);
  CHECK_THROWS_AS((void)gptq(weight, identity, 2, {.bits = 9}), Error);
  CHECK_THROWS_AS((void)round_to_nearest(weight, 2, {.group = 0}), Error);
  LinearHessian hessian(2);
  const std::vector<float> three = {1.0F, 2.0F, 3.0F};
  const std::vector<float> infinite = {1.0F, std::numeric_limits<float>::infinity()};
  CHECK_THROWS_AS(hessian.add(three), Error);
  CHECK_THROWS_AS(hessian.add(infinite), Error);
  CHECK(hessian.matrix() == std::vector<double>(4, 0.0));
}

}  // namespace
}  // namespace bitstate::tests::gptq_test

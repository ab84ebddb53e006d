#include "models/layers/init.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace bitstate::tests::init_test {
namespace {

TEST_CASE("lecun_normal: truncated, variance 1 / in, drawn by index") {
  const Random random{4, random_stream("encoder.weight")};
  const Tensor weight = lecun_normal(300, 20, random);
  REQUIRE(weight.rows == 300);
  REQUIRE(weight.cols == 20);
  const auto count = static_cast<double>(weight.size());
  double mean = 0.0;
  double square = 0.0;
  double largest = 0.0;
  for (const float value : weight.data) {
    mean += double{value} / count;
    square += double{value} * double{value} / count;
    largest = std::max(largest, std::fabs(double{value}));
  }
  const double variance = 1.0 / 20.0;
  CHECK(std::fabs(mean) < 5.0 * std::sqrt(variance / count));
  CHECK(std::fabs((square - mean * mean) / variance - 1.0) < 5.0 * std::sqrt(2.0 / count));
  CHECK(largest < truncated_normal_factor(variance) * 2.0 + 1e-6);  // rounded to float
  const Tensor part = lecun_normal(10, 20, random);
  CHECK(std::equal(part.data.begin(), part.data.end(), weight.data.begin()));
}

}  // namespace
}  // namespace bitstate::tests::init_test

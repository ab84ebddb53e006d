#include "core/quantization/percentile.h"

#include "core/error.h"
#include "core/random.h"
#include "tests/support/golden.h"
#include "tests/support/mamba_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace bitstate::tests::percentile_test {
namespace {

TEST_CASE("percentile: quantiles, their running average and scale are those of the reference") {
  const MambaGolden golden;
  const Tensor batches = golden.matrix("percentile/batches");
  std::size_t cases = 0;
  for (const auto& name : golden.list("percentile")) {
    if (name.rfind("case_", 0) != 0) continue;
    ++cases;
    const std::string at = "percentile/" + name;
    CAPTURE(at);
    PercentileObserver observer(golden.number(at, "alpha"), golden.number(at, "sigma"));
    std::vector<double> quantiles;
    std::vector<double> running;
    for (std::size_t b = 0; b < batches.rows; ++b) {
      const auto sorted = sorted_magnitudes(std::span(batches.data).subspan(b * batches.cols, batches.cols));
      quantiles.push_back(quantile_of_sorted(sorted, observer.alpha()));
      observer.observe(sorted);
      running.push_back(observer.range());
    }
    CHECK(relative_error(std::span<const double>(quantiles), golden.values(at + "/quantile")) <= 1e-6);
    CHECK(relative_error(std::span<const double>(running), golden.values(at + "/running")) <= 1e-6);
    CHECK(std::fabs(observer.range() / 127.0 / golden.values(at + "/scale").at(0) - 1.0) <= 1e-6);
  }
  CHECK(cases == 5);
}

TEST_CASE("percentile: with alpha 1 and rate 0 the range is the largest magnitude of the first batch") {
  PercentileObserver observer(1.0, 0.0);
  CHECK(observer.range() == 0.0);
  observer.observe(sorted_magnitudes(std::array{0.5F, -3.0F, 2.0F}));
  observer.observe(sorted_magnitudes(std::array{9.0F}));
  CHECK(observer.range() == 3.0);
}

std::vector<float> normal_values() {
  std::vector<float> values(200000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(Random{17, 0}.normal(i));
  return values;
}

PercentileSearch searched(std::span<const float> values) {
  constexpr std::array<double, 4> alphas = {1.0, 0.99999, 0.9999, 0.99};
  PercentileSearch search(alphas, 8);
  search.observe(values);
  search.measure(values);
  return search;
}

TEST_CASE("percentile: the alpha of least error cuts a few spikes off, and nothing where there are none") {
  const auto plain = searched(normal_values());
  CHECK(plain.best().alpha() > 0.999);
  CHECK(plain.errors()[3] > 10.0 * plain.errors()[0]);
  std::vector<float> spiked = normal_values();
  spiked[5] = -10.0F;  // what a spike loses counts too: a much larger one would be kept
  const auto cut = searched(spiked);
  CHECK(cut.best().alpha() == 0.99999);
  CHECK(cut.best().range() < 5.0);
  CHECK(cut.errors()[1] < 0.6 * cut.errors()[0]);
}

TEST_CASE("percentile: what is no number, no batch or no share is refused") {
  CHECK_THROWS_WITH_AS(PercentileObserver(0.0), "[percentile] alpha is 0, expected above 0 and at most 1", UsageError);
  CHECK_THROWS_AS(PercentileObserver(1.5), UsageError);
  CHECK_THROWS_AS(PercentileObserver(std::numeric_limits<double>::quiet_NaN()), UsageError);
  CHECK_THROWS_WITH_AS(PercentileObserver(0.9, 2.0), "[percentile] the rate is 2, expected from 0 to 1", UsageError);
  CHECK_THROWS_WITH_AS(PercentileSearch({}, 8), "[percentile] there is no alpha to choose from", UsageError);
  const std::array alpha = {0.9};
  CHECK_THROWS_WITH_AS(PercentileSearch(alpha, 1), "[percentile] codes have 1 bits, expected 2 to 16", UsageError);
  CHECK_THROWS_WITH_AS(PercentileObserver(0.9).observe({}), "[percentile] a batch has no values", Error);
  const std::array broken = {1.0F, std::numeric_limits<float>::quiet_NaN()};
  CHECK_THROWS_AS((void)sorted_magnitudes(broken), Error);
  PercentileSearch search(alpha, 8);  // zeros have no error, and nothing is divided by their range
  search.observe(std::array{0.0F, 0.0F});
  search.measure(std::array{0.0F, 2.0F});
  CHECK(search.errors()[0] == 4.0);
}

}  // namespace
}  // namespace bitstate::tests::percentile_test

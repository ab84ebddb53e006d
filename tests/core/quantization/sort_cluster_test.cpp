#include "core/quantization/sort_cluster.h"

#include "core/error.h"
#include "core/random.h"
#include "tests/support/golden.h"
#include "tests/support/mamba_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace bitstate::tests::sort_cluster_test {
namespace {

std::vector<std::int64_t> whole(const std::vector<std::size_t>& values) { return {values.begin(), values.end()}; }

TEST_CASE("sort_cluster: order, clusters, scales and codes are those of the reference") {
  const MambaGolden golden;
  const auto cases =
      golden.cases("sort_cluster", {"P", "heads", "m", "n", "mse_channel", "mse_head", "mse_snc", "mse_tensor"});
  CHECK(cases.size() == 4);
  for (const auto& at : cases) {
    CAPTURE(at);
    const auto stat = golden.values(at + "/stat");
    const SortedClusters got =
        sort_and_cluster(stat, golden.count(at, "heads"), golden.count(at, "m"), golden.count(at, "n"));
    CHECK(whole(got.perm) == golden.integers(at + "/perm"));
    CHECK(whole(got.head_perm) == golden.integers(at + "/head_perm"));
    CHECK(whole(got.head_ends) == golden.integers(at + "/head_ends"));
    CHECK(whole(got.channel_ends) == golden.integers(at + "/channel_ends"));
    CHECK(relative_error(std::span<const double>(got.block_max), golden.values(at + "/block_max")) <= 1e-12);
    CHECK(std::fabs(got.cost / golden.values(at + "/cost").at(0) - 1.0) <= 1e-12);

    const auto x = golden.values(at + "/X");
    const std::size_t channels = got.perm.size();
    const std::vector<std::size_t> blocks = got.blocks();
    REQUIRE(blocks.size() == channels);
    std::vector<double> scales(got.block_max.size(), 0.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t block = blocks[i % channels];
      const double value = x[i / channels * channels + got.perm[i % channels]];
      scales[block] = std::max(scales[block], std::fabs(value) / 127.0);
    }
    CHECK(relative_error(std::span<const double>(scales), golden.values(at + "/scales")) <= 1e-12);
    std::vector<std::int64_t> codes;
    double error = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double value = x[i / channels * channels + got.perm[i % channels]];
      const double scale = scales[blocks[i % channels]];
      codes.push_back(static_cast<std::int64_t>(std::nearbyint(value / scale)));
      error += std::pow(value - static_cast<double>(codes.back()) * scale, 2.0) / static_cast<double>(x.size());
    }
    CHECK(codes == golden.integers(at + "/codes"));
    CHECK(std::fabs(error / golden.number(at, "mse_snc") - 1.0) <= 1e-9);
  }
}

/// The least cost over all ways to part [0, count) into parts, by trying them.
double tried(std::size_t first, std::size_t count, std::size_t parts,
             const std::function<double(std::size_t, std::size_t)>& cost) {
  if (parts == 1) return cost(first, count);
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t end = first + 1; end + parts - 1 <= count; ++end) {
    least = std::min(least, cost(first, end) + tried(end, count, parts - 1, cost));
  }
  return least;
}

TEST_CASE("sort_cluster: no other clusters of the sorted heads and channels cost less") {
  const std::size_t heads = 6;
  const std::size_t channels = 7;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    std::vector<double> stat(heads * channels);
    for (std::size_t i = 0; i < stat.size(); ++i) stat[i] = std::exp(1.5 * Random{seed, 3}.normal(i));
    const SortedClusters got = sort_and_cluster(stat, heads, 3, 2);
    const auto block_cost = [&](std::size_t a, std::size_t b, std::size_t s, std::size_t e) {
      double most = 0.0;
      for (std::size_t h = a; h < b; ++h) {
        for (std::size_t p = s; p < e; ++p) most = std::max(most, stat[got.perm[h * channels + p]]);
      }
      return static_cast<double>((b - a) * (e - s)) * most * most;
    };
    const double least = tried(0, heads, 3, [&](std::size_t a, std::size_t b) {
      return tried(0, channels, 2, [&](std::size_t s, std::size_t e) { return block_cost(a, b, s, e); });
    });
    CHECK(std::fabs(got.cost / least - 1.0) <= 1e-12);
  }
}

TEST_CASE("sort_cluster: equal costs take the smaller boundaries, and equal channels keep their order") {
  const SortedClusters got = sort_and_cluster(std::vector<double>(12, 1.0), 3, 2, 2);
  CHECK(whole(got.perm) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(whole(got.head_ends) == std::vector<std::int64_t>{1, 3});
  CHECK(whole(got.channel_ends) == std::vector<std::int64_t>{1, 4, 1, 4});
  CHECK(got.blocks() == std::vector<std::size_t>{0, 1, 1, 1, 2, 3, 3, 3, 2, 3, 3, 3});
}

TEST_CASE("sort_cluster: there are no more clusters than heads, and no more segments than channels") {
  const SortedClusters got = sort_and_cluster(std::vector<double>{3.0, 0.0, 1.0, 2.0}, 2, 9, 9);
  CHECK(whole(got.head_perm) == std::vector<std::int64_t>{1, 0});
  CHECK(whole(got.perm) == std::vector<std::int64_t>{2, 3, 1, 0});
  CHECK(got.block_max == std::vector<double>{1.0, 2.0, 0.0, 3.0});
}

TEST_CASE("sort_cluster: what is no statistic is refused") {
  const std::vector<double> five(5, 1.0);
  CHECK_THROWS_WITH_AS((void)sort_and_cluster(five, 2, 2, 2),
                       "[sort_cluster] 5 channels cannot be parted into 2 equal heads", Error);
  CHECK_THROWS_AS((void)sort_and_cluster(five, 5, 0, 1), Error);
  CHECK_THROWS_AS((void)sort_and_cluster({}, 1, 1, 1), Error);
  CHECK_THROWS_AS((void)sort_and_cluster(five, 0, 1, 1), Error);
  for (const double bad : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS((void)sort_and_cluster(std::vector<double>{1.0, bad}, 1, 1, 1), Error);
  }
}

}  // namespace
}  // namespace bitstate::tests::sort_cluster_test

// Percentiles and least-squares ranges against sorting and brute force (docs/numerics.md, section 2).
#include "core/ranges.h"

#include "core/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace bitstate {
namespace {

using Histogram = std::vector<std::uint32_t>;

QuantSpec spec_of(QuantSpec::Range range, int bits = 8, float alpha = 99.9F) {
  QuantSpec spec;
  spec.bits = bits;
  spec.range = range;
  spec.alpha = alpha;
  return spec;
}

/// Magnitudes over many powers of two, 2^-22 to 2^6, with either sign.
std::vector<float> spread_values(std::size_t count, std::uint64_t stream) {
  const Random random{5, stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double magnitude = std::exp2(-22.0 + 28.0 * random.uniform(2 * i));
    values[i] = static_cast<float>(random.uniform(2 * i + 1) < 0.5 ? -magnitude : magnitude);
  }
  return values;
}

std::vector<float> gaussian(std::size_t count, std::uint64_t stream) {
  const Random random{6, stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.normal(i));
  return values;
}

/// The ceil(alpha / 100 n)-th smallest magnitude, alpha in hundredths of a per cent: in integers.
float exact_percentile(std::vector<float> values, std::uint64_t hundredths) {
  for (float& v : values) v = std::fabs(v);
  std::sort(values.begin(), values.end());
  const std::uint64_t rank = (hundredths * values.size() + 9999) / 10000;
  return values[std::max<std::uint64_t>(rank, 1) - 1];
}

Histogram counted(const std::vector<float>& values) {
  Histogram histogram(histogram_bins, 0);
  count_magnitudes(values.data(), values.size(), 1, histogram);
  return histogram;
}

/// Edges of the bin that holds v, 2^-24 <= v < 2^8: 32 equal parts of its power of two.
struct Bin {
  double low, high;
};
Bin bin_around(float v) {
  int exponent = 0;
  (void)std::frexp(std::fabs(v), &exponent);
  const double power = std::ldexp(1.0, exponent - 1);
  const double part = std::floor((std::fabs(double{v}) / power - 1.0) * 32.0);
  return {power * (1.0 + part / 32.0), power * (1.0 + (part + 1.0) / 32.0)};
}

struct Weighted {
  double magnitude, count;
};

double squared_error(const QuantSpec& spec, float range, const std::vector<Weighted>& values) {
  const int bits = spec.bits;
  const double q = bits == 1 ? 1.0 : std::ldexp(1.0, bits - 1) - 1.0;
  auto s = static_cast<float>(bits == 1 ? range / 2.0F : range / static_cast<float>(q));
  if (spec.edge == QuantSpec::Edge::half && bits > 1) s = range / static_cast<float>(q + 0.5);
  if (spec.scale_kind == QuantSpec::Scale::pow2) s = static_cast<float>(std::exp2(std::ceil(std::log2(double{s}))));
  double sum = 0.0;
  for (const auto& v : values) {
    const double code = bits == 1 ? 1.0 : std::min(q, std::floor(v.magnitude / double{s} + 0.5));
    sum += v.count * std::pow(v.magnitude - code * double{s}, 2.0);
  }
  return sum;
}

/// The candidate k / 64 of `largest` with the least error, and that error.
struct Best {
  float range;
  double error;
};
Best best_candidate(const QuantSpec& spec, float largest, const std::vector<Weighted>& values) {
  Best best{0.0F, std::numeric_limits<double>::infinity()};
  for (int k = 1; k <= 64; ++k) {
    const float range = largest * (static_cast<float>(k) / 64.0F);
    const double error = squared_error(spec, range, values);
    if (error < best.error) best = {range, error};
  }
  return best;
}

constexpr std::uint64_t alphas[] = {1, 1000, 5000, 9000, 9900, 9990, 9995, 9999, 10000};  // hundredths of a per cent

float per_cent(std::uint64_t hundredths) { return static_cast<float>(static_cast<double>(hundredths) / 100.0); }

TEST_CASE("ranges: the percentile of values is the one that sorting finds, for every size and alpha") {
  for (const std::size_t n : {1, 2, 3, 7, 10, 99, 100, 101, 1000, 2000, 3001, 10000}) {
    const auto values = spread_values(n, n);
    for (const auto alpha : alphas) {
      CAPTURE(n);
      CAPTURE(alpha);
      const auto spec = spec_of(QuantSpec::Range::percentile, 8, per_cent(alpha));
      CHECK(range_of_values(spec, values) == exact_percentile(values, alpha));
    }
  }
}

TEST_CASE("ranges: the percentile of a histogram is the upper edge of its bin, up to 3.2 % above the exact one") {
  for (const std::size_t n : {1, 2, 50, 1000, 20000}) {
    const auto values = spread_values(n, 100 + n);
    for (const auto alpha : alphas) {
      CAPTURE(n);
      CAPTURE(alpha);
      const float range =
          range_of_histogram(spec_of(QuantSpec::Range::percentile, 8, per_cent(alpha)), counted(values));
      const float exact = exact_percentile(values, alpha);
      CHECK(double{range} == bin_around(exact).high);
      CHECK(range > exact);
      CHECK(range <= 1.032F * exact);
    }
  }
}

TEST_CASE("ranges: a histogram does not depend on the order of the values, nor on how lanes share them") {
  const auto values = spread_values(5000, 1);
  const Histogram whole = counted(values);
  CHECK(std::accumulate(whole.begin(), whole.end(), std::uint64_t{0}) == 5000);
  auto reversed = values;
  std::reverse(reversed.begin(), reversed.end());
  CHECK(counted(reversed) == whole);
  for (const std::size_t lanes : {2, 3, 7}) {
    Histogram sum(histogram_bins, 0);
    for (std::size_t lane = lanes; lane-- > 0;) {  // lane l has the values l, l + lanes, ...
      const std::size_t count = (values.size() - lane + lanes - 1) / lanes;
      Histogram own(histogram_bins, 0);
      count_magnitudes(values.data() + lane, count, lanes, own);
      for (std::size_t b = 0; b < histogram_bins; ++b) sum[b] += own[b];
    }
    CHECK(sum == whole);
  }
}

TEST_CASE("ranges: each bin is a 32nd of a power of two, closed below") {
  for (int exponent = -24; exponent < 8; ++exponent) {
    for (int part = 0; part < 32; ++part) {
      const auto low = static_cast<float>(std::ldexp(1.0 + part / 32.0, exponent));
      const float high = std::nextafter(static_cast<float>(std::ldexp(1.0 + (part + 1) / 32.0, exponent)), 0.0F);
      const auto bin = static_cast<std::size_t>((exponent + 24) * 32 + part);
      const Histogram histogram = counted({low, -high});
      REQUIRE(histogram[bin] == 2);
    }
  }
}

TEST_CASE("ranges: what lies outside of 2^-24 to 2^8 is counted in the first or the last bin") {
  const Histogram small = counted({0.0F, -0.0F, 0x1.0p-140F, 0x1.fffffep-25F, -0x1.0p-24F});
  CHECK(small[0] == 5);
  const Histogram large = counted({256.0F, -1e30F, std::numeric_limits<float>::max()});
  CHECK(large[histogram_bins - 1] == 3);
  const auto percentile = spec_of(QuantSpec::Range::percentile, 8, 100.0F);
  CHECK(range_of_histogram(percentile, small) == 0x1.0p-24F * 33.0F / 32.0F);
  CHECK(range_of_histogram(percentile, large) == 256.0F);
  CHECK(range_of_histogram(spec_of(QuantSpec::Range::mse), large) <= 256.0F);
  CHECK(range_of_values(percentile, std::vector<float>{1e30F, -1e-30F}) == 1e30F);  // values have no bins
}

TEST_CASE("ranges: an empty histogram has the range 0") {
  const Histogram none(histogram_bins, 0);
  CHECK(range_of_histogram(spec_of(QuantSpec::Range::percentile), none) == 0.0F);
  CHECK(range_of_histogram(spec_of(QuantSpec::Range::mse), none) == 0.0F);
}

TEST_CASE("ranges: mse of values is the best of the 64 candidates, for 1 to 8 bits") {
  for (const auto range : {QuantSpec::Range::mse, QuantSpec::Range::learned}) {  // learned begins there
    for (const auto edge : {QuantSpec::Edge::center, QuantSpec::Edge::half}) {
      for (const auto scale : {QuantSpec::Scale::free, QuantSpec::Scale::pow2}) {
        for (int bits = 1; bits <= 8; ++bits) {
          CAPTURE(bits);
          const auto values = gaussian(257, static_cast<std::uint64_t>(bits));
          auto spec = spec_of(range, bits);
          spec.edge = edge;
          spec.scale_kind = scale;
          std::vector<Weighted> weighted;
          float largest = 0.0F;
          for (const float v : values) {
            weighted.push_back({std::fabs(double{v}), 1.0});
            largest = std::max(largest, std::fabs(v));
          }
          const Best best = best_candidate(spec, largest, weighted);
          CHECK(range_of_values(spec, values) == best.range);
          if (bits <= 4 && bits > 1) CHECK(best.range < largest);
        }
      }
    }
  }
}

TEST_CASE("ranges: mse of a histogram is the best candidate for the middles of its bins, for 1 to 8 bits") {
  for (int bits = 1; bits <= 8; ++bits) {
    CAPTURE(bits);
    const auto values = gaussian(3000, 20 + static_cast<std::uint64_t>(bits));
    const auto spec = spec_of(QuantSpec::Range::mse, bits);
    std::vector<Weighted> middles, exact;
    double largest = 0.0;
    for (const float v : values) {
      const Bin bin = bin_around(v);
      middles.push_back({0.5 * (bin.low + bin.high), 1.0});
      exact.push_back({std::fabs(double{v}), 1.0});
      largest = std::max(largest, bin.high);
    }
    const float range = range_of_histogram(spec, counted(values));
    const Best best = best_candidate(spec, static_cast<float>(largest), middles);
    // the sum in another order may prefer another one of two candidates that are equally good
    CHECK(squared_error(spec, range, middles) == doctest::Approx(best.error).epsilon(1e-9));
    // 64 candidates of another largest value: a step of 1/64 either way changes the error of narrow codes little
    const auto by_values = best_candidate(spec, range_of_values(spec_of(QuantSpec::Range::absmax), values), exact);
    if (bits <= 5) CHECK(squared_error(spec, range, exact) <= 1.1 * by_values.error);
  }
}

TEST_CASE("ranges: the largest magnitude, a fixed range, and zeros") {
  const std::vector<float> values = {0.5F, -2.0F, 1.0F};
  CHECK(range_of_values(spec_of(QuantSpec::Range::absmax), values) == 2.0F);
  auto fixed = spec_of(QuantSpec::Range::fixed);
  fixed.value = 0.75F;
  CHECK(range_of_values(fixed, values) == 0.75F);
  const std::vector<float> zeros(5, 0.0F);
  for (const auto range : {QuantSpec::Range::absmax, QuantSpec::Range::percentile, QuantSpec::Range::mse}) {
    CHECK(range_of_values(spec_of(range), zeros) == 0.0F);
  }
}

}  // namespace
}  // namespace bitstate

#include "core/ranges.h"

#include "core/error.h"
#include "core/grid.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace bitstate {
namespace {

// A float's exponent and its five upper fraction bits number the bins.
constexpr std::uint32_t dropped_bits = 18;
constexpr std::uint32_t first_bin = (127U - 24U) << 5U;

std::size_t bin_of(float x) {
  const std::uint32_t index = (std::bit_cast<std::uint32_t>(x) & 0x7fffffffU) >> dropped_bits;
  return std::clamp<std::uint32_t>(index, first_bin, first_bin + histogram_bins - 1) - first_bin;
}

float lower_edge(std::size_t bin) {
  return std::bit_cast<float>((first_bin + static_cast<std::uint32_t>(bin)) << dropped_bits);
}

void check_bins(std::size_t bins) {
  require(bins == histogram_bins, "ranges", "a histogram has {} bins, expected {}", bins, histogram_bins);
}

struct Weighted {
  float magnitude;
  double count;
};

/// The range k/64 of `largest` with the least sum of squared errors of rounding to the grid of `spec`.
float least_squares_range(const QuantSpec& spec, float largest, std::span<const Weighted> values) {
  float best = largest;
  double least = std::numeric_limits<double>::infinity();
  for (int k = 1; k <= 64; ++k) {
    const float range = largest * (static_cast<float>(k) / 64.0F);
    const Grid grid = make_grid(spec, range);
    double sum = 0.0;
    for (const Weighted& v : values) {
      const double code = spec.bits == 1 ? 1.0
                                         : std::min(std::floor(double{v.magnitude} / double{grid.scale} + 0.5),
                                                    static_cast<double>(grid.hi));
      const double error = double{v.magnitude} - code * double{grid.scale};
      sum += v.count * error * error;
    }
    if (sum < least) {
      least = sum;
      best = range;
    }
  }
  return best;
}

/// Place of the percentile among n sorted values, from 0. In integers, of the decimal number that alpha was written as:
/// the float next to 99.9 is above it, and would make the largest of 1,000 values their percentile.
std::uint64_t rank_of(const QuantSpec& spec, std::uint64_t n) {
  constexpr std::uint64_t whole = 10'000'000;  // 100 per cent
  const auto part = static_cast<std::uint64_t>(std::llround(double{spec.alpha} * (static_cast<double>(whole) / 100.0)));
  return std::clamp<std::uint64_t>((part * n + whole - 1) / whole, 1, n) - 1;
}

}  // namespace

void count_magnitudes(const float* x, std::size_t count, std::size_t stride, std::span<std::uint32_t> histogram) {
  check_bins(histogram.size());
  for (std::size_t i = 0; i < count; ++i) ++histogram[bin_of(x[i * stride])];
}

float range_of_values(const QuantSpec& spec, std::span<const float> values) {
  if (spec.range == QuantSpec::Range::fixed) return spec.value;
  std::vector<float> magnitudes(values.size());
  float largest = 0.0F;
  for (std::size_t i = 0; i < values.size(); ++i) {
    magnitudes[i] = std::fabs(values[i]);
    largest = std::max(largest, magnitudes[i]);
  }
  if (spec.range == QuantSpec::Range::percentile && !values.empty()) {
    const auto at = magnitudes.begin() + static_cast<std::ptrdiff_t>(rank_of(spec, values.size()));
    std::nth_element(magnitudes.begin(), at, magnitudes.end());
    return *at;
  }
  if (spec.range == QuantSpec::Range::mse || spec.range == QuantSpec::Range::learned ||
      spec.range == QuantSpec::Range::stored) {
    std::vector<Weighted> weighted;
    for (const float m : magnitudes) weighted.push_back({m, 1.0});
    return least_squares_range(spec, largest, weighted);
  }
  return largest;
}

float range_of_histogram(const QuantSpec& spec, std::span<const std::uint32_t> histogram) {
  check_bins(histogram.size());
  std::uint64_t total = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    total += histogram[i];
    if (histogram[i] > 0) last = i;
  }
  if (total == 0) return 0.0F;
  if (spec.range == QuantSpec::Range::percentile) {
    const std::uint64_t rank = rank_of(spec, total);
    std::uint64_t below = 0;
    std::size_t bin = 0;
    while (below + histogram[bin] <= rank) below += histogram[bin++];
    return lower_edge(bin + 1);
  }
  std::vector<Weighted> weighted;
  for (std::size_t i = 0; i <= last; ++i) {
    if (histogram[i] == 0) continue;
    weighted.push_back({0.5F * (lower_edge(i) + lower_edge(i + 1)), static_cast<double>(histogram[i])});
  }
  return least_squares_range(spec, lower_edge(last + 1), weighted);
}

}  // namespace bitstate

#include "core/tuning/slopes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::program {
namespace {

/// Of entry `at` of a row.
double slope_of(const std::int32_t* row, std::size_t count, std::size_t at) {
  const std::size_t reach = std::max<std::size_t>(1, count / 32);
  const std::size_t first = at < reach ? 0 : at - reach;
  const std::size_t last = std::min(count - 1, at + reach);
  // sums of whole numbers below 2^53, so that every machine has the same slope
  double n = 0.0, x = 0.0, xx = 0.0, y = 0.0, xy = 0.0;
  for (std::size_t i = first; i <= last; ++i) {
    const auto distance = static_cast<double>(i - first);
    n += 1.0;
    x += distance;
    xx += distance * distance;
    y += row[i];
    xy += distance * row[i];
  }
  return last == first ? 0.0 : (n * xy - x * y) / (n * xx - x * x);
}

}  // namespace

Slopes slopes_of(const Matrix& entries) {
  std::vector<double> slopes;
  double most = 0.0;
  for (std::size_t r = 0; r < entries.rows; ++r) {
    for (std::size_t at = 0; at < entries.cols; ++at) {
      slopes.push_back(slope_of(entries.codes.data() + r * entries.cols, entries.cols, at));
      most = std::max(most, std::fabs(slopes.back()));
    }
  }
  Slopes y;
  while (y.shift < 30 && std::ldexp(most, static_cast<int>(y.shift) + 1) <= 32767.0) ++y.shift;
  for (const double slope : slopes) {
    y.codes.push_back(static_cast<std::int32_t>(std::floor(std::ldexp(slope, static_cast<int>(y.shift)) + 0.5)));
  }
  return y;
}

}  // namespace bitstate::program

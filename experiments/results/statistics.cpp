#include "experiments/results/statistics.h"

#include <boost/math/distributions/students_t.hpp>

#include <cmath>

namespace bitstate::experiments {

Statistic statistic(const std::vector<double>& values) {
  Statistic result;
  result.n = values.size();
  if (values.empty()) return result;
  const auto n = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  result.mean = sum / n;
  if (values.size() < 2) return result;
  double squares = 0.0;
  for (const double value : values) squares += (value - *result.mean) * (value - *result.mean);
  result.deviation = std::sqrt(squares / (n - 1.0));
  return result;
}

std::optional<Interval> interval_95(const Statistic& statistic) {
  if (!statistic.deviation) return std::nullopt;
  const auto n = static_cast<double>(statistic.n);
  const double t = boost::math::quantile(boost::math::students_t(n - 1.0), 0.975);
  const double half = t * *statistic.deviation / std::sqrt(n);
  return Interval{*statistic.mean - half, *statistic.mean + half};
}

Statistic paired_difference(const BySeed& a, const BySeed& b) {
  std::vector<double> differences;
  for (const auto& [seed, value] : a) {
    if (const auto found = b.find(seed); found != b.end()) differences.push_back(value - found->second);
  }
  return statistic(differences);
}

}  // namespace bitstate::experiments

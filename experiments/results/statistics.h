// Statistics over the seeds of a configuration.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// Mean and sample standard deviation (n - 1) of n values; the deviation is absent for n < 2, the mean for n = 0.
struct Statistic {
  std::size_t n = 0;
  std::optional<double> mean;
  std::optional<double> deviation;
};

Statistic statistic(const std::vector<double>& values);

struct Interval {
  double low;
  double high;
};

/// The 95 % confidence interval of the mean, by Student's t with n - 1 degrees of freedom; nothing for n < 2.
std::optional<Interval> interval_95(const Statistic& statistic);

/// The result of each seed.
using BySeed = std::map<std::string, double>;

/// The statistic of a - b over the seeds that both have.
Statistic paired_difference(const BySeed& a, const BySeed& b);

}  // namespace bitstate::experiments

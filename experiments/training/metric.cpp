#include "experiments/training/metric.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

namespace bitstate {

std::string_view metric_name(Metric metric) {
  switch (metric) {
    case Metric::accuracy:
      return "accuracy";
    case Metric::mse:
      return "mse";
    case Metric::rmse:
      return "rmse";
    case Metric::smape:
      return "smape";
    case Metric::bits_per_byte:
      return "bits_per_byte";
    case Metric::bits_per_token:
      return "bits_per_token";
  }
  return "";
}

bool is_better(Metric metric, double a, double b) { return metric == Metric::accuracy ? a > b : a < b; }

bool is_in_bits(std::string_view metric) { return metric.starts_with("bits_per_"); }

std::string perplexity_text(std::string_view metric, double value) {
  return is_in_bits(metric) ? fmt::format("  perplexity {:.4g}", std::exp2(value)) : std::string();
}

double mean_square(std::span<const float> y, std::span<const float> target, const datasets::Units& units) {
  double sum = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double deviation = units.deviation.empty() ? 1.0 : units.deviation[i % units.deviation.size()];
    const double error = (static_cast<double>(y[i]) - static_cast<double>(target[i])) * deviation;
    sum += error * error;
  }
  return sum / static_cast<double>(y.size());
}

void MetricMean::add(double value, double weight) {
  sum_ += weight * value;
  weight_ += weight;
}

double MetricMean::value() const {
  const double mean = sum_ / weight_;
  return metric_ == Metric::rmse ? std::sqrt(mean) : mean;
}

}  // namespace bitstate

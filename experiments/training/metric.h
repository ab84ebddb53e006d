// What a training is judged by: a metric of each sequence, and its mean over a part of the data.
#pragma once

#include "datasets/dataset.h"

#include <span>
#include <string>
#include <string_view>

namespace bitstate {

using datasets::Metric;

/// "accuracy", "mse", "rmse", "smape", "bits_per_byte" or "bits_per_token".
std::string_view metric_name(Metric metric);

/// Whether `a` is the better value of the metric.
bool is_better(Metric metric, double a, double b);

/// Whether the metric of this name is a cross entropy in bits, beside which the perplexity is shown: 2 to the power of
/// it.
bool is_in_bits(std::string_view metric);

/// "  perplexity 4.92", or nothing where the metric is not in bits.
std::string perplexity_text(std::string_view metric, double value);

/// Mean of ((y - target) deviation)^2 over the steps and targets of a sequence [L, d].
double mean_square(std::span<const float> y, std::span<const float> target, const datasets::Units& units);

/// The metric of a part of the data, from those of its sequences.
class MetricMean {
 public:
  explicit MetricMean(Metric metric) : metric_(metric) {}
  void add(double value, double weight);
  [[nodiscard]] double value() const;

 private:
  Metric metric_;
  double sum_ = 0.0;
  double weight_ = 0.0;
};

}  // namespace bitstate

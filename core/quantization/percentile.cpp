#include "core/quantization/percentile.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace bitstate {

double quantile_of_sorted(std::span<const float> sorted, double alpha) {
  require(!sorted.empty(), "percentile", "a batch has no values");
  const double position = alpha * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double low = sorted[below];
  return low + (position - static_cast<double>(below)) * (sorted[above] - low);
}

std::vector<float> sorted_magnitudes(std::span<const float> values) {
  std::vector<float> magnitudes;
  magnitudes.reserve(values.size());
  for (const float v : values) {
    require(std::isfinite(v), "percentile", "a value of the calibration data is {}, expected a finite number", v);
    magnitudes.push_back(std::fabs(v));
  }
  std::sort(magnitudes.begin(), magnitudes.end());
  return magnitudes;
}

PercentileObserver::PercentileObserver(double alpha, double rate) : alpha_(alpha), rate_(rate) {
  require<UsageError>(alpha > 0.0 && alpha <= 1.0, "percentile", "alpha is {}, expected above 0 and at most 1", alpha);
  require<UsageError>(rate >= 0.0 && rate <= 1.0, "percentile", "the rate is {}, expected from 0 to 1", rate);
}

void PercentileObserver::observe(std::span<const float> sorted_magnitudes) {
  const double quantile = quantile_of_sorted(sorted_magnitudes, alpha_);
  range_ = seen_ ? range_ + rate_ * (quantile - range_) : quantile;
  seen_ = true;
}

PercentileSearch::PercentileSearch(std::span<const double> alphas, int bits, double rate)
    : errors_(alphas.size(), 0.0), bound_(static_cast<double>((1 << (std::clamp(bits, 2, 16) - 1)) - 1)) {
  require<UsageError>(!alphas.empty(), "percentile", "there is no alpha to choose from");
  require<UsageError>(bits >= 2 && bits <= 16, "percentile", "codes have {} bits, expected 2 to 16", bits);
  for (const double alpha : alphas) observers_.emplace_back(alpha, rate);
}

void PercentileSearch::observe(std::span<const float> values) {
  const std::vector<float> sorted = sorted_magnitudes(values);
  for (PercentileObserver& observer : observers_) observer.observe(sorted);
}

void PercentileSearch::measure(std::span<const float> values) {
  for (std::size_t i = 0; i < observers_.size(); ++i) {
    const double scale = observers_[i].range() / bound_;
    double sum = 0.0;
    for (const float v : values) {
      const double code = scale > 0.0 ? std::clamp(std::floor(v / scale + 0.5), -bound_, bound_) : 0.0;
      const double error = v - code * scale;
      sum += error * error;
    }
    errors_[i] += sum;
  }
}

const PercentileObserver& PercentileSearch::best() const {
  return observers_[static_cast<std::size_t>(std::min_element(errors_.begin(), errors_.end()) - errors_.begin())];
}

}  // namespace bitstate

// The range of activations that Quamba (Chiang et al. 2024) calibrates: a running average of quantiles, and the choice
// of the quantile by the error of the codes (docs/numerics.md, "Quamba's transforms").
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bitstate {

/// The quantile of values in ascending order at alpha from 0 to 1: the one at position alpha (count - 1), linear
/// between neighbours. Throws Error for no values.
double quantile_of_sorted(std::span<const float> sorted, double alpha);

/// The magnitudes of a batch in ascending order. Throws Error where one is not finite.
std::vector<float> sorted_magnitudes(std::span<const float> values);

/// The quantile of the magnitudes of a first batch, which that of each later batch moves by `rate` of the difference.
class PercentileObserver {
 public:
  /// Throws UsageError unless 0 < alpha <= 1 and 0 <= rate <= 1.
  explicit PercentileObserver(double alpha, double rate = 0.01);

  void observe(std::span<const float> sorted_magnitudes);
  [[nodiscard]] double alpha() const { return alpha_; }
  [[nodiscard]] double range() const { return range_; }  ///< 0 before the first batch

 private:
  double alpha_;
  double rate_;
  bool seen_ = false;
  double range_ = 0.0;
};

/// The alpha whose range gives the least squared error of symmetric codes: all batches are observed, then measured.
class PercentileSearch {
 public:
  /// Throws UsageError for no alphas, for what an observer does not take, and unless bits are 2 to 16.
  PercentileSearch(std::span<const double> alphas, int bits, double rate = 0.01);

  void observe(std::span<const float> values);
  /// Adds the squared errors of these values to those of every range.
  void measure(std::span<const float> values);
  /// Of the least error, of equal ones the first.
  [[nodiscard]] const PercentileObserver& best() const;
  [[nodiscard]] std::span<const double> errors() const { return errors_; }

 private:
  std::vector<PercentileObserver> observers_;
  std::vector<double> errors_;
  double bound_;  // the largest code
};

}  // namespace bitstate

// What an evaluation tells besides its metric: which classes are taken for which, and how far each target is missed.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate {

/// Of a target in a part of the data, in the units of the target.
struct TargetError {
  double rmse = 0.0;
  /// The RMSE over the standard deviation of the target in this part; infinite where the target is constant.
  double nrmse = 0.0;
  /// In per cent: 100 for a perfect model, 0 for one that gives the mean, below for a worse one (Ljung, System
  /// Identification, 1999: 100 (1 - |y - t| / |t - mean t|)).
  [[nodiscard]] double fit() const { return 100.0 * (1.0 - nrmse); }
};

/// Of a class.
struct ClassFigures {
  std::uint64_t count = 0;                 ///< sequences of it
  std::uint64_t taken = 0;                 ///< sequences that were taken for it
  std::uint64_t right = 0;                 ///< both
  [[nodiscard]] double recall() const;     ///< right / count; NaN for a class of no sequence
  [[nodiscard]] double precision() const;  ///< right / taken; NaN for a class that was never given
  [[nodiscard]] double f1() const;         ///< 2 right / (count + taken); NaN where both are 0
};

/// Of each class, from counts [classes, classes]: rows are the classes of sequences, columns what they were taken for.
std::vector<ClassFigures> class_figures(std::span<const std::uint64_t> confusion);
/// The mean of the recalls of the classes that occur; NaN where none does.
double balanced_accuracy(std::span<const ClassFigures> classes);
/// The mean of the F1 of the classes that occur.
double macro_f1(std::span<const ClassFigures> classes);

/// For one class per sequence the classes, for values the targets; for a class per step nothing.
class EvaluationDetails {
 public:
  /// Numbers of an example.
  static constexpr std::size_t per_target = 4;
  static constexpr std::size_t of_class = 3;
  /// Of more classes none are counted.
  static constexpr std::size_t most_classes = 256;

  /// What add_class() takes of an example with this label, by its logits.
  static void describe(std::size_t label, std::span<const float> logits, std::span<double> numbers);
  /// What add_targets() takes of results y and targets [rows, d], standardised; `numbers` has 4 d, which are 0.
  static void describe(std::span<const float> y, std::span<const float> targets, std::span<double> numbers);

  void add_class(std::span<const double> numbers);
  void add_targets(std::span<const double> numbers);

  [[nodiscard]] std::size_t classes() const { return classes_; }
  /// [classes, classes]: how many sequences of class r were taken for class c.
  [[nodiscard]] const std::vector<std::uint64_t>& confusion() const { return confusion_; }
  /// One per target. `units` are those in which targets were standardised.
  [[nodiscard]] std::vector<TargetError> target_errors(const datasets::Units& units) const;

 private:
  std::size_t classes_ = 0;
  std::vector<std::uint64_t> confusion_;
  std::vector<double> sums_;  // per target: count, squared errors, targets, squared targets
};

}  // namespace bitstate

#include "experiments/training/details.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace bitstate {
namespace {

constexpr double rounding = 1e-12;  // of a variance, relative to the mean square: what is below is that of a constant

double ratio(double part, double whole) {
  return whole > 0.0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

double mean_of_present(std::span<const ClassFigures> classes, double (ClassFigures::*figure)() const) {
  double sum = 0.0, present = 0.0;
  for (const ClassFigures& one : classes) {
    if (one.count == 0) continue;
    sum += (one.*figure)();
    present += 1.0;
  }
  return ratio(sum, present);
}

}  // namespace

double ClassFigures::recall() const { return ratio(double(right), double(count)); }
double ClassFigures::precision() const { return ratio(double(right), double(taken)); }
double ClassFigures::f1() const { return ratio(2.0 * double(right), double(count + taken)); }

std::vector<ClassFigures> class_figures(std::span<const std::uint64_t> confusion) {
  const auto classes = static_cast<std::size_t>(std::lround(std::sqrt(double(confusion.size()))));
  std::vector<ClassFigures> all(classes);
  for (std::size_t label = 0; label < classes; ++label) {
    for (std::size_t given = 0; given < classes; ++given) {
      const std::uint64_t sequences = confusion[label * classes + given];
      all[label].count += sequences;
      all[given].taken += sequences;
      if (label == given) all[label].right = sequences;
    }
  }
  return all;
}

double balanced_accuracy(std::span<const ClassFigures> classes) {
  return mean_of_present(classes, &ClassFigures::recall);
}

double macro_f1(std::span<const ClassFigures> classes) { return mean_of_present(classes, &ClassFigures::f1); }

void EvaluationDetails::describe(std::size_t label, std::span<const float> logits, std::span<double> numbers) {
  numbers[0] = double(label);
  numbers[1] = double(std::max_element(logits.begin(), logits.end()) - logits.begin());
  numbers[2] = double(logits.size());
}

void EvaluationDetails::describe(std::span<const float> y, std::span<const float> targets, std::span<double> numbers) {
  const std::size_t count = numbers.size() / per_target;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto sums = numbers.subspan(i % count * per_target, per_target);
    const double target = targets[i], error = double{y[i]} - target;
    sums[0] += 1.0;
    sums[1] += error * error;
    sums[2] += target;
    sums[3] += target * target;
  }
}

void EvaluationDetails::add_class(std::span<const double> numbers) {
  const auto label = static_cast<std::size_t>(numbers[0]), given = static_cast<std::size_t>(numbers[1]);
  const auto classes = static_cast<std::size_t>(numbers[2]);
  if (classes > most_classes) return;
  classes_ = classes;
  confusion_.resize(classes * classes);
  ++confusion_[label * classes + given];
}

void EvaluationDetails::add_targets(std::span<const double> numbers) {
  sums_.resize(numbers.size());
  std::transform(sums_.begin(), sums_.end(), numbers.begin(), sums_.begin(), std::plus<>());
}

std::vector<TargetError> EvaluationDetails::target_errors(const datasets::Units& units) const {
  std::vector<TargetError> errors;
  for (std::size_t at = 0; at < sums_.size(); at += per_target) {
    const double count = sums_[at], mean = sums_[at + 2] / count;
    const double error = std::sqrt(sums_[at + 1] / count);
    const double squares = sums_[at + 3] / count, variance = squares - mean * mean;
    const double deviation = variance > rounding * squares ? std::sqrt(variance) : 0.0;
    const double unit = units.deviation.empty() ? 1.0 : units.deviation[errors.size() % units.deviation.size()];
    errors.push_back({error * unit, error / deviation});
  }
  return errors;
}

}  // namespace bitstate

// From the settings of a run to its data, its model and its quantizers.
#pragma once

#include "autograd/optimizer.h"
#include "datasets/registry.h"
#include "experiments/run_config.h"
#include "models/models.h"

#include <optional>
#include <span>

namespace bitstate::experiments {

/// What a table shows; training minimises cross entropy, the mean squared error or sMAPE. rmse is the root of the mean
/// squared error over all steps and targets, in the units of the target.
enum class Metric { accuracy, mse, rmse, smape };

/// "accuracy", "mse", "rmse" or "smape".
std::string_view metric_name(Metric metric);

/// Whether `a` is the better value of the metric.
bool is_better(Metric metric, double a, double b);

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

/// The data of a run, as a model with this reading sees them (none: by their own units and vocabulary). Throws Error
/// for missing or damaged files, and for data whose ids stand for other symbols.
datasets::Splits load_data(const RunConfig& config, const std::optional<datasets::Reading>& reading = {});

Metric metric_of(const datasets::Splits& data);

/// How the parameters of a run learn.
OptimizerSettings optimizer_settings(const RunConfig& config);

/// The untrained model for inputs and outputs like those of `data`; its SSMs are discrete with a_training = discrete.
/// Throws UsageError for sizes that make no model.
Model make_model(const RunConfig& config, const datasets::Splits& data);

/// Gives every site of the model its quantizer. Throws UsageError for a rule that matches no site.
void apply_quantization(const RunConfig& config, Inventory& inventory);

}  // namespace bitstate::experiments

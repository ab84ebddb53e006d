// From the settings of a run to its data, its model and its quantizers.
#pragma once

#include "autograd/optimizer.h"
#include "datasets/registry.h"
#include "experiments/run_config.h"
#include "models/models.h"

namespace bitstate::experiments {

/// What training minimises and a table shows.
enum class Metric { accuracy, mse, smape };

/// "accuracy", "mse" or "smape".
std::string_view metric_name(Metric metric);

/// Whether `a` is the better value of the metric.
bool is_better(Metric metric, double a, double b);

/// The data of a run. Throws Error for missing or damaged files.
datasets::Splits load_data(const RunConfig& config);

Metric metric_of(const datasets::Splits& data);

/// How the parameters of a run learn.
OptimizerSettings optimizer_settings(const RunConfig& config);

/// The untrained model for inputs and outputs like those of `data`; its SSMs are discrete with a_training = discrete.
/// Throws UsageError for sizes that make no model.
Model make_model(const RunConfig& config, const datasets::Splits& data);

/// Gives every site of the model its quantizer. Throws UsageError for a rule that matches no site.
void apply_quantization(const RunConfig& config, Inventory& inventory);

}  // namespace bitstate::experiments

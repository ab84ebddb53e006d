// From the settings of a run to its data, its model and its quantizers.
#pragma once

#include "autograd/optimizer.h"
#include "datasets/dataset.h"
#include "experiments/training/trainer_options.h"
#include "models/model.h"

#include <optional>
#include <string>

namespace bitstate::experiments {

struct RunConfig;

/// The data of a run, as a model with this reading sees them (none: by their own units and vocabulary). Throws Error
/// for missing or damaged files, and for data whose ids stand for other symbols.
datasets::Splits load_data(const RunConfig& config, const std::optional<datasets::Reading>& reading = {});

/// What the data ask of a model.
ModelShape shape_of(const datasets::Splits& data);

/// The metric by which models of these data are judged.
Metric metric_of(const datasets::Splits& data);

/// How the parameters of a run learn.
OptimizerSettings optimizer_settings(const RunConfig& config);

/// The untrained model for inputs and outputs like those of `data`. Throws UsageError for sizes that make no model.
Model make_model(const RunConfig& config, const datasets::Splits& data);

/// Steps to which the model pads shorter sequences; 0: as long as they are.
std::size_t padded_length(const RunConfig& config, const datasets::Splits& data);

/// What error sentences call the rules of a run.
std::string rules_origin(const RunConfig& config);

/// How a Trainer trains the model of a run on these data; without callbacks.
TrainerOptions trainer_options(const RunConfig& config, const datasets::Splits& data);

/// Gives every site of the model its quantizer. Throws UsageError for a rule that matches no site.
void apply_quantization(const RunConfig& config, Inventory& inventory);

}  // namespace bitstate::experiments

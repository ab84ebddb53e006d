#include "experiments/run_folder/model_setup.h"

#include "core/error.h"
#include "datasets/registry.h"
#include "datasets/splits.h"
#include "experiments/run_folder/identity.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/class_weights.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bitstate::experiments {

namespace {

/// Where generated data are kept between runs: $BITSTATE_CACHE, else bitstate in the user's cache folder; nowhere when
/// that cannot be written.
std::filesystem::path cache_folder() {
  std::filesystem::path folder;
  if (const char* const own = std::getenv("BITSTATE_CACHE")) {
    folder = own;
  } else if (const char* const cache = std::getenv("XDG_CACHE_HOME")) {
    folder = std::filesystem::path(cache) / "bitstate";
  } else if (const char* const home = std::getenv("HOME")) {
    folder = std::filesystem::path(home) / ".cache" / "bitstate";
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return !folder.empty() && access(folder.c_str(), W_OK) == 0 ? folder : std::filesystem::path{};
}

std::vector<double> weights_of_classes(const RunConfig& config, const datasets::Splits& data) {
  const ModelShape shape = shape_of(data);
  require<UsageError>(gives_classes(shape.output.output), "class_weights", "are for classes, but {} asks for {}",
                      config.dataset, name_of(shape.output.output));
  return class_weights(config.training.class_weights, *data.train, shape.outputs);
}

}  // namespace

datasets::Splits load_data(const RunConfig& config, const std::optional<datasets::Reading>& reading) {
  datasets::DataSettings settings = config.data;
  settings.cache = cache_folder();
  settings.reading = reading;
  return datasets::load(config.dataset, settings);
}

ModelShape shape_of(const datasets::Splits& data) {
  const auto output = [&] {
    switch (data.task) {
      case datasets::Task::classification:
        return Output::class_per_sequence;
      case datasets::Task::regression:
        return Output::values_per_step;
      case datasets::Task::value:
        return Output::values_per_sequence;
      case datasets::Task::labelling:
        return Output::class_per_step;
    }
    fail("data", "{} has a task that is none", data.name);
  };
  return {data.d_input, data.tokens, data.d_output, {output(), data.pairs ? std::size_t{2} : std::size_t{1}}};
}

Metric metric_of(const datasets::Splits& data) {
  return data.metric.value_or(gives_classes(shape_of(data).output.output) ? Metric::accuracy : Metric::rmse);
}

OptimizerSettings optimizer_settings(const RunConfig& config) {
  OptimizerSettings settings = config.training.optimizer;
  FamilyTraining family = training_of(config.model);
  settings.groups = std::move(family.groups);
  settings.method = family.method;
  // S5's norms decay, which would move a scale that has no gradient
  if (config.training.norm_backward != NormBackward::exact) settings.groups.push_back({"*norm.scale", frozen_group});
  return settings;
}

Model make_model(const RunConfig& config, const datasets::Splits& data) {
  return bitstate::make_model(config.model, shape_of(data), config.training.seed);
}

std::size_t padded_length(const RunConfig& config, const datasets::Splits& data) {
  return training_of(config.model).pads ? data.max_length : 0;
}

std::string rules_origin(const RunConfig& config) {
  return config.quantization.quant == "none" ? "bits"
                                             : std::filesystem::path(config.quantization.quant).filename().string();
}

void apply_quantization(const RunConfig& config, Inventory& inventory) {
  quantize_sites(inventory, QuantConfig::parse(quant_rules(config), rules_origin(config)));
}

TrainerOptions trainer_options(const RunConfig& config, const datasets::Splits& data) {
  TrainerOptions options{config.training};
  options.rules = quant_rules(config);
  options.rules_origin = rules_origin(config);
  options.epochs = epochs_of(config);
  options.second_lr = second_lr_of(config);
  options.lr = options.second_lr * config.training.lr_factor;
  options.optimizer = optimizer_settings(config);
  options.bn_momentum = training_of(config.model).bn_momentum;
  options.trained = !config.source.from.empty();
  options.metric = metric_of(data);
  options.target_units = data.reading.target_units;
  if (config.training.class_weights != "none") options.class_weights = weights_of_classes(config, data);
  if (data.streams) options.carrying_forward = carrying_forward(config.model);
  options.padded_length = padded_length(config, data);
  options.threads = config.run.threads;
  options.top_blocks = config.source.top_blocks;
  options.recompute = config.run.memory == "small";
  options.identity = identity_of(config);
  options.identity.data = datasets::digest(data);
  options.identity.reading = data.reading;
  return options;
}

}  // namespace bitstate::experiments

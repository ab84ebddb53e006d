// The settings of one run: those of its model, of its data, of its training, and of what it starts from.
#pragma once

#include "datasets/data_settings.h"
#include "experiments/settings/training_settings.h"
#include "models/registry.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bitstate {
struct TransformStep;
}

namespace bitstate::experiments {

/// The run whose weights another one starts from.
struct SourceSettings {
  std::string from;            ///< its folder; empty = from random weights
  std::string digest;          ///< of its weights; set by load_run_config(), empty where the folder holds none
  double lr_factor = 1.0;      ///< on ssm_lr_base (Q-S5's QAFT: 0.1)
  double epochs_factor = 1.0;  ///< on epochs, rounded, at least 1 (Q-S5's QAFT: 1/3)
  bool balance = false;        ///< the first transform is `balance`
  std::optional<std::size_t> top_blocks;  ///< none: everything trains
  std::vector<std::string> transforms;    ///< those that follow, as TransformStep::text (experiments/posttraining)
};

/// The table of SourceSettings.
OptionTable<SourceSettings> source_options();

/// What is done to the weights of the source, in this order. Throws UsageError as transform_steps() does.
std::vector<TransformStep> transforms_of(const SourceSettings& source);

/// Takes the transforms that come after calibration from the list: a float run has no ranges.
void drop_searches(SourceSettings& source);

/// Rules of quantization, besides those that the flags of a model family stand for.
struct QuantSettings {
  std::string quant = "none";                ///< "none", a named configuration or the path of a .quant file
  std::string text;                          ///< the rules that it stands for; set by load_run_config()
  std::optional<std::string> trained_rules;  ///< all rules of the run that the settings are of; set likewise
  std::vector<std::string> bits;             ///< further rules "glob bits [key=value ...]", after all others
  std::string weight_range = "absmax";       ///< of weights with range=absmax, where their rule can have another
};

/// The table of QuantSettings. An empty `quant` is none.
OptionTable<QuantSettings> quant_options();

/// When a training is given up: if the best metric on the validation part is worse than a value after so many epochs.
struct GiveUpRule {
  std::size_t epoch = 0;
  double worse_than = 0.0;
};

/// "EPOCH:VALUE" or "none".
std::string text_of(const std::optional<GiveUpRule>& rule);

/// How the run is done: none of these changes the result of a run that is done.
struct RunSettings {
  std::string out;                ///< folder of the run; empty = the caller chooses one
  std::size_t threads = 0;        ///< 0 = all
  std::string memory = "fast";    ///< or "small": a backward pass computes layers again
  std::size_t memory_budget = 0;  ///< bytes that training passes may take; it chooses what trains; 0: any
  bool ledger = false;            ///< print what a training step keeps and computes before the first one
  bool cache_prefix = false;      ///< keep what frozen layers give over the epochs
  double checkpoint_seconds = 60.0;
  bool tensorboard = false;           ///< write event files, too
  std::optional<GiveUpRule> give_up;  ///< none: it is trained to its end
  bool resume = false;                ///< continue from out/checkpoint.h5
  bool json = false;                  ///< end the output with one line of JSON
};

/// The table of RunSettings.
OptionTable<RunSettings> how_options();

/// All settings of a run. Each part has its table of options beside it; options.h holds the table of all.
struct RunConfig {
  std::string recipe;              ///< where the settings came from: a built-in name or a file
  std::string dataset = "smnist";  ///< one of datasets::names()
  std::string preset = "none";     ///< a built-in list of settings and rules (experiments/presets)
  ModelSettings model;
  datasets::DataSettings data;
  TrainingSettings training;
  SourceSettings source;
  QuantSettings quantization;
  RunSettings run;
};

/// Checks what concerns several options together (sizes that divide, limits), and that no option has a value that means
/// nothing to the data set. Throws UsageError.
void validate(const RunConfig& config);

/// Epochs and second learning rate of the run, with the factors for a run that starts from another one.
std::size_t epochs_of(const RunConfig& config);
double second_lr_of(const RunConfig& config);

/// All quantization rules of the run, in .quant syntax: those of `quant`, then the *_bits flags as rules, then `bits`.
/// Empty for a float run. Of a run that exists: those that it was trained with.
std::string quant_rules(const RunConfig& config);

}  // namespace bitstate::experiments

// Trains a model: epochs over a data set, evaluation, checkpoints. It prints nothing and knows no command line.
#pragma once

#include "autograd/optimizer.h"
#include "autograd/schedule.h"
#include "core/error.h"
#include "core/parallel.h"
#include "datasets/dataset.h"
#include "experiments/training/calibration.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/lane_runner.h"
#include "experiments/training/metric.h"
#include "models/model.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// The mean over a part of the data.
struct Evaluation {
  double loss = 0.0;
  double metric = 0.0;
  std::uint64_t tokens = 0;  ///< steps that were read
};

/// What an epoch gave.
struct EpochResult {
  std::uint64_t epoch = 0;  ///< from 1
  double train_loss = 0.0;  ///< mean over its steps
  Evaluation validation;
  bool best = false;  ///< no epoch before had as good a metric
};

/// What a Trainer tells and asks while it trains. Each may be empty.
struct TrainerCallbacks {
  std::function<void(const Progress&)> step;      ///< after each step: what it saves is a whole state
  std::function<void(const EpochResult&)> epoch;  ///< after each epoch and its validation
  std::function<bool()> stop;  ///< asked after each step and while a part is evaluated: true ends the training there
};

/// How a Trainer trains. Names and defaults are S5's.
struct TrainerOptions {
  std::string rules = {};  ///< of quantization, in .quant syntax (named_rules() has built-in ones); empty: float
  std::string rules_origin = "rules";  ///< what error sentences call them
  std::size_t epochs = 100;            ///< of train(), and of the schedule
  std::size_t bsz = 64;                ///< sequences of a batch
  double lr = 1e-3;                    ///< of the groups regular and frozen
  double ssm_lr = 1e-3;                ///< of the groups ssm and none
  double lr_min = 0.0;                 ///< at the end of the cosine
  std::size_t warmup_end = 1;          ///< epochs of linear warm-up
  bool cosine_anneal = true;
  OptimizerSettings optimizer = {};     ///< groups of parameters, method, decay
  double bn_momentum = 0.95;            ///< of running statistics
  std::size_t calibration_batches = 1;  ///< training batches that set the ranges before the first step
  bool trained = false;                 ///< the weights come from a training: calibration reads running statistics
  std::optional<Metric> metric = {};    ///< none: accuracy for classes, rmse for values
  datasets::Units target_units = {};    ///< in which the rmse is given
  std::size_t padded_length = 0;        ///< shorter sequences are padded to so many steps
  std::uint64_t seed = 1919;            ///< of the order of sequences, of dropout and of stochastic rounding
  std::size_t lanes = 16;               ///< that a batch is dealt to; part of the result, unlike threads
  std::size_t threads = 0;              ///< 0: one for each core
  RunIdentity identity = {};            ///< is kept in checkpoints; without settings: these options
  TrainerCallbacks callbacks = {};
};

/// A model and all that changes while it learns. Results depend on the options, the data and the seed, not on the
/// number of threads. The order of the sequences is a function of seed and epoch.
class Trainer {
 public:
  /// Takes the model's quantizers from options.rules. Throws UsageError for a rule that matches no site of the model, a
  /// metric that does not judge what the model gives, and sites that need calibration where there are no batches.
  Trainer(Model model, TrainerOptions options);

  /// Trains and validates epoch after epoch until there are options.epochs. Returns false when callbacks.stop ended it:
  /// a later call, or a trainer that is resumed from what save() writes then, goes on there, with equal bits. Throws
  /// UsageError for a part with fewer sequences than a batch, DivergedError when a loss or a gradient is not finite.
  bool train(const datasets::Dataset& training, const datasets::Dataset& validation);

  /// One epoch: the rest of it after a stop. Ranges that are missing are calibrated first. Nothing when callbacks.stop
  /// ended it. Throws as train() does.
  std::optional<EpochResult> epoch(const datasets::Dataset& training, const datasets::Dataset& validation);

  /// Loss and metric of the weights as they are; nothing when callbacks.stop ended it.
  std::optional<Evaluation> evaluate(const datasets::Dataset& part);

  /// Sets the ranges of sites that have none, as the first epoch() does.
  void calibrate(const datasets::Dataset& training);

  /// The whole state, to be resumed; written atomically.
  void save(const std::filesystem::path& file);
  /// The weights alone, to be evaluated or exported; written atomically.
  void save_weights(const std::filesystem::path& file) const;
  /// Goes on where save() was called. Throws Error for a damaged file, another model, and, where the options name no
  /// identity of their own, for other options.
  void resume(const std::filesystem::path& file);
  /// Takes the weights of a file of save() or save_weights(), and how far they were trained.
  void load_weights(const std::filesystem::path& file);

  /// Steps of an epoch on these data. Throws UsageError when they are fewer than a batch.
  [[nodiscard]] std::size_t steps_per_epoch(const datasets::Dataset& training) const;
  /// The training sequences that calibration reads, in batches: the first of the first epoch.
  [[nodiscard]] CalibrationData calibration_data(const datasets::Dataset& training) const;
  /// Runs `f`; a failure says in which epoch, and where in it, it happened.
  template <class F>
  auto located(std::string_view where, const F& f) const {
    try {
      return f();
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      fail_at(where, error);
    }
  }

  [[nodiscard]] Progress& progress() { return progress_; }
  [[nodiscard]] const Progress& progress() const { return progress_; }
  [[nodiscard]] double seconds() const;  ///< wall time of the training, that before a resume included
  [[nodiscard]] Metric metric() const { return metric_; }
  [[nodiscard]] Model& model() { return model_; }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] Inventory& inventory() { return inventory_; }
  [[nodiscard]] const Inventory& inventory() const { return inventory_; }
  [[nodiscard]] const Optimizer& optimizer() const { return optimizer_; }
  [[nodiscard]] LaneRunner& runner() { return runner_; }
  [[nodiscard]] const LaneRunner& runner() const { return runner_; }

 private:
  [[nodiscard]] RunIdentity identity() const;
  bool train_steps(const datasets::Dataset& training);
  void train_step(const datasets::Dataset& training, std::span<const std::size_t> indices, const Schedule& schedule);
  [[nodiscard]] bool stops() const { return options_.callbacks.stop && options_.callbacks.stop(); }
  [[noreturn]] void fail_at(std::string_view where, const Error& error) const;

  TrainerOptions options_;
  Model model_;
  Metric metric_;
  Inventory inventory_;
  Workers workers_;
  LaneRunner runner_;
  Optimizer optimizer_;
  Progress progress_;
  double seconds_before_ = 0.0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace bitstate

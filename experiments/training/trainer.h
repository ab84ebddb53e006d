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
#include "experiments/training/trainer_options.h"
#include "experiments/training/transform_target.h"
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
#include <utility>
#include <vector>

namespace bitstate {

/// A model and all that changes while it learns. Results depend on the options, the data and the seed, not on the
/// number of threads. The order of the sequences is a function of seed and epoch.
class Trainer {
 public:
  /// Takes the model's quantizers from options.rules. Throws UsageError for a rule that matches no site of the model,
  /// for a batch without sequences or lanes, for lanes that the team cannot share equally, and for sites that need
  /// calibration where there are no batches; Error for a metric that does not judge what the model gives.
  Trainer(Model model, TrainerOptions options);
  Trainer(const Trainer&) = delete;  // its parts know where the others are

  /// Trains and validates epoch after epoch until there are options.epochs. Returns false when callbacks.stop ended it:
  /// a later call, or a trainer that is resumed from what save() writes then, goes on there, with equal bits. The
  /// weights at the end are the last, not the best: callbacks.epoch may save those. Throws UsageError for a training
  /// part of fewer sequences than a batch and for an empty validation part, DivergedError when a loss or a gradient is
  /// not finite, Error when a checkpoint was resumed that stands behind the end of these data.
  [[nodiscard]] bool train(const datasets::Dataset& training, const datasets::Dataset& validation);

  /// One epoch: the rest of it after a stop. Ranges that are missing are calibrated first. Nothing when callbacks.stop
  /// ended it. Throws as train() does, and UsageError when all options.epochs are trained.
  [[nodiscard]] std::optional<EpochResult> epoch(const datasets::Dataset& training,
                                                 const datasets::Dataset& validation);

  /// Loss and metric of the weights as they are; nothing when callbacks.stop ended it. Throws UsageError for an empty
  /// part, Error where a site has no range yet.
  [[nodiscard]] std::optional<Evaluation> evaluate(const datasets::Dataset& part);

  /// Sets the ranges of sites that have none, as the first epoch() does: what post-training quantization needs. Throws
  /// UsageError for a training part of fewer sequences than a batch.
  void calibrate(const datasets::Dataset& training);

  /// Lets `change` change the model, as the transforms of experiments/posttraining do. Ranges are calibrated anew
  /// afterwards, but for stored ones. Throws Error after a training step, UsageError as calibrate() does, and what
  /// `change` throws.
  void transform(const datasets::Dataset& training, const std::function<void(const TransformTarget&)>& change);

  /// Lets `change` move ranges, when all sites have theirs. Throws as calibrate() does, and what `change` throws.
  void adjust(const datasets::Dataset& training, const TransformHost& host,
              const std::function<void(const TransformTarget&)>& change);

  /// The whole state, to be resumed; written atomically. Throws Error where a site has no range yet.
  void save(const std::filesystem::path& file);
  /// The weights and ranges alone, to be evaluated or exported; written atomically. Throws as save() does.
  void save_weights(const std::filesystem::path& file) const;
  /// Goes on where save() was called. Throws Error for a damaged file, another model, and other options; then nothing
  /// has changed.
  void resume(const std::filesystem::path& file);
  /// Takes weights and ranges of a file of save() or save_weights(), and returns how far they were trained; the
  /// progress of this trainer stays. Throws Error for a damaged file and another model; then nothing has changed.
  Progress load_weights(const std::filesystem::path& file);
  /// Begins with the weights of a file that may have been trained in other bits: ranges are calibrated anew, but
  /// stored ones are taken over where the rule of the site is the same. Returns the sites whose stored ranges are not,
  /// because their rule is another. Throws UsageError for another model; then nothing has changed.
  std::vector<std::string> start_from(const std::filesystem::path& file);

  /// Steps of an epoch on these data. Throws UsageError when they are fewer than a batch.
  [[nodiscard]] std::size_t steps_per_epoch(const datasets::Dataset& training) const;
  /// The learning rates of all steps on these data. Throws as steps_per_epoch() does.
  [[nodiscard]] Schedule schedule(const datasets::Dataset& training) const;
  /// Runs `f`; an Error or a DivergedError says in which epoch, and where in it, it happened.
  template <class F>
  auto located(std::string_view where, const F& f) const {
    try {
      return f();
    } catch (const Error& error) {
      say_where(where, error);
      throw;
    }
  }

  [[nodiscard]] const Progress& progress() const { return progress_; }
  /// Sets what the caller keeps of the epochs (Progress::metrics).
  void keep_metrics(std::string metrics) { progress_.metrics = std::move(metrics); }
  /// The validation of weights that this trainer did not train, as the best one.
  void keep_best(double metric) { progress_.best = metric; }
  [[nodiscard]] double seconds() const;  ///< wall time since the constructor, and that before a resume
  [[nodiscard]] Metric metric() const { return metric_; }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const Inventory& inventory() const { return inventory_; }
  [[nodiscard]] const Optimizer& optimizer() const { return optimizer_; }
  [[nodiscard]] LaneRunner& runner() { return runner_; }
  [[nodiscard]] const LaneRunner& runner() const { return runner_; }

 private:
  [[nodiscard]] CalibrationData calibration_data(const datasets::Dataset& training) const;
  [[nodiscard]] TransformTarget target(const CalibrationData& data);
  [[nodiscard]] RunIdentity identity() const;
  bool train_steps(const datasets::Dataset& training);
  void train_step(const datasets::Dataset& training, std::span<const std::size_t> indices, const Schedule& schedule);
  [[nodiscard]] EpochResult finished_epoch(const Evaluation& validation);
  [[nodiscard]] bool stops() const { return options_.team->any(options_.callbacks.stop && options_.callbacks.stop()); }
  void require_ranges() const;
  void say_where(std::string_view where, const Error& error) const;

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

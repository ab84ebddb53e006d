// What a Trainer is told, and what it tells while it trains.
#pragma once

#include "autograd/backward_forms.h"
#include "autograd/optimizer.h"
#include "datasets/dataset.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/details.h"
#include "experiments/training/metric.h"
#include "experiments/training/team.h"
#include "models/family.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace bitstate {

/// The mean over a part of the data.
struct Evaluation {
  double loss = 0.0;
  double metric = 0.0;
  std::uint64_t tokens = 0;  ///< steps that were read
  EvaluationDetails details = {};
};

/// What an epoch gave.
struct EpochResult {
  std::uint64_t epoch = 0;  ///< from 1
  double train_loss = 0.0;  ///< mean over its steps
  Evaluation validation;
  bool best = false;  ///< no epoch before had as good a metric, or one as good with as small a loss
};

/// What a Trainer tells and asks while it trains, on the thread that trains. Each may be empty. What a callback throws
/// leaves the trainer as a stop does.
struct TrainerCallbacks {
  std::function<void(const Progress&)> step;      ///< after each step that `stop` lets pass
  std::function<void(const EpochResult&)> epoch;  ///< after each epoch and its validation
  /// Asked after each step and while a part is evaluated; true ends what is running there, on all ranks of a team.
  std::function<bool()> stop;
};

/// How fast and how long a model learns, whatever it is and whatever it learns. The defaults are S5's, but all weights
/// are in the group regular (learned ranges in `range_group`): a family with other groups brings a table (s5_groups of
/// models/s5/groups.h).
struct LearningOptions {
  /// Of train(), and of the schedule (autograd/schedule.h): as in S5 the last `warmup_end` of them learn at lr_min.
  std::size_t epochs = 100;
  std::size_t bsz = 64;              ///< sequences of a batch
  double second_lr = 1e-3;           ///< of the groups that learn at Rate::second
  double lr_min = 0.0;               ///< at the end of the cosine
  std::size_t warmup_end = 1;        ///< epochs of linear warm-up
  std::size_t warmup_steps = 0;      ///< steps of linear warm-up, besides
  bool cosine_anneal = true;         ///< false: constant after the warm-up
  OptimizerSettings optimizer = {};  ///< groups of parameters, method, decay
  NormBackward norm_backward = NormBackward::exact;
  ActBackward act_backward = ActBackward::exact;
  std::size_t calibration_batches = 1;  ///< training batches that set the ranges before the first step
  std::uint64_t seed = 1919;            ///< of the order of sequences, of dropout and of stochastic rounding
  std::size_t lanes = 16;               ///< that a batch is dealt to; part of the result, unlike threads
};

/// How a Trainer trains.
struct TrainerOptions : LearningOptions {
  std::string rules = {};  ///< of quantization, in .quant syntax (named_rules() has built-in ones); empty: float
  std::string rules_origin = "rules";  ///< what error sentences call them
  double lr = 1e-3;                    ///< of the groups that learn at Rate::first
  double bn_momentum = 0.95;           ///< of running statistics
  bool trained = false;                ///< the weights come from a training: calibration reads running statistics
  std::optional<Metric> metric = {};   ///< none: accuracy for classes, rmse for values
  datasets::Units target_units = {};   ///< in which the rmse is given
  /// Of each class: what the loss of its sequences (or steps) counts in training; empty: 1. Reported losses do not.
  std::vector<double> class_weights = {};
  /// Where examples of an evaluation may continue the one before: the model's forward that carries its state.
  CarryingForward carrying_forward = nullptr;
  std::size_t padded_length = 0;  ///< shorter sequences are padded to so many steps
  std::size_t threads = 0;        ///< 0: one for each core
  /// The processes that train together. Each has its own trainer, with the same options, and calls the same functions
  /// at the same time; save() and save_weights() write on the first of them alone.
  std::shared_ptr<Team> team = std::make_shared<Team>();
  /// Only so many of the last layers learn, and what is behind them: a training of top_blocks. What is below, weights,
  /// ranges and running statistics, stays as it is. None: everything learns.
  std::optional<std::size_t> top_blocks = {};
  bool recompute = false;  ///< a backward pass computes layers again: less memory, more time, the same bits
  /// Is kept in checkpoints. Without settings the trainer keeps its options there, and resume() compares them; with
  /// settings the caller compares.
  RunIdentity identity = {};
  TrainerCallbacks callbacks = {};
};

}  // namespace bitstate

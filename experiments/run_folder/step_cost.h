// What a run costs, from a few of its training steps.
#pragma once

#include "datasets/dataset.h"

#include <cstdint>
#include <filesystem>

namespace bitstate::experiments {

struct RunConfig;

struct StepCost {
  double training_seconds = 0.0;  ///< of an epoch
  double validation_seconds = 0.0;
  double test_seconds = 0.0;
  std::uint64_t bytes = 0;  ///< that the process had after the steps, its data included
};

/// What a run takes beside its steps and its evaluations.
struct Upkeep {
  double run_seconds = 0.0;    ///< to build the model, to write the first files and the last ones
  double epoch_seconds = 0.0;  ///< to save weights, figures and checkpoint
};

/// Times training steps and an evaluation of the run on `data`, those of training_data(), with config.run.threads.
/// Takes two seconds at most, or two steps. Throws as train() does before its first step, and DivergedError.
StepCost measure_step(const RunConfig& config, const datasets::Splits& data);

/// measure_step() in a process of its own, so that `bytes` does not count what earlier measurements took. To be called
/// while this process has no other threads. Throws Error also where that process is killed, as for want of memory.
StepCost measure_step_apart(const RunConfig& config, const datasets::Splits& data);

/// Trains for one epoch and for three on a batch of `data`, in a process of its own, in a folder in `parent` that is
/// removed. What cannot be measured, as where nothing can be written, counts for nothing. To be called as
/// measure_step_apart().
Upkeep measure_upkeep_apart(const RunConfig& config, const datasets::Splits& data, const std::filesystem::path& parent);

}  // namespace bitstate::experiments

// What a run costs, from a few of its training steps.
#pragma once

#include "datasets/dataset.h"

#include <cstdint>

namespace bitstate::experiments {

struct RunConfig;

struct StepCost {
  double training_seconds = 0.0;  ///< of an epoch
  double validation_seconds = 0.0;
  double test_seconds = 0.0;
  std::uint64_t bytes = 0;  ///< that the process had after the steps, its data included
};

/// Times training steps and an evaluation of the run on `data`, those of training_data(), with config.run.threads.
/// Takes about two seconds, or three steps. Throws as train() does before its first step, and DivergedError.
StepCost measure_step(const RunConfig& config, const datasets::Splits& data);

/// measure_step() in a process of its own, so that `bytes` does not count what earlier measurements took. To be called
/// while this process has no other threads. Throws Error also where that process is killed, as for want of memory.
StepCost measure_step_apart(const RunConfig& config, const datasets::Splits& data);

}  // namespace bitstate::experiments

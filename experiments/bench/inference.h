// How fast a model reads a sequence and goes on step by step, in float and as an integer program, on one thread.
#pragma once

#include "core/program/program.h"
#include "datasets/dataset.h"
#include "models/family.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace bitstate::experiments {

/// Steps per second; 0: the model, or its program, cannot do that.
struct InferenceSpeed {
  double prefill_steps_per_second = 0.0;  ///< one sequence in one call
  double decode_steps_per_second = 0.0;   ///< one step in each call, the state carried on
  std::uint64_t constant_bytes = 0;       ///< in memory: parameters, or the constants of the program
};

/// A model in float. Without `carrying` it carries no state from step to step.
struct FloatInference {
  Model model;
  CarryingForward carrying = nullptr;
  std::uint64_t parameters = 0;
};
using InferenceModel = std::variant<FloatInference, program::Program>;

/// Times the models on `example`. They take turns for about `seconds`, each until its fastest round, in CPU time of
/// this thread: what else the machine does to caches and clock rates meets all of them.
[[nodiscard]] std::vector<InferenceSpeed> measure_inference(std::span<const InferenceModel> models,
                                                            const datasets::Example& example, double seconds = 3.0);

}  // namespace bitstate::experiments

// Evaluates examples that go on where the one before ended (datasets::Example::continues), with the model's state
// carried from one to the next.
#pragma once

#include "core/parallel.h"
#include "datasets/dataset.h"
#include "experiments/training/judge.h"
#include "experiments/training/lane_runner.h"
#include "models/family.h"

#include <cstddef>
#include <vector>

namespace bitstate {

/// What follows each other is computed in order, by one thread; what does not, by several.
class StreamEvaluation {
 public:
  StreamEvaluation(const Model& model, CarryingForward forward, Judge judge, Workers& workers);

  /// `count` examples from `first` on, which follow those of the call before. The result does not depend on how they
  /// are shared among calls and threads. Throws DivergedError when a loss is not finite.
  const BatchResult& run(const datasets::Dataset& data, std::size_t first, std::size_t count);

 private:
  void evaluate(std::size_t index, CarriedState& state);

  const Model& model_;
  CarryingForward forward_;
  Judge judge_;
  Workers& workers_;
  std::vector<datasets::Example> examples_;
  CarriedState state_;  // behind the last example
  BatchResult result_;
};

}  // namespace bitstate

// What a training step of a model keeps in memory, array by array.
#pragma once

#include "autograd/backward_forms.h"
#include "datasets/dataset.h"
#include "experiments/training/metric.h"
#include "models/model.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct MemoryRow {
  std::string op;
  std::string site;  ///< that gave the value, else the first that reads it; "layers.*" where layers are alike
  std::string what;  ///< "codes", "clamp bits", ...
  std::size_t bytes = 0;
  bool kept = true;  ///< until the backward pass of the op; else for a moment
};

/// What the nodes of an op compute, of layers that are alike together.
struct WorkRow {
  std::string op;
  std::string site;      ///< as that of a MemoryRow
  double forward = 0.0;  ///< FLOPs (flops.h)
  double backward = 0.0;
};

/// Of one sequence, or pair, of a lane.
struct MemoryLedger {
  std::string run;
  std::size_t steps = 0;
  std::vector<MemoryRow> rows;  ///< of --memory=fast; those of layers that are alike are one
  std::vector<WorkRow> work;
  double prefix_flops = 0.0;      ///< forward of the frozen layers, which nothing else counts
  std::size_t kept = 0;           ///< of the rows
  std::size_t transient = 0;      ///< of the rows
  std::size_t peak = 0;           ///< of the arenas of a worker, which is kept + transient
  std::size_t peak_of_small = 0;  ///< of these under --memory=small
};

/// What a training step is like, beside its model: as TrainerOptions and LaneSettings have it.
struct StepSettings {
  std::size_t padded_length = 0;
  NormBackward norm_backward = NormBackward::exact;
  ActBackward act_backward = ActBackward::exact;
  std::optional<std::size_t> frozen_layers = {};  ///< as the inventory has them
  std::optional<Metric> metric = {};              ///< whose loss is learnt; none: accuracy for classes, rmse for values
};

/// Trains on the first sequence of `part` without changing the model. Its peak is what the arenas of a worker of a
/// LaneRunner take for this sequence, to the byte. Throws Error where the part is empty.
MemoryLedger memory_ledger(const Model& model, const Inventory& inventory, const datasets::Dataset& part,
                           const StepSettings& settings = {});

/// A table for a terminal, and the same as one line of JSON.
std::string ledger_text(const MemoryLedger& ledger);
std::string to_json(const MemoryLedger& ledger);

}  // namespace bitstate::experiments

// What the model of a run is made of.
#pragma once

#include "experiments/inspect/inspect.h"
#include "experiments/inspect/memory.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::experiments {

struct RunConfig;

/// Inspects the best weights of the run in `run` on its training part. Throws Error when there are none.
Inspection inspect_run(const RunConfig& config, const std::filesystem::path& run, std::size_t sequences);

/// Writes what the first sequences of `part` show of a model's sites and eigenvalues, FOLDER/sites.csv and
/// FOLDER/eigenvalues.csv, and for a model whose program can stream FOLDER/instructions.csv. Throws Error where they
/// cannot be written.
void write_inspection(const Model& model, const Inventory& inventory, const datasets::Dataset& part,
                      std::size_t padded_length, const std::filesystem::path& folder);

/// What a training step of a run with this model is like.
StepSettings step_settings(const RunConfig& config, const datasets::Splits& data, const Inventory& inventory);

/// What a training step of the run keeps in memory. Throws as inspect_run() does.
MemoryLedger memory_of_run(const RunConfig& config, const std::filesystem::path& run);

}  // namespace bitstate::experiments

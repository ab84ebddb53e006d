// What makes a run this run and no other: its settings, rules, source and data, as its checkpoints keep them.
#pragma once

#include "datasets/dataset.h"
#include "experiments/training/checkpoint.h"

#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::experiments {

struct RunConfig;

/// Without the data; as it is kept in config.run.out.
RunIdentity identity_of(const RunConfig& config);

/// All quantization rules of the run in `folder`, as its best.h5 or checkpoint.h5 keeps them; nothing where there is
/// none that can be read. Throws Error when a newer version wrote them.
std::optional<std::string> trained_rules(const std::filesystem::path& folder);

/// What a checkpoint says of the data that it was trained on.
struct TrainedOn {
  std::string dataset;
  datasets::Reading reading;
};

/// Throws Error when the file is damaged or of another version.
TrainedOn trained_on(const std::filesystem::path& file);

/// Throws Error, naming the first that differs, when the file was written by a run with other settings, rules, source
/// or data than `run`. Settings are compared by name, those that the file lacks at their defaults; `from` only by the
/// weights, and the data only where `run` knows them.
void check_identity(const std::filesystem::path& file, const RunIdentity& run);

/// load_checkpoint() of a file that passes check_identity().
Progress load_checkpoint(const std::filesystem::path& file, const RunIdentity& run, const Inventory& inventory,
                         Optimizer* optimizer);

/// Throws Error when the run in `folder` was trained on other own data than those that `config` names, if it names any.
void check_own_data(const RunConfig& config, const std::filesystem::path& folder);

}  // namespace bitstate::experiments

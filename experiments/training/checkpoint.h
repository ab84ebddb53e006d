// The whole state of a training run in one HDF5 file: a run resumed from it continues bit for bit.
#pragma once

#include "autograd/optimizer.h"
#include "datasets/dataset.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/run_config.h"
#include "models/inventory.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::experiments {

/// Where a run stands, besides its weights.
struct Progress {
  std::uint64_t epoch = 0;       ///< epochs that are trained and evaluated
  std::uint64_t step = 0;        ///< steps done in the current epoch; all of them: its evaluation is still to come
  double loss_sum = 0.0;         ///< of the batches of the current epoch
  double best = 0.0;             ///< best validation metric so far
  std::uint64_t best_epoch = 0;  ///< 1-based; 0 before the first evaluation
  double seconds = 0.0;          ///< wall time so far
  std::uint64_t tokens = 0;      ///< trained on so far
  std::string metrics;           ///< the lines of metrics.jsonl so far
};

/// What a run is: its settings and, since files may change, the rules, the source's weights and the data that they
/// stood for.
struct RunIdentity {
  Settings settings;
  std::string rules;
  std::string source = {};  ///< source_digest(); empty when there is none, or not any more: then it is not compared
  std::string data = {};    ///< datasets::digest(); empty: it is not compared
  datasets::Reading reading = {};
};

/// Without the data; as it is kept in config.out.
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

/// Writes the file atomically: a reader sees the old or the new checkpoint, whenever the writer is killed.
void save_checkpoint(const std::filesystem::path& file, const RunIdentity& run, const Progress& progress,
                     const Inventory& inventory, const Optimizer* optimizer);

/// Fills everything from the file; every quantizer that keeps a range has it afterwards. Throws Error when the file is
/// damaged, belongs to another model, or to a run with other settings, rules, source or data (naming the first that
/// differs). Settings are compared by name, those that the file lacks at their defaults; `from` only by the weights.
Progress load_checkpoint(const std::filesystem::path& file, const RunIdentity& run, const Inventory& inventory,
                         Optimizer* optimizer);

/// Throws Error, as load_checkpoint does, when the file was written by another run than `run`.
void check_identity(const std::filesystem::path& file, const RunIdentity& run);

/// SHA-256 of the bits of all parameters, buffers and ranges, in the order of the model.
std::string weights_digest(const Inventory& inventory);

}  // namespace bitstate::experiments

// The whole state of a training in one HDF5 file: one that is resumed from it continues bit for bit.
#pragma once

#include "autograd/optimizer.h"
#include "core/error.h"
#include "datasets/dataset.h"
#include "models/inventory.h"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

namespace bitstate {

/// Where a training stands, besides its weights.
struct Progress {
  std::uint64_t epoch = 0;  ///< epochs that are trained and evaluated
  std::uint64_t step = 0;   ///< steps done in the current epoch; all of them: its evaluation is still to come
  double loss_sum = 0.0;    ///< of the batches of the current epoch
  double best = 0.0;        ///< best validation metric so far
  /// Validation loss of the epoch with the best metric. What old files say nothing of is below all others.
  double best_loss = -std::numeric_limits<double>::infinity();
  std::uint64_t best_epoch = 0;  ///< 1-based; 0 before the first evaluation
  double seconds = 0.0;          ///< wall time so far
  std::uint64_t tokens = 0;      ///< trained on so far
  std::string metrics;           ///< what the caller keeps of the epochs so far; a run: its metrics.jsonl
};

/// What a checkpoint says of the training that wrote it. Whoever resumes compares it with its own.
struct RunIdentity {
  std::string settings = {};  ///< lines "name = value"
  std::string rules = {};     ///< of quantization, in .quant syntax
  std::string source = {};    ///< digest of the weights that it started from; empty: from random ones
  std::string data = {};      ///< digest of the data; empty: not known
  datasets::Reading reading = {};
};

/// A file that a newer version wrote, so that it is told from a damaged one.
struct NewerVersion : Error {
  using Error::Error;
};

/// Writes the file atomically: a reader sees the old or the new checkpoint, whenever the writer is killed. Without
/// `optimizer` the file holds weights to be evaluated, not a training to be resumed. Throws Error when it cannot.
void save_checkpoint(const std::filesystem::path& file, const RunIdentity& run, const Progress& progress,
                     const Inventory& inventory, const Optimizer* optimizer);

/// Fills everything from the file; every quantizer that keeps a range has it afterwards. Throws Error when the file is
/// damaged or belongs to another model, NewerVersion when this version cannot read it; then nothing has changed.
Progress load_checkpoint(const std::filesystem::path& file, const Inventory& inventory, Optimizer* optimizer);

/// What the file says of its training. Throws as load_checkpoint() does.
RunIdentity identity_in(const std::filesystem::path& file);

/// SHA-256 of the bits of all parameters, buffers and ranges, in the order of the model.
std::string weights_digest(const Inventory& inventory);

}  // namespace bitstate

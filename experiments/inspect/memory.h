// What a training step of a model keeps in memory, array by array.
#pragma once

#include "datasets/dataset.h"
#include "models/model.h"

#include <cstddef>
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

/// Of one sequence, or pair, of a lane.
struct MemoryLedger {
  std::string run;
  std::size_t steps = 0;
  std::vector<MemoryRow> rows;    ///< of --memory=fast; those of layers that are alike are one
  std::size_t kept = 0;           ///< of the rows
  std::size_t transient = 0;      ///< of the rows
  std::size_t peak = 0;           ///< of the tape, which is kept + transient
  std::size_t peak_of_small = 0;  ///< of the tape under --memory=small
};

/// Trains on the first sequence of `part`, padded as by inspect(), without changing the model. Of `forms` the forms of
/// backward count. Throws Error where the part is empty.
MemoryLedger memory_ledger(const Model& model, const Inventory& inventory, const datasets::Dataset& part,
                           std::size_t padded_length = 0, const Pass& forms = {});

/// A table for a terminal, and the same as one line of JSON.
std::string ledger_text(const MemoryLedger& ledger);
std::string to_json(const MemoryLedger& ledger);

}  // namespace bitstate::experiments

// What the nodes of a tape keep in memory.
#pragma once

#include "autograd/tape.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace bitstate {

/// An array that a node keeps until the end of its pass.
struct LedgerEntry {
  Value node;
  std::string_view what;  ///< "real numbers", "codes", "clamp bits", "starts", "mask" or "numbers of rows"
  std::size_t bytes = 0;  ///< that it takes of the arena
};

/// Every such array of the tape, each once, in the order of the nodes. The rest of Tape::used_bytes() was given back,
/// or is tables, packed weights, numbers for each column, and, in and after backward(), gradients.
std::vector<LedgerEntry> ledger(const Tape& tape);

}  // namespace bitstate

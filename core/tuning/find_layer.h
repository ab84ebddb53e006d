// Where the top layer of a program is.
#pragma once

#include "core/program/program.h"
#include "core/tuning/head.h"

#include <cstddef>
#include <vector>

namespace bitstate::program {

/// Where the top layer is, and which of its values depend on what is trained.
struct FoundLayer {
  std::size_t pool = 0, scan = 0;  ///< values
  Ref entry = 0;                   ///< the value that enters it: no later one reads what comes before
  std::vector<bool> trained;       ///< each value up to what the pool reads: by its own weight or by an operand
};

/// Finds it behind the last recurrence. Throws UsageError, naming what was found, where that is no layer of S5 before a
/// mean pool or the last step, behind which this head stands.
[[nodiscard]] FoundLayer find_layer(const Program& program, const TrainableHead& head);

}  // namespace bitstate::program

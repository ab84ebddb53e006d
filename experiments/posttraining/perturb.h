// The transform `perturb`: all ranges moved at once, to see how much a model's accuracy depends on where they are.
#pragma once

#include "experiments/posttraining/transform.h"

#include <cstddef>

namespace bitstate {

struct PerturbOptions {
  double by = 0.0;       ///< all ranges are multiplied by 1 + by
  double random = 0.0;   ///< each range is multiplied by 1 + random u, u uniform in [-1, 1)
  std::size_t draw = 0;  ///< of u: one of many independent ones
};

/// Moves all ranges that the sites keep. Throws UsageError where none is kept.
void perturb(const TransformTarget& target, const PerturbOptions& options);

Transform perturb_transform();

}  // namespace bitstate

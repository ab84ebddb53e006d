// The transform `fold_norms`: the weights of norms moved into what the norms feed.
#pragma once

#include "experiments/posttraining/transform.h"

namespace bitstate {

struct FoldNormsOptions {};

/// Folds the norms of a Mamba (models/mamba/rotate.h), and drops the stored ranges of the weights that they go into.
/// Throws UsageError for another model.
void fold_norms(const TransformTarget& target, const FoldNormsOptions& options);

Transform fold_norms_transform();

}  // namespace bitstate

// Parameter trees of S5 as JAX trains it, under the names of S5's modules.
#pragma once

#include "core/io/named_tensors.h"
#include "models/inventory.h"
#include "models/model.h"
#include "models/s5/settings.h"

#include <optional>

namespace bitstate {

/// Sets what the shapes of the tree tell: sizes, directions, the kind of norm and, but for the two that look alike
/// (half_glu1 and half_glu2), the activation. Names are paths joined by slashes or dots, with or without `params` and
/// `batch_stats` before them. Of `settings` is conj_sym, which no shape tells. Throws Error naming file and tensor for
/// tensors that are missing or of shapes that make no model.
void set_sizes(S5Settings& settings, const NamedTensors& tensors);

/// None: whether inputs are tokens and what is learnt, only data tell.
std::optional<ModelShape> shape_in(const S5Settings& settings, const NamedTensors& tensors);

/// Sets all parameters and running statistics. Throws Error naming file and tensor for tensors that are missing, left
/// over, of other shapes or not finite; then the model is not to be used.
void import_weights(const S5Settings& settings, const ModelShape& shape, const NamedTensors& tensors,
                    const Inventory& inventory);

}  // namespace bitstate

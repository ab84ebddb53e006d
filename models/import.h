// Checkpoints of other programs, whatever the family of the model.
#pragma once

#include "core/io/named_tensors.h"
#include "models/inventory.h"
#include "models/registry.h"

#include <optional>

namespace bitstate {

// Each of these asks the family that is chosen, by the function of the same name that takes its own settings.

/// Sets what the shapes of the tensors tell: sizes, and what else they leave no choice of. Throws Error naming file and
/// tensor for tensors that make no model of the family.
void set_sizes(ModelSettings& settings, const NamedTensors& tensors);

/// The shape of the data, where the tensors tell it.
std::optional<ModelShape> shape_in(const ModelSettings& settings, const NamedTensors& tensors);

/// Sets all parameters and buffers of the model of these settings and this shape. Throws Error naming file and tensor
/// for tensors that are missing, left over, of other shapes or not finite; then the model is not to be used.
void import_weights(const ModelSettings& settings, const ModelShape& shape, const NamedTensors& tensors,
                    const Inventory& inventory);

}  // namespace bitstate

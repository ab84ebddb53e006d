// Checkpoints of Mamba and Mamba-2 under the names of state-spaces.
#pragma once

#include "core/io/named_tensors.h"
#include "models/inventory.h"
#include "models/mamba/settings.h"
#include "models/model.h"

#include <optional>

namespace bitstate {

/// Sets what the shapes of the tensors tell: all sizes, and whether the head is tied, as it is where it is absent or
/// equal to the table of tokens. Of `settings` are the family and, for Mamba-2, ngroups, which no shape tells. Throws
/// Error naming file and tensor for tensors that are missing or of shapes that make no model of this family.
void set_sizes(MambaSettings& settings, const NamedTensors& tensors);

/// A class per step, one for each token.
std::optional<ModelShape> shape_in(const MambaSettings& settings, const NamedTensors& tensors);

/// Sets all parameters. Throws Error naming file and tensor for tensors that are missing, left over, of other shapes or
/// not finite; then the model is not to be used.
void import_weights(const MambaSettings& settings, const ModelShape& shape, const NamedTensors& tensors,
                    const Inventory& inventory);

}  // namespace bitstate

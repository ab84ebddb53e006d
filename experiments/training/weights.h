// The weights of a checkpoint, taken over by another training: in other bits, on other data, after other steps.
#pragma once

#include "core/io/hdf5.h"
#include "models/inventory.h"

#include <string>
#include <vector>

namespace bitstate {

/// The tensors of a checkpoint that are weights; `group` is "parameters", "buffers", "groups" or "stored". None where
/// there is no such group. Learned ranges belong to a site and are left out.
std::vector<std::string> weight_names(const Hdf5Reader& reader, const std::string& group);

/// Sets the groups of channels that a transform has made (Quantizer::regrouped) and the file keeps; others stay. Throws
/// Error when they are damaged; then nothing has changed.
void take_groups(const Hdf5Reader& reader, const Inventory& inventory);

/// Sets all parameters and buffers but learned ranges, and groups as take_groups() does. Throws UsageError, naming the
/// first tensor that differs, when the file belongs to a model of another architecture, and Error when it is damaged;
/// then nothing has changed.
void take_weights(const Hdf5Reader& reader, const Inventory& inventory);

/// Sets the stored ranges of sites whose rule is that of the checkpoint, and returns the sites of which it has one that
/// is not taken, because their rule is another. Throws Error when a range is damaged; then nothing has changed.
std::vector<std::string> take_stored_ranges(const Hdf5Reader& reader, const Inventory& inventory);

}  // namespace bitstate

// What of an exported program a device may train further.
#pragma once

#include "core/tuning/head.h"
#include "models/inventory.h"

namespace bitstate::experiments {

/// The classifier head of a program, whose scales are those of the model's sites, and the learning rate. Throws
/// UsageError for a head that shares its weights with the token table and for one whose grid is not symmetric, and what
/// program::trainable_head() throws.
program::TrainableHead trainable_head_of(const program::Program& program, const Inventory& inventory, double rate);

}  // namespace bitstate::experiments

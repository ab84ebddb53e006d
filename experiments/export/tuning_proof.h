// The training of a head in exported C is run and compared with that of this machine.
#pragma once

#include "core/program/c/source.h"
#include "experiments/export/export.h"

#include <cstddef>
#include <filesystem>
#include <string>

namespace bitstate::experiments {

/// What is trained: "head", "head and top layer".
std::string trained_parts(const Exported& exported);

/// What it takes of RAM beside the states of streams without it; with a layer, that of one stream.
std::size_t trained_bytes(const Exported& exported);

/// Test sequences on which the training is compared.
std::size_t tuned_sequences(const Exported& exported);

/// Compiles NAME.c in `folder` with the tuner of `c` and compares every loss, and in the end every weight and bias.
/// Throws Error for the first that is another, and for what cannot be compiled or run.
void prove_tuning(const Exported& exported, const std::filesystem::path& folder, const std::string& name,
                  const program::CSource& c);

}  // namespace bitstate::experiments

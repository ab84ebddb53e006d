// The run that another one starts from: the weights and running statistics of its best.h5.
#pragma once

#include "models/inventory.h"

#include <filesystem>
#include <string>

namespace bitstate::experiments {

/// SHA-256 of the names and bits of all parameters and buffers in `run`/best.h5, or "" where there is no such file.
/// Throws Error when it is damaged.
std::string source_digest(const std::filesystem::path& run);

/// Sets parameters and buffers from `run`/best.h5; ranges are not taken over. Throws UsageError, naming the first
/// tensor that differs, when the file belongs to a model of another architecture, Error when it is damaged.
void load_source(const std::filesystem::path& run, const Inventory& inventory);

}  // namespace bitstate::experiments

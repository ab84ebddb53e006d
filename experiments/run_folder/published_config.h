// The config.json that stands beside a published checkpoint of Mamba.
#pragma once

#include "experiments/settings/ini.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::experiments {

/// What it says; nothing where it says nothing.
struct PublishedConfig {
  std::string file;
  Settings sizes;                         ///< options of the model
  std::optional<std::size_t> vocabulary;  ///< rows of the table of tokens, with padding
  std::optional<bool> tied;
};

/// Of config.json in the folder of `checkpoint`, or in `checkpoint` where that is a folder; empty where there is none.
/// `model` is the family that it is to be of. Throws Error naming file and key for values of other kinds, for a model
/// of another family and for one without RMSNorm. Other keys are not read.
PublishedConfig published_config(const std::filesystem::path& checkpoint, const std::string& model);

}  // namespace bitstate::experiments

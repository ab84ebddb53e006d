// W4AX: which blocks of a trained run compute with the wider activations of a preset, chosen by an evolution.
#pragma once

#include "experiments/allocation/evolution.h"
#include "experiments/settings/ini.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

struct MixedOptions {
  std::string run;          ///< a float run
  std::string preset;       ///< with configurations w4a8 and w4a16
  double share = 0.25;      ///< of the blocks that may be wide
  std::size_t batches = 8;  ///< training batches for transforms and ranges
  Settings overrides;       ///< of the runs: data, limits, threads
  EvolutionOptions evolution;
  std::filesystem::path out;
};

/// The blocks of a model in their order, "layers.0" and so on, of the names of its sites.
std::vector<std::string> blocks_of(const std::vector<std::string>& sites);

/// The rules of a configuration for activations and states, for the sites of one block alone: "act:*.mixer*.u 12" is
/// "?act:layers.3.mixer*.u 12". Rules for a site that is in no block are left out.
std::string rules_of_block(std::string_view rules, std::string_view block);

/// The command: quantizes the run with narrow blocks below options.out, lets blocks evolve on validation data, and
/// writes the run with the best ones and evolution.csv there. Returns the exit code. Throws UsageError for a preset
/// without the two configurations and a model without blocks, and as MeasuredRun and train() do.
int run_mixed(const MixedOptions& options, bool json);

}  // namespace bitstate::experiments

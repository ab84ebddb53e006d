// The runs that a sweep file asks for: the product of its rows, axes, quantization configurations and seeds.
#pragma once

#include "experiments/settings/ini.h"
#include "experiments/settings/run_config.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// One planned run.
struct SweepRun {
  RunConfig config;
  std::string hash;       ///< settings_hash(config), the end of its folder's name
  std::string label;      ///< what tells it from the others, as in "a_bits=4 ssm_act_bits=8 seed=1"
  std::string row;        ///< the name of its row in tables: the label without stage and seed
  std::string stage;      ///< empty in a sweep without stages
  std::string source;     ///< hash of the planned run that it starts from; empty: it waits for none
  std::size_t place = 0;  ///< the order of the rows
};

/// The runs that a sweep file asks for (docs/sweeps.md), each once, and for every float setting and seed the float run
/// as the reference. `overrides` are fixed settings that win over set, rows and axes. A run that starts from another
/// one of the plan has that one's hash in config.source.from. Throws UsageError naming `where`, also for more than 1000
/// runs that are not meant to be `large`.
std::vector<SweepRun> plan_sweep(const Settings& file, std::string_view where, const Settings& overrides = {},
                                 bool large = false);

/// The rows of tables, in their order, with the runs of each. Where runs of other settings have the same row, stage and
/// seed, they stand in rows of their own.
std::vector<std::vector<const SweepRun*>> table_rows(const std::vector<SweepRun>& plan);

/// The run of `plan` with this hash, and before it the one that it starts from, so that whoever has to wait for that
/// one does it where nobody else does. Throws UsageError naming `run` where `plan` has no run of this hash.
std::vector<SweepRun> runs_for(const std::vector<SweepRun>& plan, const std::string& hash);

}  // namespace bitstate::experiments

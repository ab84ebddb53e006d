// A run that was trained elsewhere: its folder is made from a published checkpoint.
#pragma once

#include "experiments/settings/ini.h"
#include "experiments/settings/run_config.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::experiments {

struct ImportedRun {
  RunConfig config;
  ModelShape shape;
  std::size_t parameters = 0;  ///< numbers in all of them
};

/// Makes the folder `out` (settings.ini, best.h5) of a float run with the weights of a checkpoint: safetensors under
/// the names of state-spaces for mamba and mamba2, an .npz of S5's parameter tree for s5. `given` are options of the
/// command line; `model` must be among them. Sizes come from the shapes; what config.json beside the checkpoint or
/// `given` say of them must agree. Without `dataset` the run is one on the user's own data. Data are read for s5 only.
/// Throws UsageError for options that the checkpoint contradicts and for a folder that holds a run, Error naming file
/// and tensor for files that are damaged or hold another model; then no folder is made.
ImportedRun import_run(const std::filesystem::path& checkpoint, const Settings& given);

}  // namespace bitstate::experiments

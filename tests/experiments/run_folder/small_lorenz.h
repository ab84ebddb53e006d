// The settings of a small run on generated data.
#pragma once

#include "experiments/run_folder/load.h"
#include "experiments/settings/run_config.h"

#include <filesystem>

namespace bitstate::tests {

/// lorenz-small on 40 trajectories for 2 epochs, with these options.
inline experiments::RunConfig small_lorenz(const experiments::Settings& options,
                                           const std::filesystem::path& out = {}) {
  experiments::Settings all{{"trajectories", "40"}, {"bsz", "4"}, {"epochs", "2"}};
  all.insert(all.end(), options.begin(), options.end());
  experiments::RunConfig c = experiments::load_run_config("lorenz-small", all);
  c.run.out = out.string();
  c.run.threads = 2;
  return c;
}

}  // namespace bitstate::tests

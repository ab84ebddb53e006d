// The settings of a small Mamba on generated tokens.
#pragma once

#include "experiments/run_folder/load.h"
#include "experiments/settings/run_config.h"

#include <filesystem>

namespace bitstate::tests {

/// A tied Mamba of two layers, on the data set `copying`, with these options.
inline experiments::RunConfig small_copying(const experiments::Settings& options,
                                            const std::filesystem::path& out = {}) {
  experiments::Settings all{{"model", "mamba"}, {"n_layers", "2"}, {"d_model", "8"},       {"d_state", "4"},
                            {"bsz", "8"},       {"epochs", "2"},   {"examples", "64"},     {"length", "12"},
                            {"copied", "2"},    {"lanes", "4"},    {"ssm_lr_base", "0.01"}};
  all.insert(all.end(), options.begin(), options.end());
  experiments::RunConfig c = experiments::load_run_config("copying", all);
  c.run.out = out.string();
  c.run.threads = 2;
  return c;
}

}  // namespace bitstate::tests

// A run on the user's own data for which nothing but the data is given.
#pragma once

#include "experiments/settings/ini.h"
#include "experiments/settings/run_config.h"

#include <string>

namespace bitstate::experiments {

/// The run that `bitstate train own` trains with these options. What is not among them is chosen by the training part:
/// windows where there are few long sequences, n_layers, d_model and ssm_size_base by its steps, bsz and epochs by its
/// sequences. `said` becomes a line that names the choice. Reads the data; throws what load_run_config() and
/// training_data() throw.
RunConfig run_of_own_data(const Settings& options, std::string& said);

}  // namespace bitstate::experiments

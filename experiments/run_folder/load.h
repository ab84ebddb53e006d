// From what a recipe and a command line name to the settings of a run: recipes, .quant files, the runs that others
// start from. What the texts mean is in options.h, which opens no file.
#pragma once

#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"

#include <string>
#include <string_view>

namespace bitstate::experiments {

/// A recipe (built-in name or path of an .ini), then the overrides in their order; validated, `quant` resolved. Where
/// either names a preset, the preset's settings come before its own, and a preset's rules before the usual ones. `bits`
/// given among the overrides add to the recipe's. An empty recipe stands for the defaults or, when the overrides name
/// `from`, for that run's settings without its own source and quantization. Of RUN/settings.ini, `from` leads from that
/// folder, and where the overrides change no rule, the rules are those that the run was trained with. Throws
/// UsageError, Error for a run of a newer version.
RunConfig load_run_config(std::string_view recipe, const Settings& overrides);

/// settings() as they are kept with the run in config.run.out: `from` leads from that folder (source_text).
Settings kept_settings(const RunConfig& config);

/// Where own data are: those of data, train, val and test that are given.
Settings own_paths(const RunConfig& config);

/// The text of config.run.out/settings.ini: kept_settings() and where own data are.
std::string settings_text(const RunConfig& config);

}  // namespace bitstate::experiments

// All options of a run in one table, put together from those of its subjects, and what goes by it: the texts of all
// settings, the hash that names a run. No file is read here.
#pragma once

#include "core/options.h"
#include "experiments/settings/ini.h"

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

struct RunConfig;

struct Option : OptionOf<RunConfig> {
  bool later = false;  ///< came after runs were named by their settings: at its default it is no part of their hash
};

/// The rows of all subjects in the order of --help, of settings.ini and of the hash.
const std::vector<Option>& option_table();

/// The same for --help and the completion of shells, with these values; or with the defaults.
std::vector<OptionInfo> run_options(const RunConfig& values);
std::vector<OptionInfo> run_options();

/// Whether the option is in a table of what the run has chosen: of its data set, or of every run.
bool is_chosen(const OptionInfo& option, const RunConfig& config);

/// What an option that is not chosen does not belong to: "model=mamba", or the name of the data set.
std::string other_subject(const OptionInfo& option, const RunConfig& config);

/// Whether the option is chosen, or has its default.
bool is_meaningful(const Option& option, const RunConfig& config);

/// OptionInfo::gives_bits and decides_test of the option of this name; false for a name that is none.
bool is_quant_setting(std::string_view name);
bool decides_test(std::string_view name);

/// Names of the built-in recipes, presets and quantization configurations (experiments/recipes, presets, configs).
std::vector<std::string> recipe_names();
std::vector<std::string> preset_names();
std::vector<std::string> quant_names();

/// The names of options.
std::vector<std::string> names_of(const std::vector<OptionInfo>& options);

/// Throws UsageError, which suggests the nearest known name, or says what the option of another program is called here.
[[noreturn]] void refuse_unknown(std::string_view where, std::string_view name, const std::vector<std::string>& known);

/// Sets one option from its text. Throws UsageError naming the option, the value and what is allowed.
void set_option(RunConfig& config, std::string_view name, std::string_view value);

/// Sets several in their order, after those of the preset that they name. `where` is named for an unknown one.
void set_options(RunConfig& config, const Settings& given, std::string_view where);

/// Sets those that a run has kept, to a config of the defaults. They say all that its preset said when it was made,
/// which today may say more.
void set_kept_options(RunConfig& config, const Settings& kept, std::string_view where);

/// Canonical text of every chosen option that affects the result, in the order of the table. Loading it gives the same
/// run.
Settings settings(const RunConfig& config);

/// Settings that were kept by this or an older version, as settings() gives them: each option that did not exist then
/// has its default, and options of other data sets are left out. Throws Error naming `where` for an option that does
/// not exist now, and for one of other data sets that has not its default.
Settings completed(const Settings& kept, std::string_view where);

/// Those of a run's settings that one in other bits inherits: what model it is, on what data and how it learns.
Settings without_quantization(Settings settings);

/// 16 hex digits: FNV-1a of the texts of all options that affect the result, of whatever data set and
/// model (later ones at their defaults left out, so that it stays what it was), of the rules of `quant` and of the
/// weights of `from`. Names the folder of a run.
std::string settings_hash(const RunConfig& config);

}  // namespace bitstate::experiments

// Every setting of one run, under the names of S5's and Q-S5's flags, and how a recipe and a command line fill it.
#pragma once

#include "experiments/settings/ini.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// All settings of a run. The defaults are S5's (its run_train.py). load_run_config() has checked every range.
// in the order of the subject, not of the sizes. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct RunConfig {
  std::string recipe;              ///< where the settings came from: a built-in name or a file
  std::string dataset = "smnist";  ///< one of dataset_names()

  std::string preset = "none";  ///< a built-in list of settings and rules (experiments/presets)

  // model
  std::size_t n_layers = 6;
  std::size_t d_model = 128;                     ///< features H
  std::size_t ssm_size_base = 256;               ///< states before conjugate symmetry halves them
  std::size_t blocks = 8;                        ///< HiPPO blocks J; divides ssm_size_base
  std::string C_init = "trunc_standard_normal";  ///< or lecun_normal, complex_normal
  std::string discretization = "zoh";            ///< or bilinear
  std::string mode = "pool";                     ///< or last
  std::string activation_fn = "half_glu1";       ///< or half_glu2, full_glu, gelu
  bool conj_sym = true;
  bool clip_eigs = false;
  bool bidirectional = false;
  double dt_min = 0.001;
  double dt_max = 0.1;
  double step_rescale = 1.0;
  bool prenorm = true;
  bool batchnorm = true;  ///< false: layer normalization
  double bn_momentum = 0.95;
  bool use_layernorm_bias = true;
  bool qgelu_approx = false;
  bool hard_sigmoid = false;
  std::string scan = "recurrence";  ///< or tree
  bool quantize_gradients = false;
  bool pad = false;  ///< scan and norm run over padding, as in the reference

  // training
  std::size_t bsz = 64;
  std::size_t epochs = 100;  ///< 0 only with `from`: its weights are calibrated and evaluated
  double ssm_lr_base = 1e-3;
  double lr_factor = 1.0;  ///< global learning rate = lr_factor · ssm_lr_base
  bool dt_global = false;
  double lr_min = 0.0;
  std::size_t warmup_end = 1;  ///< epochs of linear warm-up
  bool cosine_anneal = true;
  double p_dropout = 0.0;
  double weight_decay = 0.05;
  std::string opt_config = "standard";    ///< or BandCdecay, BfastandCdecay, noBCdecay, qaft
  std::string a_training = "continuous";  ///< or discrete (Lambda_bar and B_bar are parameters), frozen
  std::uint64_t seed = 1919;
  std::size_t lanes = 16;  ///< lanes a batch is dealt to; part of the result, unlike threads

  // start from the weights of another run
  std::string from;                 ///< its folder; empty = from random weights
  std::string from_digest;          ///< of its weights; set by load_run_config(), empty where the folder holds none
  double from_lr_factor = 1.0;      ///< on ssm_lr_base (Q-S5's QAFT: 0.1)
  double from_epochs_factor = 1.0;  ///< on epochs, rounded, at least 1 (Q-S5's QAFT: 1/3)

  bool balance = false;  ///< scale the states to one magnitude first (models/s5/balance.h)

  // quantization; no value = float
  std::string quant = "none";                ///< "none", a named configuration or the path of a .quant file
  std::string quant_text;                    ///< the rules `quant` stands for; set by load_run_config()
  std::optional<std::string> trained_rules;  ///< all rules of the run that the settings are of; set likewise
  std::optional<int> a_bits;
  std::optional<int> b_bits;
  std::optional<int> c_bits;
  std::optional<int> d_bits;
  std::optional<int> ssm_act_bits;
  std::optional<int> non_ssm_bits;
  std::optional<int> non_ssm_act_bits;
  std::size_t calibration_batches = 1;  ///< training batches that set the ranges before the first step
  std::vector<std::string> bits;        ///< further rules "glob bits [key=value ...]", after all others

  // data
  std::size_t limit_train = 0;      ///< use only the first so many training sequences; 0 = all
  std::size_t limit_test = 0;       ///< likewise for validation and test
  double tau = 17.0;                ///< delay of Mackey-Glass
  std::size_t contour_length = 14;  ///< paddles of Pathfinder's long snakes
  std::size_t trajectories = 1024;  ///< trajectories of a dynamical system, train and test together
  double val_split = 0.0;           ///< share of the training part held out where there is no validation part
  std::string input;                ///< columns of a .csv, with commas between
  std::string target;
  std::size_t window = 0;     ///< steps of a training sequence cut from a series; 0 = all of it, or the data set's own
  std::size_t stride = 0;     ///< steps between the starts of windows; 0 = window
  std::size_t horizon = 0;    ///< the target is that of so many steps later
  std::string task = "auto";  ///< or classification, regression (every step), value (one a sequence)

  // how the run is done: none of these changes its result
  std::string data;         ///< folder of the data files; empty = $BITSTATE_DATA
  std::string out;          ///< folder of the run; empty = the caller chooses one
  std::size_t threads = 0;  ///< 0 = all
  double checkpoint_seconds = 60.0;
  bool resume = false;  ///< continue from out/checkpoint.h5
  bool json = false;    ///< end the output with one line of JSON
};

/// An option as --help and the completion of shells show it.
struct OptionInfo {
  std::string name;
  std::string help;
  std::string unit{};                   ///< what its value counts or names, as SECONDS or FILE; a switch has none
  bool is_switch = false;               ///< a boolean: `--json` alone means true
  std::string group{};                  ///< heading of --help under which it stands
  std::string value{};                  ///< default
  std::vector<std::string> words{};     ///< values that it takes, if these are words
  std::vector<std::string> datasets{};  ///< data sets that it is for; none: for all
};

/// A command line split into what it names and what it sets.
struct CommandLine {
  std::vector<std::string> positionals;
  Settings options;  ///< names with underscores, in order
  bool help = false;
  bool version = false;
};

/// The options of RunConfig with the values in `defaults`, in the order of settings().
std::vector<OptionInfo> run_options(const RunConfig& defaults = {});

/// Values that `dataset` may take.
std::vector<std::string> dataset_names();

/// Names of the built-in recipes, presets and quantization configurations (experiments/recipes, presets, configs).
std::vector<std::string> recipe_names();
std::vector<std::string> preset_names();
std::vector<std::string> quant_names();

/// Splits `args` (without program and command) by `options`. `--name=value` and `--name value` are the same, dashes in
/// names stand for underscores. Throws UsageError for an unknown name, suggesting the nearest one.
CommandLine parse_command_line(const std::vector<std::string>& args, const std::vector<OptionInfo>& options);

/// Sets one option from its text. Throws UsageError naming the option, the value and what is allowed.
void set_option(RunConfig& config, std::string_view name, std::string_view value);

/// Checks what concerns several options together (sizes that divide, limits). Throws UsageError.
void validate(const RunConfig& config);

/// A recipe (built-in name or path of an .ini), then the overrides in their order; validated, `quant` resolved. Where
/// either names a preset, the preset's settings come before its own, and a preset's rules before the usual ones. `bits`
/// given among the overrides add to the recipe's. An empty recipe stands for the defaults or, when the overrides name
/// `from`, for that run's settings without its own source and quantization. Of RUN/settings.ini, `from` leads from that
/// folder, and where the overrides change no rule, the rules are those that the run was trained with. Throws
/// UsageError, Error for a run of a newer version.
RunConfig load_run_config(std::string_view recipe, const Settings& overrides);

/// Epochs and SSM learning rate of the run, from_epochs_factor and from_lr_factor included.
std::size_t epochs_of(const RunConfig& config);
double ssm_lr_of(const RunConfig& config);

/// Canonical text of every option that affects the result, in a fixed order. Loading it gives the same run.
Settings settings(const RunConfig& config);

/// The same, as they are kept with the run in config.out: `from` leads from that folder (source_text).
Settings kept_settings(const RunConfig& config);

/// The text of config.out/settings.ini: kept_settings() and where own data are.
std::string settings_text(const RunConfig& config);

/// Settings that were kept by this or an older version, as settings() gives them: each option that did not exist then
/// has its default. Throws Error naming `where` for an option that does not exist now.
Settings completed(const Settings& kept, std::string_view where);

/// Those of a run's settings that say what model it is, on what data and how it learns, for a run in other bits.
Settings without_quantization(Settings settings);

/// 16 hex digits: FNV-1a of settings() (later options at their defaults left out, so that it stays what it was), of the
/// rules of `quant` and of the weights of `from`. Names the folder of a run.
std::string settings_hash(const RunConfig& config);

/// All quantization rules of the run, in .quant syntax: those of `quant`, then the *_bits flags as rules, then `bits`.
/// Empty for a float run. Of a run that exists: those that it was trained with.
std::string quant_rules(const RunConfig& config);

}  // namespace bitstate::experiments

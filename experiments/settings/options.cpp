#include "experiments/settings/options.h"

#include "core/error.h"
#include "core/random.h"
#include "core/suggest.h"
#include "datasets/registry.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/foreign_names.h"
#include "experiments/settings/run_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace bitstate::experiments {
namespace {

/// The options that were there when runs were first named by the hash of their settings, in the order in which it reads
/// them. The list stays as it is: a new option stands behind these, and is part of the hash where it has another value
/// than its default.
constexpr std::array first_options = {"dataset", "preset",
                                      // model
                                      "n_layers", "d_model", "ssm_size_base", "blocks", "C_init", "discretization",
                                      "mode", "activation_fn", "conj_sym", "clip_eigs", "bidirectional", "dt_min",
                                      "dt_max", "step_rescale", "prenorm", "batchnorm", "bn_momentum", "qgelu_approx",
                                      "hard_sigmoid", "use_layernorm_bias", "scan", "quantize_gradients", "pad",
                                      // training
                                      "bsz", "epochs", "ssm_lr_base", "lr_factor", "dt_global", "lr_min", "warmup_end",
                                      "cosine_anneal", "p_dropout", "weight_decay", "opt_config", "a_training", "seed",
                                      "lanes", "from", "from_lr_factor", "from_epochs_factor", "balance",
                                      // quantization
                                      "quant", "a_bits", "b_bits", "c_bits", "d_bits", "ssm_act_bits", "non_ssm_bits",
                                      "non_ssm_act_bits", "bits", "calibration_batches",
                                      // data
                                      "limit_train", "limit_test", "tau", "contour_length", "trajectories", "val_split",
                                      "input", "target", "window", "stride", "horizon", "task",
                                      // run
                                      "data", "out", "threads", "checkpoint_seconds", "resume", "json"};

/// What is chosen for a run: the data set and the preset.
OptionTable<RunConfig> choice_options() {
  OptionTable<RunConfig> table("data");
  const auto names = datasets::names();
  const auto set = [=](RunConfig& config, std::string_view value) {  // under any of its names
    const std::string name = datasets::canonical_name(value);
    config.dataset = name.empty() ? options::read_word("dataset", value, names) : name;
  };
  auto& dataset = table.add("dataset", "NAME", "what is learnt", set, [](const RunConfig& c) { return c.dataset; });
  dataset.words = names;
  dataset.decides_test = true;
  dataset.of_evaluation = true;
  table.begin_group("model");
  auto presets = preset_names();
  presets.insert(presets.begin(), "none");
  table.word("preset", &RunConfig::preset, presets, "settings and rules that come before those given here")
      .changes_trained = true;
  return table;
}

/// `rows` in the order of first_options; later ones are marked, and stand behind.
std::vector<Option> in_order(std::vector<OptionOf<RunConfig>> rows) {
  const auto place = [](const OptionInfo& row) {
    return std::find(first_options.begin(), first_options.end(), row.name) - first_options.begin();
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  std::vector<Option> options;
  options.reserve(rows.size());
  for (auto& row : rows) {
    Option& option = options.emplace_back();
    static_cast<OptionOf<RunConfig>&>(option) = std::move(row);
    option.later = place(option) == std::ssize(first_options);
  }
  return options;
}

std::vector<Option> made_option_table() {
  OptionTable<RunConfig> table = choice_options();
  table.nested(model_options(), &RunConfig::model);
  table.nested(training_options(), &RunConfig::training);
  table.nested(source_options(), &RunConfig::source);
  table.nested(quant_options(), &RunConfig::quantization);
  table.nested(datasets::data_options(), &RunConfig::data);
  table.nested(how_options(), &RunConfig::run);
  return in_order(std::move(table).rows());
}

/// Sets options one by one; a preset has no effect here.
void apply(RunConfig& config, const Settings& given, std::string_view where) {
  const auto& table = option_table();
  for (const auto& [name, value] : given) {
    const Option* const option = find_option(table, name);
    if (option == nullptr) refuse_unknown(where, name, names_of({table.begin(), table.end()}));
    option->set(config, option->verbatim ? std::string_view(value) : trimmed(value));
  }
}

const std::vector<OptionOf<ModelSettings>>& model_rows() {
  static const OptionTable<ModelSettings> table = model_options();
  return table.rows();
}

/// A recipe of one family may be given to another: what only the first one has gets its default.
void forget_other_families(RunConfig& config) {
  static const RunConfig defaults;
  for (const auto& row : model_rows()) {
    if (row.subjects.empty() || is_one_of(config.model.model, row.subjects)) continue;
    row.set(config.model, row.text(defaults.model));
  }
}

}  // namespace

const std::vector<Option>& option_table() {
  static const std::vector<Option> table = made_option_table();
  return table;
}

std::vector<OptionInfo> run_options(const RunConfig& values) {
  std::vector<OptionInfo> infos;
  for (const Option& option : option_table()) {
    infos.push_back(option);
    infos.back().value = option.text(values);
  }
  return infos;
}

std::vector<OptionInfo> run_options() { return run_options(RunConfig()); }

bool is_quant_setting(std::string_view name) {
  const Option* const option = find_option(option_table(), name);
  return option != nullptr && option->gives_bits;
}

bool decides_test(std::string_view name) {
  const Option* const option = find_option(option_table(), name);
  return option != nullptr && option->decides_test;
}

bool is_chosen(const OptionInfo& option, const RunConfig& config) {
  return option.subjects.empty() || is_one_of(config.dataset, option.subjects) ||
         is_one_of(config.model.model, option.subjects);
}

std::string other_subject(const OptionInfo& option, const RunConfig& config) {
  const bool of_model = find_option(model_rows(), option.name) != nullptr;
  return of_model ? "model=" + config.model.model : config.dataset;
}

bool is_meaningful(const Option& option, const RunConfig& config) {
  static const RunConfig defaults;
  return is_chosen(option, config) || option.text(config) == option.text(defaults);
}

std::vector<std::string> recipe_names() { return embedded_names("recipes"); }

std::vector<std::string> preset_names() { return embedded_names("presets"); }

std::vector<std::string> quant_names() { return embedded_names("configs"); }

std::vector<std::string> names_of(const std::vector<OptionInfo>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const auto& option : options) names.push_back(option.name);
  return names;
}

void refuse_unknown(std::string_view where, std::string_view name, const std::vector<std::string>& known) {
  const std::string here = here_called(name);
  if (!here.empty()) fail<UsageError>(where, "'{}' is not an option; {}", name, here);
  const std::string near = nearest(name, known);
  fail<UsageError>(where, "'{}' is not an option{}", name,
                   near.empty() ? std::string("; --help lists them") : fmt::format("; did you mean '{}'?", near));
}

void set_option(RunConfig& config, std::string_view name, std::string_view value) {
  apply(config, {{std::string(name), std::string(value)}}, "options");
}

void set_options(RunConfig& config, const Settings& given, std::string_view where) {
  if (const std::string* const preset = last_value(given, "preset")) {
    apply(config, {{"preset", *preset}}, where);
    if (const auto text = embedded_file(fmt::format("presets/{}.ini", config.preset))) {
      apply(config, parse_ini(*text, config.preset), config.preset);
    }
  }
  if (const std::string* const model = last_value(given, "model")) {
    apply(config, {{"model", *model}}, where);
    forget_other_families(config);
  }
  apply(config, given, where);
}

void set_kept_options(RunConfig& config, const Settings& kept, std::string_view where) { apply(config, kept, where); }

Settings settings(const RunConfig& config) {
  Settings result;
  for (const auto& option : option_table()) {
    if (option.affects_result && is_chosen(option, config)) result.emplace_back(option.name, option.text(config));
  }
  return result;
}

Settings completed(const Settings& kept, std::string_view where) {
  const auto known = names_of(run_options());
  for (const auto& [name, value] : kept) {
    require(is_one_of(name, known), where,
            "was trained with {}={}, an option that this version of bitstate does not have", name, value);
  }
  RunConfig config;
  apply(config, kept, where);
  for (const Option& option : option_table()) {
    require(is_meaningful(option, config), where, "was trained with {}={}, which means nothing to {}", option.name,
            option.text(config), other_subject(option, config));
  }
  return settings(config);
}

Settings without_quantization(Settings settings) {
  std::erase_if(settings, [](const auto& setting) {
    const Option* const option = find_option(option_table(), setting.first);
    return option != nullptr && (option->gives_bits || !option->inherited);
  });
  return settings;
}

std::string settings_hash(const RunConfig& config) {
  Settings seen;
  const RunConfig defaults;
  for (const auto& option : option_table()) {
    const std::string text = option.text(is_chosen(option, config) ? config : defaults);
    if (option.affects_result && !(option.later && text == option.text(defaults))) seen.emplace_back(option.name, text);
  }
  const std::string rules = config.quantization.text + config.quantization.trained_rules.value_or("");
  return fmt::format("{:016x}", random_stream(format_ini(seen) + "\n" + rules + config.source.digest));
}

}  // namespace bitstate::experiments

#include "experiments/settings/options.h"

#include "core/error.h"
#include "core/random.h"
#include "core/suggest.h"
#include "experiments/posttraining/transform.h"
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
  table.add("dataset", "NAME", "what is learnt", set, [](const RunConfig& c) { return c.dataset; }).words = names;
  table.begin_group("model");
  auto presets = preset_names();
  presets.insert(presets.begin(), "none");
  table.word("preset", &RunConfig::preset, presets, "settings and rules that come before those given here");
  return table;
}

/// `balance` at the front is the option of this name: so runs have kept it.
void set_transforms(SourceSettings& source, std::string_view value) {
  source.transforms = split(value, ",");
  (void)bitstate::transforms_of(source.transforms);  // throws
  if (source.transforms.empty() || source.transforms.front() != "balance") return;
  source.balance = true;
  source.transforms.erase(source.transforms.begin());
}

OptionTable<SourceSettings> source_options() {
  using S = SourceSettings;
  OptionTable<S> table("training");
  table.path("from", "RUN", &S::from, "folder of a run whose weights this one starts from");
  table.real("from_lr_factor", "FACTOR", &S::lr_factor, {0.0, 1e3, true}, "with from: on ssm_lr_base");
  table.real("from_epochs_factor", "FACTOR", &S::epochs_factor, {0.0, 1e3, true},
             "with from: on epochs, rounded to at least 1");
  table.flag("balance", &S::balance, "with from: bring the states to one magnitude, by powers of two");
  auto& transforms =
      table.add("transforms", "NAMES", "with from: changes of its weights, in the order of this list of",
                set_transforms, [](const S& s) { return fmt::format("{}", fmt::join(s.transforms, ",")); });
  for (const Transform& transform : all_transforms()) transforms.words.emplace_back(transform.name);
  return table;
}

/// One or more rules, separated by semicolons; white space within a rule is made single spaces.
void add_rules(QuantSettings& settings, std::string_view value) {
  if (value == "none") {
    settings.bits.clear();
    return;
  }
  for (const auto& rule : split(value, ";\n")) {
    const auto parts = split(rule.substr(0, rule.find('#')), " \t");
    if (parts.size() < 2) {
      options::refuse("bits", rule, "a rule \"glob bits [key=value ...]\", as in \"act:* 8 range=ema\"");
    }
    settings.bits.push_back(fmt::format("{}", fmt::join(parts, " ")));
  }
}

OptionTable<QuantSettings> quant_options() {
  using Q = QuantSettings;
  OptionTable<Q> table("quantization");
  auto quants = quant_names();
  quants.insert(quants.begin(), "none");
  table.text("quant", "NAME|FILE", &Q::quant, "path of a .quant file, or one of").words = std::move(quants);
  table.add("bits", "RULE", "a further rule \"glob bits [key=value ...]\"; may be given again; none drops all",
            add_rules, [](const Q& q) { return fmt::format("{}", fmt::join(q.bits, "; ")); });
  return table;
}

OptionTable<RunSettings> how_options() {
  using R = RunSettings;
  OptionTable<R> table("run");
  table.path("out", "FOLDER", &R::out, "folder of the run; else one named by its settings");
  table.whole("threads", "THREADS", &R::threads, 0, 4096, "threads of the CPU; 0: all");
  table.real("checkpoint_seconds", "SECONDS", &R::checkpoint_seconds, {0.0, 1e9}, "between two checkpoints");
  table.flag("resume", &R::resume, "continue from the checkpoint in `out`");
  table.flag("json", &R::json, "end the output with one line of JSON");
  for (auto& option : table.rows()) option.affects_result = false;
  return table;
}

/// `rows` in the order of first_options; later ones are marked, and stand behind.
std::vector<Option> in_order(std::vector<Option> rows) {
  std::vector<std::pair<std::ptrdiff_t, Option>> placed;
  for (Option& row : rows) {
    const auto place = std::find(first_options.begin(), first_options.end(), row.name) - first_options.begin();
    row.later = place == std::ssize(first_options);
    placed.emplace_back(place, std::move(row));
  }
  std::stable_sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = std::move(placed[i].second);
  return rows;
}

/// Sets options one by one; a preset has no effect here.
void apply(RunConfig& config, const Settings& given, std::string_view where) {
  const auto table = option_table();
  for (const auto& [name, value] : given) {
    const auto named = [&key = name](const Option& option) { return option.name == key; };
    const auto option = std::find_if(table.begin(), table.end(), named);
    if (option == table.end()) refuse_unknown(where, name, names_of({table.begin(), table.end()}));
    option->set(config, option->verbatim ? std::string_view(value) : trimmed(value));
  }
}

}  // namespace

std::vector<Option> option_table() {
  OptionTable<RunConfig> table = choice_options();
  table.nested(s5_options(), &RunConfig::s5);
  table.nested(training_options(), &RunConfig::training);
  table.nested(source_options(), &RunConfig::source);
  table.nested(quant_options(), &RunConfig::quantization);
  table.nested(datasets::data_options(), &RunConfig::data);
  table.nested(how_options(), &RunConfig::run);
  return in_order(std::move(table).rows());
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

bool is_quant_setting(std::string_view name) { return name.ends_with("_bits") || name == "quant" || name == "bits"; }

bool is_chosen(const OptionInfo& option, const RunConfig& config) {
  return option.subjects.empty() || is_one_of(config.dataset, option.subjects);
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
  apply(config, given, where);
}

const std::string* last_value(const Settings& given, std::string_view name) {
  const auto named = [&](const auto& setting) { return setting.first == name; };
  const auto found = std::find_if(given.rbegin(), given.rend(), named);
  return found == given.rend() ? nullptr : &found->second;
}

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
  return settings(config);
}

Settings without_quantization(Settings settings) {
  std::erase_if(settings, [](const auto& setting) {
    return is_quant_setting(setting.first) || setting.first.starts_with("from") ||
           setting.first == "calibration_batches" || setting.first == "balance" || setting.first == "transforms";
  });
  return settings;
}

std::string settings_hash(const RunConfig& config) {
  Settings seen;
  const RunConfig defaults;
  for (const auto& option : option_table()) {
    const std::string text = option.text(config);
    if (option.affects_result && !(option.later && text == option.text(defaults))) seen.emplace_back(option.name, text);
  }
  const std::string rules = config.quantization.text + config.quantization.trained_rules.value_or("");
  return fmt::format("{:016x}", random_stream(format_ini(seen) + "\n" + rules + config.source.digest));
}

}  // namespace bitstate::experiments

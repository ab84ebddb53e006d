#include "experiments/settings/run_config.h"

#include "core/error.h"
#include "core/random.h"
#include "core/suggest.h"
#include "datasets/registry.h"
#include "experiments/report/run_record.h"
#include "experiments/run/identity.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/foreign_names.h"
#include "experiments/settings/options.h"
#include "experiments/settings/source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/program_options.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace bitstate::experiments {

namespace {

namespace po = boost::program_options;

template <class Row>
std::vector<std::string> names_of(const std::vector<Row>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const auto& option : options) names.push_back(option.name);
  return names;
}

[[noreturn]] void unknown_option(std::string_view where, std::string_view name, const std::vector<std::string>& known) {
  const std::string here = here_called(name);
  if (!here.empty()) fail<UsageError>(where, "'{}' is not an option; {}", name, here);
  const std::string near = nearest(name, known);
  fail<UsageError>(where, "'{}' is not an option{}", name,
                   near.empty() ? std::string("; --help lists them") : fmt::format("; did you mean '{}'?", near));
}

bool is_boolean(std::string_view word) {
  return word == "true" || word == "false" || word == "yes" || word == "no" || word == "1" || word == "0";
}

/// The words of a command line as Boost shall see them: dashes in option names become underscores, and a switch takes
/// the boolean word that follows it, or true.
std::vector<std::string> normalized(const std::vector<std::string>& args, const std::vector<OptionInfo>& options) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::string arg = args[i];
    if (arg == "-h") arg = "--help";
    if (arg == "-v") arg = "--version";
    if (arg == "--") {
      words.insert(words.end(), args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
      break;
    }
    if (arg.size() > 2 && arg.compare(0, 2, "--") == 0) {
      const std::size_t end = std::min(arg.find('='), arg.size());
      std::replace(arg.begin() + 2, arg.begin() + static_cast<std::ptrdiff_t>(end), '-', '_');
      const auto match = [&](const OptionInfo& option) { return arg.compare(2, arg.npos, option.name) == 0; };
      const auto option = std::find_if(options.begin(), options.end(), match);
      if (option != options.end() && option->is_switch) {
        arg += "=" + (i + 1 < args.size() && is_boolean(args[i + 1]) ? args[++i] : std::string("true"));
      } else if (option != options.end() && i + 1 < args.size()) {
        words.push_back(std::move(arg));
        arg = args[++i];  // its value, whatever it looks like
      }
    }
    words.push_back(arg);
  }
  return words;
}

/// A number with thousands separated, for messages about sizes.
std::string with_commas(double count) {
  std::string digits = fmt::format("{:.0f}", count);
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), ",");
  }
  return digits;
}

/// Parameters of the layers (encoder and decoder are small beside them): S5's formula, with N_g GLU matrices.
double parameter_count(const RunConfig& c) {
  const auto h = static_cast<double>(c.d_model);
  const double p = static_cast<double>(c.ssm_size_base) / (c.conj_sym ? 2.0 : 1.0);
  const double glu = c.activation_fn == "gelu" ? 0.0 : c.activation_fn == "full_glu" ? 2.0 : 1.0;
  const double per_layer = 2 * p * h * (c.bidirectional ? 3.0 : 2.0) + 3 * p + 3 * h + glu * (h * h + h);
  return static_cast<double>(c.n_layers) * per_layer;
}

bool is_path(std::string_view name, std::string_view extension) {
  const bool ends = name.size() > extension.size() && name.substr(name.size() - extension.size()) == extension;
  return ends || name.find('/') != std::string_view::npos;
}

/// The text of a built-in file or of a path. `what` is "recipe" or "quant".
std::string named_text(std::string_view name, std::string_view folder, std::string_view extension,
                       std::string_view what) {
  if (is_path(name, extension)) return read_text(std::string(name));
  const auto text = embedded_file(fmt::format("{}/{}{}", folder, name, extension));
  if (!text) {
    fail<UsageError>(what, "'{}' is neither built in nor the path of a file *{}{}", name, extension,
                     suggestion(name, embedded_names(folder)));
  }
  return std::string(*text);
}

/// `text` without comments, empty lines and superfluous white space.
std::string canonical_rules(std::string_view text) {
  std::string rules;
  for (const auto& line : split(text, "\n")) {
    const auto words = split(std::string_view(line).substr(0, line.find('#')), " \t\r");
    if (!words.empty()) rules += fmt::format("{}\n", fmt::join(words, " "));
  }
  return rules;
}

void apply(RunConfig& config, const Settings& given, std::string_view where) {
  const auto table = option_table();
  for (const auto& [name, value] : given) {
    const auto named = [&key = name](const Option& option) { return option.name == key; };
    const auto option = std::find_if(table.begin(), table.end(), named);
    if (option == table.end()) {
      unknown_option(where, name, names_of(table));
    }
    option->set(config, option->verbatim ? std::string_view(value) : trimmed(value));
  }
}

/// The settings of the run `from` for a run that starts from it: those of model, data and training.
Settings inherited(const std::string& from) {
  const auto file = std::filesystem::path(from) / "settings.ini";
  require<UsageError>(std::filesystem::exists(file), "from", "{} is not the folder of a run: it has no settings.ini",
                      from);
  (void)trained_rules(from);  // a newer version's run is refused as such, not for an option that does not exist yet
  return without_quantization(read_ini(file));
}

const std::string* last_value(const Settings& given, std::string_view name) {
  const auto named = [&](const auto& setting) { return setting.first == name; };
  const auto found = std::find_if(given.rbegin(), given.rend(), named);
  return found == given.rend() ? nullptr : &found->second;
}

void validate_source(const RunConfig& c) {
  if (!c.from.empty()) return;
  const auto needs_from = [](bool given, std::string_view option) {
    require<UsageError>(!given, option, "is only for a run that starts from another one, which --from=RUN names");
  };
  require<UsageError>(c.epochs > 0, "epochs",
                      "expected a whole number from 1 to 1000000 (or 0 with --from=RUN), got \"0\"");
  needs_from(c.from_lr_factor != 1.0, "from_lr_factor");
  needs_from(c.from_epochs_factor != 1.0, "from_epochs_factor");
  needs_from(c.balance, "balance");
}

/// Settings of one place, after those of the preset that it names.
void apply_with_preset(RunConfig& config, const Settings& given, std::string_view where) {
  if (const std::string* const preset = last_value(given, "preset")) {
    apply(config, {{"preset", *preset}}, where);
    if (const auto text = embedded_file(fmt::format("presets/{}.ini", config.preset))) {
      apply(config, parse_ini(*text, config.preset), config.preset);
    }
  }
  apply(config, given, where);
}

bool is_run(std::string_view recipe) { return std::filesystem::path(recipe).filename() == "settings.ini"; }

/// The settings that a recipe stands for.
Settings recipe_settings(std::string_view recipe) {
  Settings given = parse_ini(named_text(recipe, "recipes", ".ini", "recipe"), recipe);
  for (auto& [name, value] : given) {
    if (name == "from" && !value.empty() && is_run(recipe)) {
      value = source_folder(std::filesystem::path(recipe).parent_path(), value).string();
    }
  }
  return given;
}

/// What decides on the rules, besides the text of a .quant file.
std::string choice_of_rules(const RunConfig& config) {
  RunConfig bare = config;
  bare.quant_text.clear();
  bare.trained_rules.reset();
  return fmt::format("{}\n{}\n{}", bare.quant, bare.preset, quant_rules(bare));
}

/// The rules that `quant` names: the preset's own, or those of everybody.
std::string rules_text(const RunConfig& config) {
  const auto own = embedded_file(fmt::format("configs/{}/{}.quant", config.preset, config.quant));
  return canonical_rules(own ? *own : named_text(config.quant, "configs", ".quant", "quant"));
}

/// Options of the rules that the *_bits flags stand for.
struct FlagOptions {
  std::string_view a, weight, ssm_act, act;
};

FlagOptions flag_options(const RunConfig& config) {
  constexpr std::string_view by_tensor = "range=absmax granularity=tensor edge=half";
  if (config.preset == "qs5") {
    return {by_tensor, by_tensor, "range=absmax granularity=step edge=half",
            "range=absmax granularity=sample edge=half"};
  }
  constexpr std::string_view activation = "range=ema rate=0.3 edge=half";
  return {"form=log-polar", "range=absmax granularity=channel edge=half", activation, activation};
}

/// Options of some data sets mean nothing to the others.
void validate_data(const RunConfig& c) {
  const RunConfig plain;
  for (const Option& option : option_table()) {
    const auto& sets = option.datasets;
    const bool meant = sets.empty() || std::find(sets.begin(), sets.end(), c.dataset) != sets.end();
    require<UsageError>(meant || option.text(c) == option.text(plain), option.name,
                        "does not apply to {}; it is for {}", c.dataset, fmt::join(sets, ", "));
  }
}

}  // namespace

std::vector<OptionInfo> run_options(const RunConfig& defaults) {
  std::vector<OptionInfo> infos;
  for (const Option& option : option_table()) {
    infos.push_back(option);
    infos.back().value = option.text(defaults);
  }
  return infos;
}

std::vector<std::string> dataset_names() { return datasets::names(); }

std::vector<std::string> recipe_names() { return embedded_names("recipes"); }

std::vector<std::string> preset_names() { return embedded_names("presets"); }

std::vector<std::string> quant_names() { return embedded_names("configs"); }

CommandLine parse_command_line(const std::vector<std::string>& args, const std::vector<OptionInfo>& options) {
  po::options_description description;
  for (const auto& option : options) description.add_options()(option.name.c_str(), po::value<std::string>());
  description.add_options()("help", "")("version", "");

  CommandLine line;
  try {
    namespace style = po::command_line_style;
    const auto words = normalized(args, options);
    const auto parsed = po::command_line_parser(words)
                            .options(description)
                            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
                            .allow_unregistered()
                            .run();
    for (const auto& option : parsed.options) {
      if (option.string_key.empty()) {
        const bool dashed = option.value.front().size() > 1 && option.value.front().front() == '-';
        if (dashed && option.value.front() != "--") unknown_option("options", option.value.front(), names_of(options));
        line.positionals.insert(line.positionals.end(), option.value.begin(), option.value.end());
      } else if (option.unregistered) {
        unknown_option("options", option.string_key, names_of(options));
      } else if (option.string_key == "help") {
        line.help = true;
      } else if (option.string_key == "version") {
        line.version = true;
      } else {
        line.options.emplace_back(option.string_key, option.value.front());
      }
    }
  } catch (const po::error_with_option_name& error) {
    const std::string name = error.get_option_name();
    const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
    fail<UsageError>(dashes == name.size() ? "options" : name.substr(dashes), "needs a value");
  } catch (const po::error& error) {
    fail<UsageError>("options", "{}", error.what());
  }
  return line;
}

void set_option(RunConfig& config, std::string_view name, std::string_view value) {
  apply(config, {{std::string(name), std::string(value)}}, "options");
}

void validate(const RunConfig& c) {
  require<UsageError>(c.ssm_size_base % c.blocks == 0, "blocks",
                      "expected a divisor of ssm_size_base = {1}, got \"{0}\"", c.blocks, c.ssm_size_base);
  const std::size_t block = c.ssm_size_base / c.blocks;
  require<UsageError>(!c.conj_sym || block % 2 == 0, "blocks",
                      "a block of {} states (ssm_size_base {} / blocks {}) cannot be halved by conj_sym: "
                      "it must be even",
                      block, c.ssm_size_base, c.blocks);
  require<UsageError>(block <= 4096, "blocks",
                      "a block of {} states (ssm_size_base {} / blocks {}) is above the limit of 4096", block,
                      c.ssm_size_base, c.blocks);
  require<UsageError>(c.dt_min <= c.dt_max, "dt_min", "expected at most dt_max = {1}, got \"{0}\"", c.dt_min, c.dt_max);
  const double limit = 1e9;
  const double count = parameter_count(c);
  require<UsageError>(count <= limit, "d_model",
                      "n_layers {} of d_model {} and ssm_size_base {} would have {} parameters; at most {} are allowed",
                      c.n_layers, c.d_model, c.ssm_size_base, with_commas(count), with_commas(limit));
  validate_data(c);
  validate_source(c);
  require<UsageError>(!c.balance || c.calibration_batches > 0, "balance",
                      "needs training batches that show the states' magnitudes; calibration_batches is 0");
  require<UsageError>(c.lr_min <= ssm_lr_of(c), "lr_min", "expected at most ssm_lr_base = {1}, got \"{0}\"", c.lr_min,
                      ssm_lr_of(c));
}

RunConfig load_run_config(std::string_view recipe, const Settings& overrides) {
  RunConfig config;
  config.recipe = recipe;
  const std::string* const from = last_value(overrides, "from");
  std::optional<std::string> trained;
  if (!recipe.empty()) {
    if (is_run(recipe)) trained = trained_rules(std::filesystem::path(recipe).parent_path());
    apply_with_preset(config, recipe_settings(recipe), recipe);
  } else if (from != nullptr && !from->empty()) {
    apply_with_preset(config, inherited(*from), *from);
    require<UsageError>(config.epochs > 0 || last_value(overrides, "epochs") != nullptr, "epochs",
                        "{} was not trained itself (epochs = 0); give the epochs of this run", *from);
  }
  const std::string choice = choice_of_rules(config);
  apply_with_preset(config, overrides, "options");
  if (config.quant.empty()) config.quant = "none";
  if (trained && choice_of_rules(config) == choice) {
    config.trained_rules = trained;
  } else if (config.quant != "none") {
    config.quant_text = rules_text(config);
  }
  while (config.from.size() > 1 && config.from.back() == '/') config.from.pop_back();
  validate(config);
  if (!config.from.empty()) config.from_digest = source_digest(config.from);
  return config;
}

std::size_t epochs_of(const RunConfig& config) {
  if (config.from.empty() || config.epochs == 0) return config.epochs;
  const double epochs = static_cast<double>(config.epochs) * config.from_epochs_factor;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(epochs)));
}

double ssm_lr_of(const RunConfig& config) {
  return config.from.empty() ? config.ssm_lr_base : config.ssm_lr_base * config.from_lr_factor;
}

Settings settings(const RunConfig& config) {
  Settings result;
  for (const auto& option : option_table()) {
    if (option.affects_result) result.emplace_back(option.name, option.text(config));
  }
  return result;
}

Settings kept_settings(const RunConfig& config) {
  Settings kept = settings(config);
  for (auto& [name, value] : kept) {
    if (name == "from" && !value.empty()) value = source_text(config.out, value);
  }
  return kept;
}

std::string settings_text(const RunConfig& config) {
  Settings kept = kept_settings(config);
  if (config.dataset == "own" && !config.data.empty()) {
    kept.emplace_back("data", std::filesystem::absolute(config.data).lexically_normal().string());
  }
  return format_ini(kept);
}

Settings completed(const Settings& kept, std::string_view where) {
  const auto table = option_table();
  const auto known = names_of(table);
  for (const auto& [name, value] : kept) {
    require(std::find(known.begin(), known.end(), name) != known.end(), where,
            "was trained with {}={}, an option that this version of bitstate does not have", name, value);
  }
  RunConfig config;
  apply(config, kept, where);
  return settings(config);
}

std::string settings_hash(const RunConfig& config) {
  Settings seen;
  const RunConfig defaults;
  for (const auto& option : option_table()) {
    const std::string text = option.text(config);
    if (option.affects_result && !(option.later && text == option.text(defaults))) seen.emplace_back(option.name, text);
  }
  const std::string rules = config.quant_text + config.trained_rules.value_or("");
  return fmt::format("{:016x}", random_stream(format_ini(seen) + "\n" + rules + config.from_digest));
}

std::string quant_rules(const RunConfig& c) {
  if (c.trained_rules) return *c.trained_rules;
  std::string rules = c.quant_text;
  const auto add = [&](const std::optional<int>& bits, std::string_view glob, std::string_view options) {
    if (bits) rules += fmt::format("{} {} {}\n", glob, *bits, options);
  };
  const FlagOptions options = flag_options(c);
  const bool qs5 = c.preset == "qs5";
  const bool glu = c.activation_fn != "gelu";  // a rule that matches no site is an error
  add(c.a_bits, "weight:*.ssm.A", options.a);
  add(c.b_bits, "weight:*.ssm.B", options.weight);
  add(c.c_bits, "weight:*.ssm.C", options.weight);
  add(c.d_bits, "weight:*.ssm.D", options.weight);
  add(c.ssm_act_bits, "act:*.ssm.*", options.ssm_act);
  if (qs5) add(c.ssm_act_bits, "state:*", options.ssm_act);
  add(c.non_ssm_bits, "weight:encoder", options.weight);
  add(c.non_ssm_bits, "weight:decoder*", options.weight);
  if (glu) add(c.non_ssm_bits, "weight:*.glu.*", options.weight);
  add(c.non_ssm_act_bits, "?act:encoder", options.act);  // tokens are looked up
  if (qs5) {
    add(c.non_ssm_act_bits, "act:*.glu.gelu", options.act);
    add(c.non_ssm_act_bits, "act:*.glu.x", options.act);
    if (glu) add(c.non_ssm_act_bits, "act:*.glu.gate", options.act);
    if (!c.batchnorm) add(c.non_ssm_act_bits, c.prenorm ? "acc:*.norm" : "act:*.norm", options.act);
  } else {
    add(c.non_ssm_act_bits, glu ? "act:*.glu.*" : "act:*.gelu", options.act);
  }
  add(c.non_ssm_act_bits, "?act:decoder", options.act);
  add(c.non_ssm_act_bits, "?act:decoder.0", options.act);  // of pairs of documents
  add(c.non_ssm_act_bits, "?act:decoder.1", options.act);
  for (const auto& rule : c.bits) rules += rule + "\n";
  return rules;
}

Settings without_quantization(Settings settings) {
  std::erase_if(settings, [](const auto& setting) {
    return is_quant_setting(setting.first) || setting.first.starts_with("from") ||
           setting.first == "calibration_batches" || setting.first == "balance";
  });
  return settings;
}

}  // namespace bitstate::experiments

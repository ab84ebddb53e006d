#include "experiments/run_folder/load.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/embedded.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>

namespace bitstate::experiments {
namespace {

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

/// The settings of the run `from` for a run that starts from it: those of model, data and training.
Settings inherited(const std::string& from) {
  const auto file = std::filesystem::path(from) / "settings.ini";
  require<UsageError>(std::filesystem::exists(file), "from", "{} is not the folder of a run: it has no settings.ini",
                      from);
  (void)trained_rules(from);  // a newer version's run is refused as such, not for an option that does not exist yet
  return without_quantization(read_ini(file));
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
  bare.quantization.text.clear();
  bare.quantization.trained_rules.reset();
  return fmt::format("{}\n{}\n{}\n{}", bare.quantization.quant, bare.preset, quant_folder(bare.model),
                     quant_rules(bare));
}

/// The rules that `quant` names: the preset's own, those of the family of models, or those of everybody.
std::string rules_text(const RunConfig& config) {
  const auto own = embedded_file(fmt::format("configs/{}/{}.quant", config.preset, config.quantization.quant));
  const std::string_view family = quant_folder(config.model);
  const std::string folder = fmt::format("configs{}{}", family.empty() ? "" : "/", family);
  return canonical_rules(own ? *own : named_text(config.quantization.quant, folder, ".quant", "quant"));
}

/// `trained` stand for the rules that `quant` names, where there are any.
void resolve_rules(RunConfig& config, const std::optional<std::string>& trained) {
  QuantSettings& q = config.quantization;
  q.trained_rules = trained;
  if (!trained && q.quant != "none") q.text = rules_text(config);
}

}  // namespace

RunConfig load_run_config(std::string_view recipe, const Settings& overrides) {
  RunConfig config;
  config.recipe = recipe;
  const std::string* const from = last_value(overrides, "from");
  std::optional<std::string> trained;
  if (!recipe.empty()) {
    if (is_run(recipe)) trained = trained_rules(std::filesystem::path(recipe).parent_path());
    (is_run(recipe) ? set_kept_options : set_options)(config, recipe_settings(recipe), recipe);
  } else if (from != nullptr && !from->empty()) {
    set_kept_options(config, inherited(*from), *from);
    config.source = {};  // nor what its preset says of these
    config.quantization = {};
    const std::string* const budget = last_value(overrides, "memory_budget");
    if (budget != nullptr && *budget != "none") {  // which chooses anew
      config.training.norm_backward = NormBackward::exact;
      config.training.act_backward = ActBackward::exact;
    }
    require<UsageError>(config.training.epochs > 0 || last_value(overrides, "epochs") != nullptr, "epochs",
                        "{} was not trained itself (epochs = 0); give the epochs of this run", *from);
  }
  const std::string choice = choice_of_rules(config);
  set_options(config, overrides, "options");
  resolve_rules(config, trained && choice_of_rules(config) == choice ? trained : std::nullopt);
  std::string& source = config.source.from;
  while (source.size() > 1 && source.back() == '/') source.pop_back();
  validate(config);
  if (!source.empty()) config.source.digest = source_digest(source);
  return config;
}

Settings kept_settings(const RunConfig& config) {
  static const RunConfig defaults;
  RunConfig preset;
  set_options(preset, {{"preset", config.preset}}, "preset");
  Settings kept;
  for (auto& [name, value] : settings(config)) {
    const Option& option = *find_option(option_table(), name);
    const std::string text = option.text(defaults);
    if (option.later && value == text && option.text(preset) == text) continue;
    if (name == "from" && !value.empty()) value = source_text(config.run.out, value);
    kept.emplace_back(name, value);
  }
  return kept;
}

Settings own_paths(const RunConfig& config) {
  Settings paths;
  for (const char* const name : {"data", "train", "val", "test"}) {
    std::string path = find_option(option_table(), name)->text(config);
    if (config.dataset == "own" && !path.empty()) paths.emplace_back(name, std::move(path));
  }
  return paths;
}

std::string settings_text(const RunConfig& config) {
  Settings kept = kept_settings(config);
  for (const auto& [name, path] : own_paths(config)) {
    kept.emplace_back(name, std::filesystem::absolute(path).lexically_normal().string());
  }
  return format_ini(kept);
}

}  // namespace bitstate::experiments

#include "experiments/run_folder/source.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/io/sha256.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/weights.h"

#include <fmt/ranges.h>

#include <iterator>
#include <system_error>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

std::filesystem::path weights_file(const std::filesystem::path& run) { return run / "best.h5"; }

/// The settings of the model of a source; of one without a settings.ini, those of whoever reads it.
ModelSettings model_of_source(const RunConfig& config) {
  const auto file = fs::path(config.source.from) / "settings.ini";
  if (!fs::exists(file)) return config.model;
  const OptionTable<ModelSettings> table = model_options();
  ModelSettings source;
  for (const auto& [name, value] : read_ini(file)) {
    if (const auto* const row = find_option(table.rows(), name)) row->set(source, value);
  }
  return source;
}

/// The weights of a model that is converted.
void take_converted(const Hdf5Reader& reader, StoredModel stored, const Inventory& inventory) {
  take_weights(reader, take_inventory(stored.model));
  stored.convert(stored.model);
  const Inventory made = take_inventory(stored.model);
  for (std::size_t i = 0; i < made.parameters.size(); ++i) {
    inventory.parameters[i].parameter->value = made.parameters[i].parameter->value;
  }
  for (std::size_t i = 0; i < made.buffers.size(); ++i) {
    inventory.buffers[i].buffer->value = made.buffers[i].buffer->value;
  }
}

/// Absolute, without dots and without a slash at the end.
fs::path normal(const fs::path& path) {
  const fs::path full = fs::absolute(path.empty() ? "." : path).lexically_normal();
  return full.has_filename() ? full : full.parent_path();
}

}  // namespace

fs::path source_folder(const fs::path& run, const fs::path& from) {
  const fs::path home = normal(run);
  std::vector<fs::path> bases;
  for (fs::path base = home; base != base.root_path(); base = base.parent_path()) bases.push_back(base);
  bases.push_back(fs::current_path());
  for (const fs::path& base : bases) {
    std::error_code ignored;
    if (fs::exists(base / from / "settings.ini", ignored)) return normal(base / from);
  }
  return normal(home / from);
}

std::string source_text(const fs::path& run, const fs::path& from) {
  const fs::path home = normal(run);
  const fs::path source = normal(from);
  const auto first = [](const fs::path& path) {
    return path == path.root_path() ? fs::path() : *std::next(path.begin());
  };
  const bool together = !first(home).empty() && first(home) == first(source);
  return (together ? source.lexically_relative(home) : source).string();
}

std::string source_digest(const std::filesystem::path& run) {
  if (!std::filesystem::exists(weights_file(run))) return {};
  const Hdf5Reader reader(weights_file(run));
  Sha256 hash;
  for (const std::string group : {"parameters", "buffers", "stored"}) {
    for (const auto& name : weight_names(reader, group)) {
      const auto array = reader.read<float>(group + "/" + name);
      hash.update(name.data(), name.size());
      hash.update(array.values.data(), array.values.size() * sizeof(float));
    }
  }
  for (const auto& name : weight_names(reader, "groups")) {
    const auto array = reader.read<std::int32_t>("groups/" + name);
    hash.update(name.data(), name.size());
    hash.update(array.values.data(), array.values.size() * sizeof(std::int32_t));
  }
  return hash.hex();
}

std::string other_columns(const RunConfig& config) {
  const auto file = std::filesystem::path(config.source.from) / "settings.ini";
  if (config.source.from.empty() || config.dataset != "own" || !std::filesystem::exists(file)) return {};
  RunConfig source;
  for (const auto& [name, value] : read_ini(file)) {
    if (name == "dataset" || name == "input" || name == "target") set_option(source, name, value);
  }
  const datasets::OwnSettings& before = source.data.own;
  const datasets::OwnSettings& now = config.data.own;
  if (source.dataset != "own" || (before.input == now.input && before.target == now.target)) return {};
  return fmt::format("warning: {} was trained with the input {} and the target {}; {} and {} are read in their units",
                     config.source.from, before.input, before.target, now.input, now.target);
}

std::string load_source(const RunConfig& config, const datasets::Splits& data, const Inventory& inventory) {
  const auto file = weights_file(config.source.from);
  require<UsageError>(std::filesystem::exists(file), "from",
                      "{} holds no best.h5: it is not the folder of a trained run", config.source.from);
  const Hdf5Reader reader(file);
  auto stored = stored_model(config.model, model_of_source(config), shape_of(data), config.training.seed,
                             weight_names(reader, "parameters"));
  const bool keeps_ranges = !stored || stored->keeps_ranges;
  if (stored) {
    take_converted(reader, std::move(*stored), inventory);
    take_groups(reader, inventory);
  } else {
    take_weights(reader, inventory);
  }
  const auto left = keeps_ranges ? take_stored_ranges(reader, inventory) : weight_names(reader, "stored");
  if (left.empty()) return {};
  return fmt::format("warning: {} has stored ranges that are not taken over, because {}: {}", config.source.from,
                     keeps_ranges ? "the rule is another" : "the weights are converted", fmt::join(left, ", "));
}

}  // namespace bitstate::experiments

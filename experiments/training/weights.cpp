#include "experiments/training/weights.h"

#include "core/error.h"
#include "experiments/training/named_rules.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace bitstate {
namespace {

bool is_range(std::string_view name) { return name.ends_with(".log_range"); }

/// Values that are read, and where they belong.
using StagedWeights = std::vector<std::pair<Tensor*, std::vector<float>>>;

/// Reads one tensor of the model; `group` is "parameters" or "buffers".
void read_tensor(const Hdf5Reader& reader, const std::string& group, const std::string& name, Tensor& into,
                 StagedWeights& staged) {
  const std::string file = reader.path().string();
  const std::string path = group + "/" + name;
  require<UsageError>(reader.exists(path), "from", "{} holds no {}, which this model has", file, name);
  const Hdf5Shape shape = reader.shape(path);
  require<UsageError>(shape == Hdf5Shape{into.rows, into.cols}, "from",
                      "{} holds {} of shape [{}], but this model has [{}, {}]", file, name, fmt::join(shape, ", "),
                      into.rows, into.cols);
  auto array = reader.read<float>(path, into.size());
  require(std::all_of(array.values.begin(), array.values.end(), [](float v) { return std::isfinite(v); }), "from",
          "{}: {} holds a NaN or an infinity", file, name);
  staged.emplace_back(&into, std::move(array.values));
}

void refuse_others(const Hdf5Reader& reader, const std::string& group, const std::set<std::string>& known) {
  for (const auto& name : weight_names(reader, group)) {
    require<UsageError>(known.count(name) == 1, "from", "{} holds {}, which this model does not have",
                        reader.path().string(), name);
  }
}

}  // namespace

std::vector<std::string> weight_names(const Hdf5Reader& reader, const std::string& group) {
  std::vector<std::string> names;
  if (reader.exists(group)) names = reader.list(group);
  std::erase_if(names, is_range);
  return names;
}

void take_groups(const Hdf5Reader& reader, const Inventory& inventory) {
  std::vector<std::pair<Quantizer*, std::vector<std::uint32_t>>> taken;
  for (const std::string& name : weight_names(reader, "groups")) {
    const auto found = std::find_if(inventory.quantizers.begin(), inventory.quantizers.end(),
                                    [&](const Quantizer* site) { return site->site == name; });
    const std::size_t channels = found == inventory.quantizers.end() ? 0 : (*found)->channels;
    require(channels > 0 && (*found)->groups.size() == channels, "groups",
            "{} holds groups of {}, which this model does not have", reader.path().string(), name);
    const auto groups = reader.read<std::int32_t>("groups/" + name, channels).values;
    const auto usable = [&](std::int32_t g) { return g >= 0 && static_cast<std::size_t>(g) < channels; };
    require(groups.size() == channels && std::all_of(groups.begin(), groups.end(), usable), "groups",
            "{}: groups/{} does not hold the groups of {} channels", reader.path().string(), name, channels);
    taken.emplace_back(*found, std::vector<std::uint32_t>(groups.begin(), groups.end()));
  }
  for (auto& [site, groups] : taken) {
    site->groups = std::move(groups);
    site->regrouped = true;
  }
}

void take_weights(const Hdf5Reader& reader, const Inventory& inventory) {
  StagedWeights staged;
  std::set<std::string> parameters, buffers;
  for (const auto& [name, parameter] : inventory.parameters) {
    if (is_range(name)) continue;
    read_tensor(reader, "parameters", name, parameter->value, staged);
    parameters.insert(name);
  }
  for (const auto& [name, buffer] : inventory.buffers) {
    read_tensor(reader, "buffers", name, buffer->value, staged);
    buffers.insert(name);
  }
  refuse_others(reader, "parameters", parameters);
  refuse_others(reader, "buffers", buffers);
  take_groups(reader, inventory);
  for (auto& [tensor, values] : staged) tensor->data = std::move(values);
}

std::vector<std::string> take_stored_ranges(const Hdf5Reader& reader, const Inventory& inventory) {
  std::vector<std::string> left;
  if (!reader.exists("stored")) return left;
  const auto rules =
      QuantConfig::parse(optional_rules(reader.read_text("rules")), reader.path().string()).resolve(inventory.sites());
  std::vector<std::pair<Quantizer*, std::vector<float>>> taken;
  for (std::size_t i = 0; i < inventory.quantizers.size(); ++i) {
    Quantizer* const site = inventory.quantizers[i];
    const std::string path = "stored/" + site->site;
    if (!reader.exists(path)) continue;
    if (!site->is_stored() || rules[i] != site->spec) {
      left.push_back(site->site);
      continue;
    }
    auto range = reader.read<float>(path, site->range_count()).values;
    const auto usable = [](float r) { return std::isfinite(r) && r >= 0.0F; };
    require(range.size() == site->range_count() && std::all_of(range.begin(), range.end(), usable), "from",
            "{}: {} does not hold {} ranges", reader.path().string(), path, site->range_count());
    taken.emplace_back(site, std::move(range));
  }
  for (auto& [site, range] : taken) site->range = std::move(range);
  return left;
}

}  // namespace bitstate

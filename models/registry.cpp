#include "models/registry.h"

#include "models/mamba/streaming.h"

#include <utility>

namespace bitstate {
namespace {

/// Calls `f` with the member of the chosen family.
template <class F>
auto of_family(const ModelSettings& settings, const F& f) {
  return settings.model == "s5" ? f(&ModelSettings::s5) : f(&ModelSettings::mamba);
}

/// Appends the rows of a family. Of a row that another family has, both are set.
template <class Part>
void add_family(OptionTable<ModelSettings>& table, const OptionTable<Part>& own, Part ModelSettings::*part,
                const std::vector<std::string>& names) {
  OptionTable<ModelSettings> rows("model");
  rows.nested(own, part);
  for (auto& row : rows.rows()) {
    row.subjects = names;
    OptionOf<ModelSettings>* const shared = find_option(table.rows(), row.name);
    if (shared == nullptr) {
      table.append(std::move(row));
      continue;
    }
    shared->subjects.insert(shared->subjects.end(), names.begin(), names.end());
    shared->set = [first = shared->set, second = row.set](ModelSettings& settings, std::string_view value) {
      first(settings, value);
      second(settings, value);
    };
  }
}

}  // namespace

OptionTable<ModelSettings> model_options() {
  OptionTable<ModelSettings> table("model");
  const std::vector<std::string> names = {"s5", "mamba", "mamba2"};
  const auto choose = [=](ModelSettings& settings, std::string_view value) {
    settings.model = options::read_word("model", value, names);
    settings.mamba.mamba2 = settings.model == "mamba2";
  };
  table.add("model", "NAME", "family of the model", choose, [](const ModelSettings& s) { return s.model; }).words =
      names;
  add_family(table, s5_options(), &ModelSettings::s5, {"s5"});
  add_family(table, mamba_options(), &ModelSettings::mamba, {"mamba", "mamba2"});
  add_family(table, mamba2_options(), &ModelSettings::mamba, {"mamba2"});
  return table;
}

void validate(const ModelSettings& settings) {
  of_family(settings, [&](auto own) { validate(settings.*own); });
}

std::size_t layers_of(const ModelSettings& settings) {
  return of_family(settings, [&](auto own) { return (settings.*own).n_layers; });
}

Model make_model(const ModelSettings& settings, const ModelShape& shape, std::uint64_t seed) {
  return of_family(settings, [&](auto own) { return make_model(settings.*own, shape, seed); });
}

FamilyTraining training_of(const ModelSettings& settings) {
  return of_family(settings, [&](auto own) { return training_of(settings.*own); });
}

CarryingForward carrying_forward(const ModelSettings& settings) {
  return of_family(settings, [&](auto own) { return carrying_forward(settings.*own); });
}

double training_flops_per_token(const ModelSettings& settings) {
  return of_family(settings, [&](auto own) { return training_flops_per_token(settings.*own); });
}

std::string_view quant_folder(const ModelSettings& settings) { return settings.model == "s5" ? "" : "mamba"; }

std::string quant_rules(const ModelSettings& settings, std::string_view preset) {
  return of_family(settings, [&](auto own) { return quant_rules(settings.*own, preset); });
}

std::optional<StoredModel> stored_model(const ModelSettings& settings, const ModelSettings& source,
                                        const ModelShape& shape, std::uint64_t seed,
                                        std::span<const std::string> names) {
  if (source.model != settings.model) return std::nullopt;
  return of_family(settings, [&](auto own) { return stored_model(settings.*own, source.*own, shape, seed, names); });
}

std::string evaluation_warning(const ModelSettings& settings, const ModelSettings& trained, Model model) {
  return of_family(settings,
                   [&](auto own) { return evaluation_warning(settings.*own, trained.*own, std::move(model)); });
}

}  // namespace bitstate

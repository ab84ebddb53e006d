#include "models/registry.h"

#include <utility>

namespace bitstate {
namespace {

/// Calls `f` with the member of the chosen family. There is one: the option that chooses comes with the second.
template <class F>
auto of_family(const ModelSettings& /*settings*/, const F& f) {
  return f(&ModelSettings::s5);
}

}  // namespace

OptionTable<ModelSettings> model_options() {
  OptionTable<ModelSettings> table("model");
  table.nested(s5_options(), &ModelSettings::s5);
  return table;
}

void validate(const ModelSettings& settings) {
  of_family(settings, [&](auto own) { validate(settings.*own); });
}

Model make_model(const ModelSettings& settings, const ModelShape& shape, std::uint64_t seed) {
  return of_family(settings, [&](auto own) { return make_model(settings.*own, shape, seed); });
}

FamilyTraining training_of(const ModelSettings& settings) {
  return of_family(settings, [&](auto own) { return training_of(settings.*own); });
}

double training_flops_per_token(const ModelSettings& settings) {
  return of_family(settings, [&](auto own) { return training_flops_per_token(settings.*own); });
}

std::string quant_rules(const ModelSettings& settings, std::string_view preset) {
  return of_family(settings, [&](auto own) { return quant_rules(settings.*own, preset); });
}

std::optional<StoredModel> stored_model(const ModelSettings& settings, const ModelShape& shape, std::uint64_t seed,
                                        std::span<const std::string> names) {
  return of_family(settings, [&](auto own) { return stored_model(settings.*own, shape, seed, names); });
}

std::string evaluation_warning(const ModelSettings& settings, const ModelSettings& trained, Model model) {
  return of_family(settings,
                   [&](auto own) { return evaluation_warning(settings.*own, trained.*own, std::move(model)); });
}

}  // namespace bitstate

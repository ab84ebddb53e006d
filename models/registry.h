// The families of models that a run can train. A family is a folder of models/ and what this file and registry.cpp say
// of it; whoever trains, exports or reports asks here and knows no family.
#pragma once

#include "models/family.h"
#include "models/mamba/settings.h"
#include "models/s5/settings.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bitstate {

/// The chosen family, and the settings of every one.
struct ModelSettings {
  std::string model = "s5";  ///< or mamba, mamba2
  S5Settings s5{};
  MambaSettings mamba{};
};

/// The options of all families. Each names those that have it as its subjects; an option that several families have
/// is set in all of them.
OptionTable<ModelSettings> model_options();

// Each of these asks the family that is chosen, by the function of the same name that takes its own settings.

/// Checks what concerns several options together. Throws UsageError.
void validate(const ModelSettings& settings);

/// The untrained model for data of this shape. Throws UsageError for sizes that make no model.
Model make_model(const ModelSettings& settings, const ModelShape& shape, std::uint64_t seed);

/// How the model learns.
FamilyTraining training_of(const ModelSettings& settings);

/// The forward that carries a state from one sequence to the next. Throws UsageError where the model has none.
CarryingForward carrying_forward(const ModelSettings& settings);

/// How many layers the model has.
std::size_t layers_of(const ModelSettings& settings);

/// FLOPs of forward and backward for one token.
double training_flops_per_token(const ModelSettings& settings);

/// The folder of the family's own configurations of bits, below configs/; empty: configs/ itself.
std::string_view quant_folder(const ModelSettings& settings);

/// The rules that the options of bits stand for, in .quant syntax; a preset may give them another meaning.
std::string quant_rules(const ModelSettings& settings, std::string_view preset);

/// The model of a source with these settings and names of parameters, where that of make_model() has another form but
/// can be made of it. Throws UsageError for a form that cannot be left.
std::optional<StoredModel> stored_model(const ModelSettings& settings, const ModelSettings& source,
                                        const ModelShape& shape, std::uint64_t seed,
                                        std::span<const std::string> names);

/// What goes wrong when `model`, which was trained with other settings, is evaluated with these; empty: nothing.
std::string evaluation_warning(const ModelSettings& settings, const ModelSettings& trained, Model model);

}  // namespace bitstate

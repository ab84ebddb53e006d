// The options of Mamba and Mamba-2, under the names of their configurations, and the models that they stand for.
#pragma once

#include "core/options.h"
#include "models/family.h"
#include "models/mamba/mixer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bitstate {

/// Those that S5 has as well have its names, defaults and meaning.
struct MambaSettings {
  bool mamba2 = false;  ///< set by who chooses the family
  std::size_t n_layers = 6;
  std::size_t d_model = 128;
  bool bidirectional = false;
  std::string mode = "pool";  ///< or last
  double dt_min = 0.001;
  double dt_max = 0.1;
  std::size_t d_state = 16;
  std::size_t d_conv = 4;
  std::size_t expand = 2;
  std::size_t dt_rank = 0;   ///< of Mamba; 0: d_model / 16, rounded up
  std::size_t headdim = 64;  ///< of Mamba-2, as ngroups, norm_before_gate and the limits of a step
  std::size_t ngroups = 1;
  bool norm_before_gate = false;
  double dt_limit_min = 0.0;
  double dt_limit_max = 0.0;  ///< 0: none
  bool tie_embeddings = true;
  std::string hadamard = "none";  ///< or out_proj, all: what is rotated (models/mamba/rotate.h)
};

/// The table of MambaSettings: the rows of both families, and those of Mamba-2 alone.
OptionTable<MambaSettings> mamba_options();
OptionTable<MambaSettings> mamba2_options();

/// Checks what concerns several options together. Throws UsageError.
void validate(const MambaSettings& settings);

/// The untrained model for data of this shape. Throws UsageError for sizes that make no model.
Model make_model(const MambaSettings& settings, const ModelShape& shape, std::uint64_t seed);

/// A_log, D, biases and norms do not decay.
FamilyTraining training_of(const MambaSettings& settings);

/// FLOPs of forward and backward for one token: products, convolution, scan.
double training_flops_per_token(const MambaSettings& settings);

/// None: no flag gives bits.
std::string quant_rules(const MambaSettings& settings, std::string_view preset);

/// A model of less rotation, or with a tied head. Throws UsageError for a source of more.
std::optional<StoredModel> stored_model(const MambaSettings& settings, const MambaSettings& source,
                                        const ModelShape& shape, std::uint64_t seed,
                                        std::span<const std::string> names);

/// None.
std::string evaluation_warning(const MambaSettings& settings, const MambaSettings& trained, Model model);

}  // namespace bitstate

// The options of S5, under the names of S5's and Q-S5's flags, and the model that they stand for.
#pragma once

#include "core/options.h"
#include "models/family.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bitstate {

/// The defaults are those of S5's run_train.py.
// in the order of the subject, not of the sizes. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct S5Settings {
  // the model
  std::size_t n_layers = 6;
  std::size_t d_model = 128;                     ///< features H
  std::size_t ssm_size_base = 256;               ///< states before conjugate symmetry halves them
  std::size_t blocks = 8;                        ///< HiPPO blocks J; divides ssm_size_base
  std::string C_init = "trunc_standard_normal";  ///< or lecun_normal, complex_normal
  std::string discretization = "zoh";            ///< or bilinear
  std::string mode = "pool";                     ///< or last
  std::string activation_fn = "half_glu1";       ///< or half_glu2, full_glu, gelu
  bool conj_sym = true;
  bool clip_eigs = false;
  bool bidirectional = false;
  double dt_min = 0.001;
  double dt_max = 0.1;
  double step_rescale = 1.0;
  bool prenorm = true;
  bool batchnorm = true;  ///< false: layer normalization
  double bn_momentum = 0.95;
  bool use_layernorm_bias = true;
  bool qgelu_approx = false;
  bool hard_sigmoid = false;
  bool pad = false;  ///< scan and norm run over padding, as in the reference

  // how it learns
  bool dt_global = false;
  double p_dropout = 0.0;
  std::string opt_config = "standard";    ///< or BandCdecay, BfastandCdecay, noBCdecay, qaft
  std::string a_training = "continuous";  ///< or discrete (Lambda_bar and B_bar are parameters), frozen

  // its bits; no value: float
  std::string scan = "recurrence";  ///< or tree
  bool quantize_gradients = false;
  std::optional<int> a_bits;
  std::optional<int> b_bits;
  std::optional<int> c_bits;
  std::optional<int> d_bits;
  std::optional<int> ssm_act_bits;
  std::optional<int> non_ssm_bits;
  std::optional<int> non_ssm_act_bits;
};

/// The table of S5Settings.
OptionTable<S5Settings> s5_options();

/// Checks what concerns several options together: sizes that divide, the number of parameters. Throws UsageError.
void validate(const S5Settings& settings);

/// The untrained model for data of this shape; its SSMs are discrete with a_training = discrete. Throws UsageError for
/// sizes that make no model.
Model make_model(const S5Settings& settings, const ModelShape& shape, std::uint64_t seed);

/// The groups of its parameters, the method that they learn by, and so on.
FamilyTraining training_of(const S5Settings& settings);

/// None: throws UsageError.
CarryingForward carrying_forward(const S5Settings& settings);

/// FLOPs of forward and backward for one token: complex products of B and C, recurrence, GLU, elementwise work.
double training_flops_per_token(const S5Settings& settings);

/// The rules that the *_bits flags stand for, in .quant syntax: with the preset qs5 in Q-S5's own arithmetic, else in
/// that of its configurations here.
std::string quant_rules(const S5Settings& settings, std::string_view preset);

/// The continuous model, where a discrete one is wanted and there are parameters of a continuous one.
std::optional<StoredModel> stored_model(const S5Settings& settings, const S5Settings& source, const ModelShape& shape,
                                        std::uint64_t seed, std::span<const std::string> names);

/// Of another time of every step: ranges that do not follow it (ranges_of_one_step), while the numbers do.
std::string evaluation_warning(const S5Settings& settings, const S5Settings& trained, Model model);

}  // namespace bitstate

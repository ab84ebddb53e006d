// Adam, AdamW and SGD over S5's groups: a parameter's rate and decay follow from the last part of its name.
#pragma once

#include "autograd/parameter.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// S5's `opt_config`: what learns at the SSM's rate, and what of it decays. (train_helpers.py of S5 and of Q-S5)
enum class OptConfig {
  standard,        ///< B, Lambda, log_step: SSM rate, no decay
  BandCdecay,      ///< as standard, but B decays
  BfastandCdecay,  ///< Lambda, log_step: SSM rate, no decay; B with everything else
  noBCdecay,       ///< B, C, D, Lambda, log_step: SSM rate, no decay
  qaft             ///< the rates of standard; SGD with momentum, no decay
};

/// The OptConfig of a flag's value. Throws UsageError for any other name.
OptConfig opt_config_of(std::string_view name);

struct OptimizerSettings {
  OptConfig opt_config = OptConfig::standard;
  bool dt_global = false;  ///< log_step learns at the global rate and decays
  double weight_decay = 0.05;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double momentum = 0.9;  ///< of SGD
  bool freeze_a = false;  ///< Lambda and log_step keep their values
};

/// How one parameter is optimised: a row of the summary's table.
struct ParameterRule {
  std::string name;
  std::string group;       ///< S5's name of the group: "ssm", "none" or "regular"; or "frozen"
  bool ssm_rate = false;   ///< learns at ssm_lr instead of lr
  double decay = 0.0;      ///< decoupled weight decay, 0 for none
  std::size_t offset = 0;  ///< place in the flat gradient, m and v
  std::size_t size = 0;
};

/// The rule of a parameter, from the last component of its name: Lambda_re, Lambda_bar, log_step, B, B_bar, C, C1, C2,
/// D, or any other.
ParameterRule parameter_rule(const NamedParameter& parameter, const OptimizerSettings& settings);

/// Adam with decoupled decay: p ← p - rate · (m̂ / (√v̂ + eps) + decay · p), m̂ and v̂ bias-corrected (Loshchilov and
/// Hutter 2019, as optax.adamw). With qaft: m ← momentum · m + g, p ← p - rate · m (optax.sgd). Element-wise and in
/// order, hence the same bits on every run.
class Optimizer {
 public:
  /// Makes the rules; the state starts at zero. Throws Error where the places of two parameters overlap.
  Optimizer(std::span<const NamedParameter> parameters, const OptimizerSettings& settings);

  /// One update from a flat gradient. `parameters` are those of the constructor, in the same order.
  /// Throws Error where the list differs or the gradient is shorter than the state.
  void step(std::span<const NamedParameter> parameters, std::span<const float> gradient, double lr, double ssm_lr);

  [[nodiscard]] const std::vector<ParameterRule>& rules() const { return rules_; }
  /// The rules as a table, a line a parameter: name, size, group, rate, decay.
  [[nodiscard]] std::string table() const;

  std::vector<float> m;     ///< first moment or momentum, flat; part of a checkpoint
  std::vector<float> v;     ///< second moment, flat (0 with qaft); part of a checkpoint
  std::uint64_t steps = 0;  ///< updates done; part of a checkpoint

 private:
  OptimizerSettings settings_;
  std::vector<ParameterRule> rules_;
  std::size_t size_ = 0;  // of a flat gradient
};

}  // namespace bitstate

// Adam, AdamW and SGD over groups of parameters: a table of globs says at which rate each learns and whether it decays.
#pragma once

#include "autograd/parameter.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// How the parameters of a group learn: S5's names, and "frozen".
enum class Group : std::uint8_t {
  regular,  ///< at lr, with decay
  none,     ///< at ssm_lr, with decay
  ssm,      ///< at ssm_lr, without decay
  frozen    ///< they keep their values
};

/// "regular" and so on.
[[nodiscard]] std::string_view name_of(Group group);

/// A row of the table that a family of models brings: the parameters whose names match `glob` (glob_matches of
/// core/quant_spec.h) are of a group. The last row that matches wins.
struct GroupRule {
  std::string glob;
  Group group = Group::regular;
};

enum class Method : std::uint8_t {
  adamw,  ///< Adam with decoupled decay
  sgd     ///< with momentum, without decay
};

struct OptimizerSettings {
  /// What no row matches is regular, but learned ranges (`*.log_range`) are of the group ssm.
  std::vector<GroupRule> groups = {};
  Method method = Method::adamw;
  double weight_decay = 0.05;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double momentum = 0.9;  ///< of SGD
};

/// How one parameter is optimised: a row of the summary's table.
struct ParameterRule {
  std::string name;
  Group group = Group::regular;
  bool ssm_rate = false;   ///< learns at ssm_lr instead of lr
  double decay = 0.0;      ///< decoupled weight decay, 0 for none
  std::size_t offset = 0;  ///< place in the flat gradient, m and v
  std::size_t size = 0;
};

/// The rule of a parameter, from its name.
ParameterRule parameter_rule(const NamedParameter& parameter, const OptimizerSettings& settings);

/// Adam with decoupled decay: p ← p - rate · (m̂ / (√v̂ + eps) + decay · p), m̂ and v̂ bias-corrected (Loshchilov and
/// Hutter 2019, as optax.adamw). SGD: m ← momentum · m + g, p ← p - rate · m (optax.sgd). Element-wise and in
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
  std::vector<float> v;     ///< second moment, flat (0 with SGD); part of a checkpoint
  std::uint64_t steps = 0;  ///< updates done; part of a checkpoint

 private:
  OptimizerSettings settings_;
  std::vector<ParameterRule> rules_;
  std::size_t size_ = 0;  // of a flat gradient
};

}  // namespace bitstate

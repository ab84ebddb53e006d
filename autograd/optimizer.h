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

/// A step has two learning rates: most parameters learn at the first.
enum class Rate : std::uint8_t { first, second, zero };

/// How the parameters of a group learn. The names are literals; a family of models may have groups of its own.
struct Group {
  std::string_view name = "regular";
  Rate rate = Rate::first;
  bool decays = true;
  std::string_view rate_name = "lr";  ///< of the rate, in the table of parameters

  bool operator==(const Group&) const = default;
};

inline constexpr Group regular_group{};
inline constexpr Group frozen_group{"frozen", Rate::zero, false, "0"};          ///< its parameters keep their values
inline constexpr Group range_group{"range", Rate::second, false, "second_lr"};  ///< of learned ranges

/// A row of the table that a family of models brings: the parameters whose names match `glob` (glob_matches of
/// core/quant_spec.h) are of a group. The last row that matches wins.
struct GroupRule {
  std::string glob;
  Group group = {};
};

enum class Method : std::uint8_t {
  adamw,  ///< Adam with decoupled decay
  sgd     ///< with momentum, without decay
};

struct OptimizerSettings {
  /// What no row matches is of the regular_group, but learned ranges (`*.log_range`) are of the range_group.
  std::vector<GroupRule> groups = {};
  Method method = Method::adamw;
  double weight_decay = 0.05;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double momentum = 0.9;  ///< of SGD
  double clip = 0.0;      ///< a gradient whose norm, over all parameters, is larger is scaled to it; 0: none is
};

/// How one parameter is optimised: a row of the summary's table.
struct ParameterRule {
  std::string name;
  Group group = {};
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
  void step(std::span<const NamedParameter> parameters, std::span<const float> gradient, double lr, double second_lr);

  [[nodiscard]] const std::vector<ParameterRule>& rules() const { return rules_; }
  /// The rules as a table, a line per parameter: name, size, group, rate, decay.
  [[nodiscard]] std::string table() const;

  std::vector<float> m;     ///< first moment or momentum, flat; part of a checkpoint
  std::vector<float> v;     ///< second moment, flat (0 with SGD); part of a checkpoint
  std::uint64_t steps = 0;  ///< updates done; part of a checkpoint

 private:
  /// The factor that brings the gradient of all that learns to the largest norm that is allowed; 1 where it is smaller.
  [[nodiscard]] float scale_of(std::span<const float> gradient) const;
  OptimizerSettings settings_;
  std::vector<ParameterRule> rules_;
  std::size_t size_ = 0;  // of a flat gradient, without what is frozen
};

}  // namespace bitstate

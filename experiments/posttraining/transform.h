// Transforms: changes of a trained model that a run makes, one after the other, before its sites get their ranges
// (docs/adr/0017-transforms.md).
#pragma once

#include "experiments/training/calibration.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// What a transform works on: a model with the weights of its source. The sites have the rules of the run, and no
/// ranges but those that earlier transforms have stored.
struct TransformTarget {
  Model& model;
  Inventory& inventory;
  LaneRunner& runner;           ///< of this model
  const CalibrationData& data;  ///< training sequences
};

struct Transform {
  /// What it looks at besides the weights.
  enum class Needs : std::uint8_t { nothing, calibration, gradients };

  std::string_view name;    ///< in the option `transforms`
  std::string_view help;    ///< a line for --help
  Needs needs;              ///< calibration: passes over the data; gradients: passes backward, too
  bool keeps_float_output;  ///< the outputs of the float model keep their bits
  /// Changes weights and stored ranges, and leaves the rules of the sites as it finds them. Throws UsageError for a
  /// model that it cannot change.
  void (*apply)(const TransformTarget& target);
};

/// All transforms: a new one is added to the table in transform.cpp.
std::span<const Transform> all_transforms();

/// The transforms of these names, in their order. Throws UsageError for a name that is none, and for one that comes
/// twice.
std::vector<const Transform*> transforms_of(std::span<const std::string> names);

/// Applies them in their order. Throws UsageError, in the name of the transform, where it needs data and there is no
/// batch, and what apply() throws.
void apply_transforms(std::span<const Transform* const> transforms, const TransformTarget& target);

}  // namespace bitstate

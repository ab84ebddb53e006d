// Transforms: changes of a trained model that a run makes, one after the other (docs/adr/0017-transforms.md).
#pragma once

#include "core/options.h"
#include "experiments/training/transform_target.h"

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate {

struct Transform;

/// A step of a list: a transform with its options.
struct TransformStep {
  const Transform* transform;
  std::string text;  ///< as a list names it: "balance" or "balance(limit=4)", without the options at their defaults
  std::map<std::string, std::string> given;  ///< those options and their values
  std::function<void(const TransformTarget&)> apply;
};

/// A transform as lists name it; transform_of() makes one.
struct Transform {
  /// The options that a list gives, by their names.
  using Given = std::map<std::string, std::string>;

  std::string name{};
  std::string help{};                 ///< a line for --help
  bool needs_calibration = false;     ///< it runs the training sequences
  bool keeps_float_output = false;    ///< the outputs of the float model keep their bits
  bool after_calibration = false;     ///< it changes ranges: it comes when all sites have theirs, and behind the others
  std::vector<OptionInfo> options{};  ///< with their defaults
  /// The step with these options, the others at their defaults. Throws UsageError "[name.option] expected ...".
  std::function<TransformStep(const Transform&, const Given&)> step{};
};

/// The transform that `change` makes with its options. `change` changes weights and stored ranges, and leaves the rules
/// of the sites as it finds them; it throws UsageError for a model that it cannot change. The table's rows are named
/// "name.option", so that their errors say whose option it is.
template <class Options>
Transform transform_of(Transform what, const OptionTable<Options>& table,
                       void (*change)(const TransformTarget&, const Options&)) {
  const std::size_t prefix = what.name.size() + 1;
  for (const OptionOf<Options>& row : table.rows()) {
    OptionInfo& option = what.options.emplace_back(row);
    option.name.erase(0, prefix);
    option.value = row.text(Options{});
  }
  what.step = [rows = table.rows(), prefix, change](const Transform& transform, const Transform::Given& given) {
    Options options;
    for (const auto& [name, value] : given) {
      find_option(rows, transform.name + "." + name)->set(options, value);
    }
    std::string others;
    Transform::Given changed;
    for (const OptionOf<Options>& row : rows) {
      if (row.text(options) == row.text(Options{})) continue;
      others += (others.empty() ? "" : ", ") + row.name.substr(prefix) + "=" + row.text(options);
      changed[row.name.substr(prefix)] = row.text(options);
    }
    return TransformStep{&transform, transform.name + (others.empty() ? "" : "(" + others + ")"), changed,
                         [options, change](const TransformTarget& target) { change(target, options); }};
  };
  return what;
}

/// All transforms: a new one is added to the table in transform.cpp.
std::span<const Transform> all_transforms();
/// The one of this name. Throws UsageError for a name that is none.
const Transform& transform_named(std::string_view name);

/// The steps of a list "name, name(option=value, option=value)", in their order; none for an empty one. Throws
/// UsageError for a name that is no transform, for one that comes twice, for one that comes before calibration but
/// stands behind one that comes after it, for an option that the transform does not
/// have, for a value that the option does not take, and for what is no list.
std::vector<TransformStep> transform_steps(std::string_view list);

/// Whether a step of the list comes after calibration.
bool has_search(std::span<const TransformStep> steps);

/// Applies those before calibration, or those after it, in their order. Throws UsageError, in the name of the
/// transform, where it needs data and there is no batch, and what apply() throws.
void apply_transforms(std::span<const TransformStep> steps, const TransformTarget& target,
                      bool after_calibration = false);

}  // namespace bitstate

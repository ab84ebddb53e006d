#include "experiments/posttraining/transform.h"

#include "core/error.h"
#include "core/suggest.h"
#include "core/text.h"
#include "experiments/posttraining/balance.h"
#include "experiments/posttraining/evolve/evolve.h"
#include "experiments/posttraining/fold_norms.h"
#include "experiments/posttraining/gptq.h"
#include "experiments/posttraining/perturb.h"
#include "experiments/posttraining/sort_cluster.h"

#include <algorithm>

namespace bitstate {
namespace {

constexpr std::string_view where = "transforms";

/// The transform or the option of this name. Throws UsageError for a name that is none.
template <class Named>
const Named& named(std::span<const Named> all, std::string_view name, std::string_view what) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
  if (found != all.end()) return *found;
  std::vector<std::string> known;
  for (const Named& one : all) known.push_back(one.name);
  fail<UsageError>(where, "there is no {} \"{}\"{}", what, name, suggestion(name, known));
}

/// The parts of a list: it is cut at each comma that is not in parentheses.
std::vector<std::string> parts_of(std::string_view list) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (const char c : list) {
    require<UsageError>(c != (inside ? '(' : ')'), where, "expected name(option=value, ...), ..., got \"{}\"", list);
    if (c == '(' || c == ')') inside = c == '(';
    if (c == ',' && !inside) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  require<UsageError>(!inside, where, "a parenthesis is not closed in \"{}\"", list);
  std::erase_if(parts, [](const std::string& part) { return trimmed(part).empty(); });
  return parts;
}

/// "option=value, option=value", of the options that the transform has.
Transform::Given options_of(const Transform& transform, std::string_view text) {
  Transform::Given given;
  for (const std::string& part : split(text, ",")) {
    const auto equals = part.find('=');
    require<UsageError>(equals != std::string::npos, where, "{}: expected option=value, got \"{}\"", transform.name,
                        part);
    const std::string option(trimmed(std::string_view(part).substr(0, equals)));
    (void)named(std::span<const OptionInfo>(transform.options), option, "option of " + transform.name + " called");
    const bool first = given.emplace(option, trimmed(std::string_view(part).substr(equals + 1))).second;
    require<UsageError>(first, where, "{}: gives {} twice", transform.name, option);
  }
  return given;
}

TransformStep step_of(std::string_view part) {
  part = trimmed(part);
  const auto opening = part.find('(');
  const Transform& transform = transform_named(trimmed(part.substr(0, opening)));
  if (opening == std::string_view::npos) return transform.step(transform, {});
  require<UsageError>(part.ends_with(')'), where, "expected a comma after the parenthesis of {}, got \"{}\"",
                      transform.name, part);
  return transform.step(transform, options_of(transform, part.substr(opening + 1, part.size() - opening - 2)));
}

}  // namespace

std::span<const Transform> all_transforms() {
  static const std::vector<Transform> table{balance_transform(), fold_norms_transform(), sort_cluster_transform(),
                                            gptq_transform(),    evolve_transform(),     perturb_transform()};
  return table;
}

const Transform& transform_named(std::string_view name) { return named(all_transforms(), name, "transform"); }

std::vector<TransformStep> transform_steps(std::string_view list) {
  std::vector<TransformStep> steps;
  for (const std::string& part : parts_of(list)) {
    TransformStep step = step_of(part);
    for (const TransformStep& earlier : steps) {
      require<UsageError>(earlier.transform != step.transform, where, "names {} twice", step.transform->name);
      require<UsageError>(!earlier.transform->after_calibration || step.transform->after_calibration, where,
                          "{} moves calibrated ranges, so that {} has to stand before it", earlier.transform->name,
                          step.transform->name);
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

bool has_search(std::span<const TransformStep> steps) {
  return std::any_of(steps.begin(), steps.end(),
                     [](const TransformStep& step) { return step.transform->after_calibration; });
}

void apply_transforms(std::span<const TransformStep> steps, const TransformTarget& target, bool after_calibration) {
  for (const TransformStep& step : steps) {
    if (step.transform->after_calibration != after_calibration) continue;
    require<UsageError>(!step.transform->needs_calibration || target.data.count() > 0, step.transform->name,
                        "needs calibration batches, but there are {}", target.data.count());
    step.apply(target);
  }
}

}  // namespace bitstate

#include "experiments/posttraining/transform.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/posttraining/balance.h"

#include <algorithm>

namespace bitstate {

std::span<const Transform> all_transforms() {
  static constexpr Transform table[] = {balance_transform};
  return table;
}

std::vector<const Transform*> transforms_of(std::span<const std::string> names) {
  const auto all = all_transforms();
  std::vector<const Transform*> found;
  for (const std::string& name : names) {
    const auto transform = std::find_if(all.begin(), all.end(), [&](const Transform& t) { return t.name == name; });
    if (transform == all.end()) {
      std::vector<std::string> known;
      for (const Transform& t : all) known.emplace_back(t.name);
      fail<UsageError>("transforms", "there is no transform \"{}\"{}", name, suggestion(name, known));
    }
    require<UsageError>(std::find(found.begin(), found.end(), &*transform) == found.end(), "transforms",
                        "names {} twice", name);
    found.push_back(&*transform);
  }
  return found;
}

void apply_transforms(std::span<const Transform* const> transforms, const TransformTarget& target) {
  for (const Transform* transform : transforms) {
    require<UsageError>(transform->needs == Transform::Needs::nothing || target.data.count() > 0, transform->name,
                        "needs calibration batches, but there are {}", target.data.count());
    transform->apply(target);
  }
}

}  // namespace bitstate

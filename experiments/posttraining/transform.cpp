#include "experiments/posttraining/transform.h"

#include "core/error.h"
#include "experiments/posttraining/balance.h"

namespace bitstate {

std::span<const Transform> all_transforms() {
  static constexpr Transform table[] = {balance_transform};
  return table;
}

void apply_transforms(std::span<const Transform* const> transforms, const TransformTarget& target) {
  for (const Transform* transform : transforms) {
    require<UsageError>(transform->needs == Transform::Needs::nothing || target.data.count() > 0, transform->name,
                        "needs calibration batches, but there are {}", target.data.count());
    transform->apply(target);
  }
}

}  // namespace bitstate

#include "models/norm.h"

namespace bitstate {

Norm::Norm(std::size_t features, bool batch_norm) : batch(batch_norm) {
  scale.value = Tensor(1, features, 1.0F);
  bias.value = Tensor(1, features);
  if (batch) {
    running_mean.value = Tensor(1, features);
    running_variance.value = Tensor(1, features, 1.0F);
  }
}

Value Norm::forward(Tape& tape, Value x) const {
  const Value factor = tape.parameter(scale);
  const Value offset = tape.parameter(bias);
  if (!batch) return ops::layer_norm(tape, x, factor, offset);
  // the two buffers follow each other in the flat statistics: [offset, offset + 2H)
  return ops::batch_norm(tape, x, factor, offset,
                         {running_mean.value.data.data(), running_variance.value.data.data(), running_mean.offset});
}

void update_running_statistics(const Inventory& inventory, std::span<const double> batch, double momentum) {
  for (const auto& entry : inventory.buffers) {
    Buffer& buffer = *entry.buffer;
    for (std::size_t i = 0; i < buffer.value.size(); ++i) {
      buffer.value.data[i] =
          static_cast<float>(momentum * double{buffer.value.data[i]} + (1.0 - momentum) * batch[buffer.offset + i]);
    }
  }
}

}  // namespace bitstate

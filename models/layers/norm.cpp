#include "models/layers/norm.h"

#include "core/error.h"

namespace bitstate {

Norm::Norm(std::size_t features, bool batch_norm, bool output_is_operand_, bool biased_)
    : batch(batch_norm), biased(batch_norm || biased_), output_is_operand(output_is_operand_) {
  scale.value = Tensor(1, features, 1.0F);
  bias.value = Tensor(1, features);
  if (batch) {
    running_mean.value = Tensor(1, features);
    running_variance.value = Tensor(1, features, 1.0F);
  }
  scale_quantizer.numbers = bias_quantizer.numbers = features;
  output_quantizer.channels = output_quantizer.numbers = features;
}

Value Norm::forward(Tape& tape, Value x, const Sequences& sequences) const {
  const Value factor = ops::quantize(tape, tape.parameter(scale), scale_quantizer);
  const Value offset = biased ? ops::quantize(tape, tape.parameter(bias), bias_quantizer) : Value{};
  if (!batch && output_quantizer.spec.active() && output_quantizer.spec.is_dynamic()) {
    // Q-S5's QLayerNorm: its two factors are rounded, not their product
    return ops::q_layer_norm(tape, x, factor, offset, output_quantizer, sequences, quantize_gradients);
  }
  // the two buffers follow each other in the flat statistics: [offset, offset + 2H)
  const Value y = batch ? ops::batch_norm(tape, x, factor, offset,
                                          {running_mean.value.data, running_variance.value.data, running_mean.offset})
                        : ops::layer_norm(tape, x, factor, offset);
  return ops::quantize(tape, y, output_quantizer, &sequences);
}

void update_running_statistics(const Inventory& inventory, std::span<const double> batch, double momentum) {
  for (const auto& entry : inventory.buffers) {
    Buffer& buffer = *entry.buffer;
    if (buffer.frozen) continue;
    require(buffer.offset + buffer.value.size() <= batch.size(), "batch_norm",
            "there are {} batch statistics, {} needs {} from {} on", batch.size(), entry.name, buffer.value.size(),
            buffer.offset);
    for (std::size_t i = 0; i < buffer.value.size(); ++i) {
      buffer.value.data[i] =
          static_cast<float>(momentum * double{buffer.value.data[i]} + (1.0 - momentum) * batch[buffer.offset + i]);
    }
  }
}

}  // namespace bitstate

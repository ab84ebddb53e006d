// LayerNorm over the features of each step, or BatchNorm over all steps of the batch.
#pragma once

#include "autograd/ops.h"
#include "models/inventory.h"

namespace bitstate {

struct Norm {
  bool batch = false;   ///< BatchNorm, else LayerNorm
  bool biased = true;   ///< a LayerNorm may have no bias
  Parameter scale;      ///< [1, H], 1
  Parameter bias;       ///< [1, H], 0
  Buffer running_mean;  ///< [1, H], of BatchNorm
  Buffer running_variance;
  Quantizer scale_quantizer, bias_quantizer;
  /// Of the result; before an SSM it is optional, since the SSM quantizes its input. With a dynamic range a LayerNorm
  /// is Q-S5's QLayerNorm.
  Quantizer output_quantizer;
  bool output_is_operand = false;   ///< the result is the layer's (postnorm)
  bool quantize_gradients = false;  ///< of Q-S5's QLayerNorm

  Norm() = default;
  Norm(std::size_t features, bool batch, bool output_is_operand, bool biased = true);

  Value forward(Tape& tape, Value x, const Sequences& sequences) const;

  template <class V>
  void visit(V& v) {
    v("scale", scale);
    if (biased) v("bias", bias);
    if (batch) {
      v("running_mean", running_mean);
      v("running_variance", running_variance);
    }
    v.site("weight", "", scale_quantizer);
    if (biased) v.site("bias", "", bias_quantizer);
    v.site(output_is_operand ? "act" : "acc", "", output_quantizer);
  }
};

/// running <- momentum * running + (1 - momentum) * batch, for every buffer of the model (flax's BatchNorm).
void update_running_statistics(const Inventory& inventory, std::span<const double> batch, double momentum);

}  // namespace bitstate

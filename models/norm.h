// LayerNorm over the features of each step, or BatchNorm over all steps of the batch.
#pragma once

#include "autograd/ops.h"
#include "models/inventory.h"

namespace bitstate {

struct Norm {
  bool batch = false;   ///< BatchNorm, else LayerNorm
  Parameter scale;      ///< [1, H], 1
  Parameter bias;       ///< [1, H], 0
  Buffer running_mean;  ///< [1, H], of BatchNorm
  Buffer running_variance;

  Norm() = default;
  Norm(std::size_t features, bool batch);

  Value forward(Tape& tape, Value x) const;

  template <class V>
  void visit(V& v) {
    v("scale", scale);
    v("bias", bias);
    if (batch) {
      v("running_mean", running_mean);
      v("running_variance", running_variance);
    }
  }
};

/// running <- momentum * running + (1 - momentum) * batch, for every buffer of the model (flax's BatchNorm).
void update_running_statistics(const Inventory& inventory, std::span<const double> batch, double momentum);

}  // namespace bitstate

// RMSNorm over the features of each step (Zhang and Sennrich 2019), eps 1e-5.
#pragma once

#include "autograd/ops.h"
#include "models/inventory.h"

namespace bitstate {

struct RmsNorm {
  Parameter weight;  ///< [1, H], 1
  Quantizer weight_quantizer;
  std::size_t groups = 1;  ///< of features that are normalized by themselves

  RmsNorm() = default;
  explicit RmsNorm(std::size_t features, std::size_t groups_ = 1) : groups(groups_) {
    weight.value = Tensor(1, features, 1.0F);
    weight_quantizer.numbers = features;
  }

  /// x [T, H] -> [T, H]
  Value forward(Tape& tape, Value x) const {
    return ops::rms_norm(tape, x, ops::quantize(tape, tape.parameter(weight), weight_quantizer), groups);
  }

  template <class V>
  void visit(V& v) {
    v("weight", weight);
    v.site("weight", "", weight_quantizer);
  }
};

}  // namespace bitstate

// What the norms share whose scale does not train (NormBackward).
#pragma once

#include "autograd/ops.h"

namespace bitstate::ops {

[[nodiscard]] inline bool trains_shift_only(const Tape& tape) {
  return tape.pass().norm_backward != NormBackward::exact;
}

/// dL/dbias += sum over rows of g, where there is a bias.
inline void add_shift_gradient(Tape& tape, const Node& node, Value bias) {
  float* const dbias = tape.gradient(bias);
  if (dbias == nullptr) return;
  for (std::size_t t = 0; t < node.rows; ++t) {
    for (std::size_t c = 0; c < node.cols; ++c) dbias[c] += node.gradient[t * node.cols + c];
  }
}

}  // namespace bitstate::ops

// A trainable tensor, and the lists that visiting a model yields.
#pragma once

#include "core/tensor.h"

#include <cstddef>
#include <string>

namespace bitstate {

/// A trainable tensor. `offset` is its place in the flat gradient and optimiser arrays of the model; those of frozen
/// ones lie behind their ends.
struct Parameter {
  Tensor value;
  std::size_t offset = 0;
  bool frozen = false;  ///< no training pass reads it: it has no gradient and no place in the optimiser's arrays
};

/// Running statistics of batches, as those of a norm: saved, but not trained by gradients. After each training step
/// they move towards what the whole batch wrote to Pass::statistics at `offset`, by 1 - TrainerOptions::bn_momentum.
struct Buffer {
  Tensor value;
  std::size_t offset = 0;
  bool frozen = false;  ///< no training pass gives it statistics
};

/// A parameter and its path in the model, e.g. "layers.3.ssm.Lambda_re".
struct NamedParameter {
  std::string name;
  Parameter* parameter = nullptr;
};

struct NamedBuffer {
  std::string name;
  Buffer* buffer = nullptr;
};

}  // namespace bitstate

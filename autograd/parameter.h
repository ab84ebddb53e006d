// A trainable tensor, and the lists that visiting a model yields.
#pragma once

#include "core/tensor.h"

#include <cstddef>
#include <string>

namespace bitstate {

/// A trainable tensor. `offset` is its place in the flat gradient and optimiser arrays of the model.
struct Parameter {
  Tensor value;
  std::size_t offset = 0;
};

/// A tensor that is saved but not trained by gradients: the running statistics of a norm. `offset` is its place in the
/// flat array of batch statistics (Pass::statistics).
struct Buffer {
  Tensor value;
  std::size_t offset = 0;
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

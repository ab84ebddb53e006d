// What a model reads in one pass.
#pragma once

#include "autograd/tape.h"

#include <cstdint>
#include <span>

namespace bitstate {

/// The sequences of one pass, stacked (Sequences): inputs x [T, d_input], or token ids [T].
struct Batch {
  Sequences sequences;
  std::span<const float> x = {};
  std::span<const std::int32_t> tokens = {};
};

}  // namespace bitstate

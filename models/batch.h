// What a model reads in one pass.
#pragma once

#include "autograd/tape.h"

#include <cstdint>
#include <span>

namespace bitstate {

/// The sequences of one pass, stacked (Sequences): inputs x [T, d_input], or token ids [T]. A pass that begins behind
/// the first parts of a model (Tape::parts()) reads their result [T, H], of the tape of the pass, instead.
struct Batch {
  Sequences sequences;
  std::span<const float> x = {};
  std::span<const std::int32_t> tokens = {};
  std::size_t parts_before = 0;
  Value entering = {};  ///< the result of so many parts; none: the pass begins at the input
};

}  // namespace bitstate

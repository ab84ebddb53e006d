// What a model reads in one pass.
#pragma once

#include "autograd/tape.h"

#include <cstdint>
#include <span>

namespace bitstate {

/// Of a model's parts (Tape::parts()): all of them, and what follows.
inline constexpr std::size_t all_parts = ~std::size_t{0};

/// The sequences of one pass, stacked (Sequences): inputs x [T, d_input], or token ids [T]. A pass that begins behind
/// the first parts of a model (Tape::parts()) reads their result [T, H], of the tape of the pass, instead.
struct Batch {
  Sequences sequences;
  std::span<const float> x = {};
  std::span<const std::int32_t> tokens = {};
  std::size_t parts_before = 0;
  Value entering = {};                ///< the result of so many parts; none: the pass begins at the input
  std::size_t parts_end = all_parts;  ///< behind so many parts the pass ends, and forward() gives their result

  [[nodiscard]] bool ends_early() const { return parts_end != all_parts; }
};

}  // namespace bitstate

// What tied_dropout drops, for whoever makes a table of what it reads.
#pragma once

#include "autograd/ops.h"

namespace bitstate::ops {

struct Dropout {
  const float* mask;        ///< [count, cols]: 0 or `kept`
  const std::size_t* rows;  ///< of each sequence
  std::size_t count;        ///< of the sequences
  float kept;               ///< 1 / (1 - p); 0 if the mask holds several factors
};

/// Calls row(t, mask) for each step t, with the mask [cols] of its sequence.
template <class Row>
void for_each_step(const Dropout& dropout, std::size_t cols, Row row) {
  std::size_t t = 0;
  for (std::size_t n = 0; n < dropout.count; ++n) {
    for (std::size_t k = 0; k < dropout.rows[n]; ++k, ++t) row(t, dropout.mask + n * cols);
  }
}

/// Of a node of tied_dropout; null for others.
[[nodiscard]] const Dropout* dropout_of(const Node& node);

}  // namespace bitstate::ops

// What tied_dropout drops, for whoever makes a table of what it reads.
#pragma once

#include "autograd/ops.h"

#include <algorithm>
#include <limits>

namespace bitstate::ops {

struct Dropout {
  const float* mask;        ///< [count, cols]: 0 or `kept`
  const std::size_t* rows;  ///< of each sequence
  std::size_t count;        ///< of the sequences
  float kept;               ///< 1 / (1 - p); 0 if the mask holds several factors
};

/// Calls part(rows, mask) for the rows of each sequence that are among `steps`, with its mask [cols].
template <class Part>
void for_each_sequence(const Dropout& dropout, std::size_t cols, RowRange steps, Part part) {
  std::size_t begin = 0;  // of sequence n
  for (std::size_t n = 0; n < dropout.count; ++n) {
    const std::size_t end = begin + dropout.rows[n];
    const std::size_t first = std::max(begin, steps.first);
    const std::size_t last = std::min(end, steps.first + steps.count);
    if (first < last) part(RowRange{first, last - first}, dropout.mask + n * cols);
    begin = end;
  }
}

/// Calls row(t, mask) for each step t of `steps`, with the mask [cols] of its sequence.
template <class Row>
void for_each_step(const Dropout& dropout, std::size_t cols, RowRange steps, Row row) {
  for_each_sequence(dropout, cols, steps, [&](RowRange rows, const float* mask) {
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) row(t, mask);
  });
}

/// Of all steps.
template <class Part>
void for_each_sequence(const Dropout& dropout, std::size_t cols, Part part) {
  for_each_sequence(dropout, cols, {0, std::numeric_limits<std::size_t>::max()}, part);
}
template <class Row>
void for_each_step(const Dropout& dropout, std::size_t cols, Row row) {
  for_each_step(dropout, cols, {0, std::numeric_limits<std::size_t>::max()}, row);
}

/// Of a node of tied_dropout; null for others.
[[nodiscard]] const Dropout* dropout_of(const Node& node);

}  // namespace bitstate::ops

// What tied_dropout drops, for whoever makes a table of what it reads.
#pragma once

#include "autograd/ops.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace bitstate::ops {

struct Dropout {
  const float* mask;        ///< [count, cols]: 0 or `kept`
  const std::size_t* rows;  ///< of each sequence
  std::size_t count;        ///< of the sequences
  const std::int8_t* bits;  ///< [count, cols]: all bits set where the mask is not 0
  float kept;               ///< 1 / (1 - p); 0 if the mask holds several factors
};

/// Calls part(n, rows) for each sequence n, with its rows that are among `steps`.
template <class Part>
void for_each_sequence(const Dropout& dropout, RowRange steps, Part part) {
  std::size_t begin = 0;  // of sequence n
  for (std::size_t n = 0; n < dropout.count; ++n) {
    const std::size_t end = begin + dropout.rows[n];
    const std::size_t first = std::max(begin, steps.first);
    const std::size_t last = std::min(end, steps.first + steps.count);
    if (first < last) part(n, RowRange{first, last - first});
    begin = end;
  }
}

/// Calls row(t, mask) for each step t of `steps`, with the mask [cols] of its sequence.
template <class Row>
void for_each_step(const Dropout& dropout, std::size_t cols, RowRange steps, Row row) {
  for_each_sequence(dropout, steps, [&](std::size_t n, RowRange rows) {
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) row(t, dropout.mask + n * cols);
  });
}

/// Of all steps.
template <class Row>
void for_each_step(const Dropout& dropout, std::size_t cols, Row row) {
  for_each_step(dropout, cols, {0, std::numeric_limits<std::size_t>::max()}, row);
}

/// to = the codes `from` of rows of x where the feature is kept, else 0. Rows of `from` are those from steps.first on;
/// both may be the same memory.
template <class Code>
void drop_codes(const Dropout& dropout, std::size_t cols, RowRange steps, const Code* from, std::size_t from_stride,
                Code* to, std::size_t to_stride) {
  for_each_sequence(dropout, steps, [&](std::size_t n, RowRange rows) {
    const std::int8_t* const __restrict bits = dropout.bits + n * cols;
    for (std::size_t t = rows.first - steps.first; t < rows.first - steps.first + rows.count; ++t) {
      const Code* const x = from + t * from_stride;
      Code* const y = to + t * to_stride;
      for (std::size_t c = 0; c < cols; ++c) y[c] = static_cast<Code>(x[c] & bits[c]);
    }
  });
}

/// Of a node of tied_dropout; null for others.
[[nodiscard]] const Dropout* dropout_of(const Node& node);

}  // namespace bitstate::ops

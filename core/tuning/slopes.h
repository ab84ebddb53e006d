// The derivative of a function that a program has as a table.
#pragma once

#include "core/program/instructions.h"

#include <cstdint>
#include <vector>

namespace bitstate::program {

/// Slopes times 2^shift, for each entry of a table.
struct Slopes {
  std::vector<std::int32_t> codes;  ///< [rows, n]
  unsigned shift = 0;
};

/// The slopes of the entries [rows, n] of a table: of the line with the least squared distance to each entry and its
/// neighbours in its row, max(1, n / 32) on each side or as many as there are (docs/numerics.md, section 13).
[[nodiscard]] Slopes slopes_of(const Matrix& entries);

}  // namespace bitstate::program

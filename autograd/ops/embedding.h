// Rows of a token table that have a scale each: a code is rounded from the few bits of the table, not from a number
// (docs/numerics.md, section 4).
#pragma once

#include "autograd/tape.h"
#include "core/grid.h"
#include "core/kernels/quantize.h"
#include "core/program/instructions.h"

#include <cstdint>

namespace bitstate::ops {

struct EmbeddingAttributes {
  const std::int32_t* ids;
};

/// The table of which `x` takes rows by token, where these are codes of up to 8 bits with a scale for each row; null
/// for any other x.
[[nodiscard]] const Node* table_of_codes(const Tape& tape, const Node& x);

/// What the codes of a symmetric grid are made of, from those of such a table.
[[nodiscard]] program::Levels levels_to(const Node& table, const Grid& grid);

/// The rows that x takes from such a table, made codes of that grid.
void round_by_token(Tape& tape, const Node& x, const program::Levels& levels, const kernels::QuantizedOutput& out);

}  // namespace bitstate::ops

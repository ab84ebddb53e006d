// A chain of functions of one code (GELU and dropout, sigmoid) as a table: of codes in the forward pass, of slopes in
// the backward pass.
#pragma once

#include "autograd/ops/dropout.h"
#include "core/grid.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace bitstate::ops {

/// Functions of one code, the first one applied first, and what of the results is dropped.
struct Chain {
  Value first;  ///< has the codes
  std::vector<const Elementwise*> functions = {};
  const Dropout* dropout = nullptr;
};

/// The chain that ends with x, where x is a table; nothing where a function in it is none of one number.
[[nodiscard]] std::optional<Chain> chain_of(const Tape& tape, Value x);

/// The codes that the beginning of a chain can have.
struct CodeLimits {
  std::int32_t lo;
  std::int32_t hi;
};

/// f and f' of every code of the chain's beginning at its scale, the factor of dropout included.
struct ChainValues {
  std::vector<float> values, slopes;
};
[[nodiscard]] ChainValues values_of(const Chain& chain, float scale, const CodeLimits& limits);

/// A table in place of a chain of functions of one code: y = table[code of `first`].
struct CodeTable {
  Value first;                    ///< what the chain begins with
  std::int32_t lo;                ///< its smallest code
  std::int32_t hi;                ///< its largest code
  const float* slopes;            ///< dy/dfirst by code, from lo on; 0 where the clamp did something
  const std::uint8_t* unclamped;  ///< bit k: the clamp did nothing to code lo + k
  const Dropout* dropout;         ///< at the end of the chain; null: none
  const std::int32_t* entries;    ///< codes of the result by code of `first`, from lo on
  const std::int8_t* bytes;       ///< [256] the same by the low byte of the code, as Kernels::lookup reads them
};

/// The largest and the smallest value that a table was asked for; 0 lies between them.
struct TableExtremes {
  float high = 0.0F;
  float low = 0.0F;
};

/// What tabulate() tells of the values before the rounding.
struct Wanted {
  TableExtremes* extremes = nullptr;  ///< null: nothing
  bool magnitude = false;             ///< the larger of the two is enough: the other may be nearer to 0 than it was
};

/// The table of a chain that is rounded to `grid`.
[[nodiscard]] const CodeTable* tabulate(Tape& tape, const Chain& chain, const CodeLimits& limits, const Grid& grid,
                                        const Wanted& wanted);

/// Rows of the result of a table with `cols` columns; row 0 of `y` is rows.first.
void look_up(Tape& tape, const CodeTable& table, std::size_t cols, RowRange rows, const program::MutableCodes& y);

/// Multiplies the gradient of a table's result with the slopes.
void follow_table(Tape& tape, const Node& node, const CodeTable& table);

/// How many values of a table's result were clamped.
[[nodiscard]] std::uint64_t count_clamped(Tape& tape, const Node& node, const CodeTable& table);

}  // namespace bitstate::ops

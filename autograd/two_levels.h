// Codes of few bits whose scale belongs to a row and a group of columns, as 8-bit codes with a scale per row
// (docs/numerics.md, section 2).
#pragma once

#include "autograd/quantizer.h"
#include "core/grid.h"
#include "core/kernels/quantize.h"
#include "core/program/instructions.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate {

/// The largest magnitude of each group of columns of each row: [rows, groups]. A NaN or an infinity stays in it.
std::vector<float> group_maxima(const Quantizer& site, std::span<const float> weight);

/// The two levels of a weight's scales.
struct TwoLevels {
  std::vector<float> row_scales;  ///< of the 8-bit codes
  program::Levels levels;         ///< what 8-bit codes are made of

  /// From a range for each row and group.
  TwoLevels(const Quantizer& site, std::span<const float> ranges);

  /// The number that a code of few bits stands for.
  [[nodiscard]] float shadow(std::size_t cols, std::size_t row, std::size_t col, std::int32_t code) const {
    return static_cast<float>(levels.code_of(code, levels.step(cols, row, col))) * row_scales[row];
  }
  /// The grid of the codes of few bits.
  [[nodiscard]] Grid grid(std::size_t row, std::size_t group) const;
};

/// A weight to 8-bit codes at the scales of the rows.
void quantize(const TwoLevels& scales, std::size_t cols, std::span<const float> weight,
              const kernels::QuantizedOutput& out);

/// The levels of a weight whose site has them: of its kept ranges, or of those of the weight itself.
TwoLevels two_levels_of(const Quantizer& site, std::span<const float> weight);

}  // namespace bitstate

// Operands of instructions as the kernels read them: rows of constants filled up to whole vectors, factors, weights.
// They live in an arena, so that a program keeps them as long as it is, and a training pass until the next one.
#pragma once

#include "core/arena.h"
#include "core/fixed_point.h"
#include "core/kernels/hadamard.h"
#include "core/program/instructions.h"
#include "core/program/run/kernels.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bitstate::program {

/// The smallest width that holds the codes from `lo` to `hi`.
[[nodiscard]] Width width_of(std::int64_t lo, std::int64_t hi);

/// `row`, filled up with 0 to a multiple of row_multiple.
[[nodiscard]] const std::int32_t* padded_row(Arena& arena, std::span<const std::int32_t> row);

/// One factor, or one per column, whose results fit 32 bits.
[[nodiscard]] Factors factors_of(Arena& arena, std::span<const FixedPoint> factors, std::size_t cols);

/// What a rescale of codes from `x_lo` to `x_hi` does: one element, or one per column.
struct RescaleSpec {
  std::span<const FixedPoint> factors;
  std::span<const std::int32_t> lo, hi;
  std::int64_t x_lo, x_hi;
};
[[nodiscard]] Rescaling rescaling_of(Arena& arena, const RescaleSpec& spec, std::size_t cols);

/// A matrix of codes and the bias of each row.
struct WeightSpec {
  Codes codes;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::span<const std::int32_t> bias;
};
/// The weights for codes x of `width`, which is that of the wider operand; unpacked, so that they are made and read
/// fast.
[[nodiscard]] Products products_of(Arena& arena, const WeightSpec& weights, Width width);
/// The same in the fewest bits that hold the weights, so that they take little memory.
[[nodiscard]] Products packed_products_of(Arena& arena, const WeightSpec& weights, Width width);

/// Rows of a table in the fewest bits that hold its codes.
class PackedRows {
 public:
  PackedRows(Arena& arena, std::span<const std::int32_t> codes, std::size_t cols);
  void read(std::size_t row, const MutableCodes& y, std::size_t y_row) const;

 private:
  std::size_t cols_;
  bool nibbles_ = false;
  Codes codes_{};  // of nibbles, `stride` counts bytes
};

/// Weights [cols, taps] and biases of a convolution.
[[nodiscard]] Window window_of(Arena& arena, const Codes& weight, std::size_t cols, std::size_t taps,
                               std::span<const std::int32_t> bias, bool backward);
/// The last taps - 1 rows of those that were kept and of `rows` of x after them, into `kept` [taps - 1, cols].
void keep_window(const Window& w, std::size_t cols, std::size_t rows, const Codes& x, std::int32_t* kept);

/// Rows of H x, the columns of each in 32 bits.
void rotate(const Hadamard& hadamard, std::size_t rows, const Codes& x, const MutableCodes& y);

/// Constants of a selective scan of `cols` channels.
[[nodiscard]] Selective selective_of(Arena& arena, const SelectiveScan& scan, std::size_t cols);

}  // namespace bitstate::program

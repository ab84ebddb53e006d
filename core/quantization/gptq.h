// Rounding of a weight whose later columns make up for the errors of the earlier ones: GPTQ (Frantar et al. 2022), with
// a scale per row and group of columns (docs/numerics.md, "Quamba's transforms").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate {

struct GptqOptions {
  int bits = 4;             ///< 2 to 8
  std::size_t group = 128;  ///< columns that share a scale
  double damping = 0.01;    ///< of the mean of the Hessian's diagonal, added to it
  double edge = 0.5;        ///< the largest magnitude is so many codes beyond the largest code
  bool symmetric = false;   ///< codes begin at -2^(bits - 1) + 1
  bool one_scale = false;   ///< of the whole weight, before its first column is rounded; no groups
};

/// A weight [rows, cols] of codes -2^(bits - 1) ... 2^(bits - 1) - 1.
struct GroupedCodes {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t group = 0;
  std::vector<std::int8_t> codes;  ///< [rows, cols]
  std::vector<double> scales;      ///< [groups, rows], positive

  [[nodiscard]] double scale(std::size_t row, std::size_t col) const { return scales[col / group * rows + row]; }
  [[nodiscard]] double value(std::size_t row, std::size_t col) const {
    return codes[row * cols + col] * scale(row, col);
  }
};

/// The Hessian of a linear map's squared error, 2 / n times the sum of x x^T over n inputs x.
class LinearHessian {
 public:
  explicit LinearHessian(std::size_t inputs) : inputs_(inputs), sum_(inputs * inputs, 0.0) {}

  /// Adds rows of inputs. Throws Error where they are no whole number of rows or not finite.
  void add(std::span<const float> x);
  /// [inputs, inputs]; zeros before the first row.
  [[nodiscard]] std::vector<double> matrix() const;

 private:
  std::size_t inputs_;
  std::size_t count_ = 0;
  std::vector<double> sum_;  // above the diagonal and on it
};

/// The upper U with H^-1 = U^T U of a symmetric H [n, n]. Throws Error where H is not positive definite.
std::vector<double> inverse_factor(std::span<const double> hessian, std::size_t n);

/// Each number to its nearest code. Throws Error where a weight is not finite or the sizes do not fit.
GroupedCodes round_to_nearest(std::span<const double> weight, std::size_t cols, const GptqOptions& options);

/// Columns in their order: each is rounded to its nearest code, and its error is spread over the later ones so that
/// W x changes least for inputs of this Hessian [cols, cols]. An input that is always 0 gets the code 0. Throws as
/// round_to_nearest(), and Error where the damped Hessian is not positive definite.
GroupedCodes gptq(std::span<const double> weight, std::span<const double> hessian, std::size_t cols,
                  const GptqOptions& options);

/// Codes of few bits as 8-bit codes that have a scale per row alone, so that products of 8 bits compute with them.
struct TwoLevelCodes {
  std::vector<double> row_scales;   ///< [rows]
  std::vector<std::int8_t> codes8;  ///< [rows, cols], -127 ... 127
};

/// codes8 = rint(code scale / row_scale), row_scale = max |code scale| / 127 of the row, 1 for a row of zeros. Those of
/// a row and group are a function of the few-bit code: a table of 16 entries for 4 bits.
TwoLevelCodes two_levels(const GroupedCodes& weight);

}  // namespace bitstate

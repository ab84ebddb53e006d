// LayerNorm on codes (docs/numerics.md, section 5).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitstate::kernels {

/// Constants of one integer LayerNorm over `cols` channels.
struct IntegerNorm {
  std::size_t cols;
  const std::int32_t* scale;  ///< codes of gamma [cols]
  const std::int32_t* bias;   ///< codes of beta at the scale of the result [cols]
  int fraction;               ///< F: p = n / sqrt(H) has so many fraction bits
  std::int64_t epsilon;       ///< E
};

/// p = (d rho + 2^(k-1)) >> k
struct NormFactor {
  std::int64_t inverse;  ///< rho, at most 2^30
  int shift;             ///< k
};

/// rho and k of a row with W = `w`, 1 <= w <= 2^61, and F = `fraction`.
[[nodiscard]] NormFactor norm_factor(std::int64_t w, int fraction);

/// y [rows, cols] from codes x [rows, cols]. `sum` and `spread` [rows] get S = sum of x and W = sum of (H x - S)^2 + E.
void layer_norm_integer(const IntegerNorm& norm, std::size_t rows, const std::int32_t* x, std::int32_t* y,
                        std::int64_t* sum, std::int64_t* spread);

}  // namespace bitstate::kernels

// Eigenvalues whose stored numbers are the multipliers of the recurrence: form=delta (docs/numerics.md, section 6).
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <vector>

namespace bitstate::kernels {

/// The points alpha (1 + m_r 2^-k_r + i m_i 2^-k_i) inside the unit disk, with alpha of {1, i, -1, -i},
/// |m| <= 2^(bits - 1) - 1 and 0 <= k <= 15.
class DeltaPoints {
 public:
  /// `bits` from 2 to 16.
  explicit DeltaPoints(int bits);

  /// The point nearest to z, which is first scaled to modulus 1 where its modulus is larger, in units of 2^-15: two
  /// codes of 16 bits. Of equally near ones that of the first alpha, then the one with the smaller m_i 2^-k_i, then m_r
  /// 2^-k_r.
  [[nodiscard]] std::array<std::int32_t, 2> nearest(std::complex<double> z) const;

 private:
  std::vector<std::int32_t> steps_;  // m 2^(15 - k), in order, each once
};

/// Those of a number of bits, made once.
const DeltaPoints& delta_points(int bits);

}  // namespace bitstate::kernels

// The nearest codes of form=shear, and its recurrence in the coordinates of the complex one (docs/numerics.md, section
// 6).
#pragma once

#include "autograd/kernels/scan.h"
#include "core/shear.h"

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate::kernels {

/// The codes nearest to z, of decays m 2^-k with m < 2^magnitude and steps n 2^-j with |n| < 2^(bits - 1): first the
/// decay nearest to that of the modulus, which is at most 1, then the angle. With conj_sym those of the half below the
/// real axis. `bits` from 2 to 16, `magnitude` from 1 to 15.
[[nodiscard]] Shear nearest_shear(std::complex<double> z, int bits, int magnitude, bool conj_sym);

/// Of w = T z: T = [[1, 0], [p, q]].
struct ShearCoordinates {
  double p, q;
  explicit ShearCoordinates(const Shear& shear);
};

/// Those of each state, from the first rows of their matrices, [g A | g E] in units of 2^-15.
[[nodiscard]] std::vector<ShearCoordinates> coordinates_of(std::span<const std::int32_t> codes);

/// The eigenvalue.
[[nodiscard]] std::complex<double> eigenvalue_of(const Shear& shear);

/// As ScanAdjoint, of the recurrence of a shear; `map` has its `shear`, and `coordinates` are of its states. g_l
/// becomes the gradient of v_l. What is added to the gradient of lambda is that of the complex recurrence.
class ShearAdjoint {
 public:
  ShearAdjoint(const PairMap<float>& map, std::span<const ShearCoordinates> coordinates, float* dlambda);
  void step(float* g, const std::uint8_t* unclamped);
  void add_lambda(const float* before);

 private:
  std::size_t states_;
  PairMap<float> map_;
  float* dlambda_;
  std::vector<float> p_, q_;  // of T
  const float* s_ = nullptr;  // of the step at hand
};

}  // namespace bitstate::kernels

// An eigenvalue of form=shear: the numbers that a device stores and multiplies by (docs/numerics.md, section 6).
#pragma once

#include <cstdint>

namespace bitstate {

/// The recurrence x' = g (x - m 2^-k x - n 2^-j y) + v_x, y' = g (y - m 2^-k y) + n 2^-j x' + v_y of a pair of numbers.
struct Shear {
  static constexpr int fraction = 15;  ///< the numbers below are in units of 2^-15
  static constexpr std::int32_t one = 1 << fraction;
  static constexpr std::int32_t most_decay = one / 4 * 3;

  std::int32_t sign = 1;         ///< g
  std::int32_t decay = 1;        ///< m
  std::int32_t decay_shift = 1;  ///< k, 0 to 15
  std::int32_t step = 0;         ///< n
  std::int32_t step_shift = 0;   ///< j, 0 to 15

  /// g A and g E, the first row of the matrix.
  [[nodiscard]] constexpr std::int32_t straight() const {
    return sign * (one - decay * (1 << (fraction - decay_shift)));
  }
  [[nodiscard]] constexpr std::int32_t crossed() const { return sign * turn(); }
  /// E
  [[nodiscard]] constexpr std::int32_t turn() const { return step * (1 << (fraction - step_shift)); }

  /// Whether E^2 < 2^17 A: the eigenvalues are a pair of modulus A.
  static constexpr bool turns(std::int64_t straight, std::int64_t turn) {
    return turn * turn < (straight < 0 ? -straight : straight) * (std::int64_t{1} << 17);
  }
  /// That of the first row of its matrix, with odd m and n.
  static constexpr Shear of(std::int32_t straight, std::int32_t crossed) {
    const std::int32_t g = straight < 0 ? -1 : 1;
    const auto [m, k] = odd_part(one - g * straight);
    const auto [n, j] = odd_part(g * crossed);
    return {g, m, k, n, j};
  }

  bool operator==(const Shear&) const = default;

  struct Part {
    std::int32_t odd, shift;
  };
  /// v = odd 2^(15 - shift); 0 is 0 2^15.
  static constexpr Part odd_part(std::int32_t v) {
    Part part{v, fraction};
    while (part.shift > 0 && part.odd % 2 == 0) {
      part.odd /= 2;
      --part.shift;
    }
    return part;
  }
};

}  // namespace bitstate

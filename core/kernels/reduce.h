// Sums with a fixed order: sixteen partial sums, then a fixed tree. The order does not depend on alignment or on the compiler.
#pragma once

#include <cstddef>

namespace bitstate::kernels {

/// Sum of f(i) for i < n.
template <class F>
inline float sum_of(std::size_t n, F f) {
  constexpr std::size_t width = 16;
  float partial[width] = {};
  std::size_t i = 0;
  for (; i + width <= n; i += width) {
    for (std::size_t k = 0; k < width; ++k) partial[k] += f(i + k);
  }
  for (std::size_t k = 0; i < n; ++i, ++k) partial[k] += f(i);
  for (std::size_t half = width / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) partial[k] += partial[k + half];
  }
  return partial[0];
}

}  // namespace bitstate::kernels

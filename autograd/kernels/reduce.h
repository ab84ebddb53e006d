// Sums whose order the binary fixes: the loop is vectorised by sixteen, never by the sizes of caches or the number of
// threads.
#pragma once

#include <cstddef>

namespace bitstate::kernels {

/// Sum of f(i) for i < n, in sixteen partial sums.
template <class F>
inline float sum_of(std::size_t n, F f) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum) simdlen(16)
  for (std::size_t i = 0; i < n; ++i) sum += f(i);
  return sum;
}

}  // namespace bitstate::kernels

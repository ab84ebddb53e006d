// Single-threaded matrix products on row-major arrays. They throw std::bad_alloc where memory for blocks is missing.
#pragma once

#include <cstddef>

namespace bitstate::kernels {

/// Lets oneDNN generate its loops. It would do so at the first product, and end the program if memory for them is
/// missing then. To be called before threads and models take theirs. Throws std::bad_alloc.
void prepare_products();

/// y[m, n] = x[m, k] w[n, k]^T
void multiply_nt(std::size_t m, std::size_t n, std::size_t k, const float* x, const float* w, float* y);

/// y[m, k] = g[m, n] w[n, k]
void multiply_nn(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y);

/// y[m, k] += g[m, n] w[n, k]
void multiply_nn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y);

/// w[n, k] += g[m, n]^T x[m, k]
void multiply_tn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* x, float* w);

}  // namespace bitstate::kernels

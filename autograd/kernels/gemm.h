// Single-threaded matrix products on row-major arrays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitstate::kernels {

/// y[m, n] = x[m, k] w[n, k]^T
void multiply_nt(std::size_t m, std::size_t n, std::size_t k, const float* x, const float* w, float* y);

/// y[m, k] = g[m, n] w[n, k]
void multiply_nn(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y);

/// y[m, k] += g[m, n] w[n, k]
void multiply_nn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y);

/// w[n, k] += g[m, n]^T x[m, k]
void multiply_tn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* x, float* w);

}  // namespace bitstate::kernels

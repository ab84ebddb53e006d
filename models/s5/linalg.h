// Dense linear algebra that initial values need, once for a model and never while it runs.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

namespace bitstate {

/// Eigenvalues and eigenvectors of a Hermitian matrix M [n, n]: M = V diag(w) Vᴴ.
struct HermitianEigen {
  std::vector<double> values;                 ///< w [n], ascending
  std::vector<std::complex<double>> vectors;  ///< V [n, n], row-major; column j belongs to values[j]
};

/// Decomposes the row-major Hermitian `matrix` [n, n]. Only its lower triangle and the real part of its diagonal are
/// read. The phase of each eigenvector is arbitrary. Throws Error if the size is wrong or the iteration does not
/// converge.
HermitianEigen hermitian_eigen(const std::vector<std::complex<double>>& matrix, std::size_t n);

}  // namespace bitstate

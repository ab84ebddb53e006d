#include "models/s5/linalg.h"

#include "core/error.h"

// GCC 12 sees uninitialised reads inside its own AVX-512 intrinsics once Eigen's complex packets are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <Eigen/Eigenvalues>

namespace bitstate {

HermitianEigen hermitian_eigen(const std::vector<std::complex<double>>& matrix, std::size_t n) {
  using Matrix = Eigen::Matrix<std::complex<double>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  require(n > 0 && matrix.size() == n * n, "hermitian_eigen", "the matrix has {} entries, but {} x {} are needed",
          matrix.size(), n, n);

  const auto side = static_cast<Eigen::Index>(n);
  Matrix lower = Eigen::Map<const Matrix>(matrix.data(), side, side);
  lower.diagonal() = lower.diagonal().real().cast<std::complex<double>>().eval();
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(lower);
  require(solver.info() == Eigen::Success, "hermitian_eigen", "the solver did not converge for a matrix of size {}", n);

  HermitianEigen eigen{std::vector<double>(n), std::vector<std::complex<double>>(n * n)};
  Eigen::Map<Eigen::VectorXd>(eigen.values.data(), side) = solver.eigenvalues();
  Eigen::Map<Matrix>(eigen.vectors.data(), side, side) = solver.eigenvectors();
  return eigen;
}

}  // namespace bitstate

#include "autograd/kernels/gemm.h"

#include <Eigen/Core>

namespace bitstate::kernels {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
Eigen::Map<const Matrix<T>> view(const T* data, std::size_t rows, std::size_t cols) {
  return {data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)};
}

template <class T>
Eigen::Map<Matrix<T>> view(T* data, std::size_t rows, std::size_t cols) {
  return {data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)};
}

}  // namespace

void multiply_nt(std::size_t m, std::size_t n, std::size_t k, const float* x, const float* w, float* y) {
  view(y, m, n).noalias() = view(x, m, k) * view(w, n, k).transpose();
}

void multiply_nn(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y) {
  view(y, m, k).noalias() = view(g, m, n) * view(w, n, k);
}

void multiply_nn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y) {
  view(y, m, k).noalias() += view(g, m, n) * view(w, n, k);
}

void multiply_tn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* x, float* w) {
  view(w, n, k).noalias() += view(g, m, n).transpose() * view(x, m, k);
}

}  // namespace bitstate::kernels

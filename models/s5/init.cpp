#include "models/s5/init.h"

#include "core/error.h"
#include "core/random.h"
#include "models/layers/init.h"
#include "models/s5/linalg.h"

#include <cmath>
#include <string>

namespace bitstate {
namespace {

using Complex = std::complex<double>;

/// Row-major complex matrix, for the products of this file.
struct Matrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<Complex> data;

  Matrix(std::size_t rows_, std::size_t cols_) : rows(rows_), cols(cols_), data(rows_ * cols_) {}
  Complex& operator()(std::size_t r, std::size_t c) { return data[r * cols + c]; }
  const Complex& operator()(std::size_t r, std::size_t c) const { return data[r * cols + c]; }
};

Matrix product(const Matrix& left, const Matrix& right) {
  Matrix out(left.rows, right.cols);
  for (std::size_t i = 0; i < left.rows; ++i) {
    for (std::size_t k = 0; k < left.cols; ++k) {
      const Complex factor = left(i, k);
      if (factor == Complex{}) continue;  // V is block diagonal
      for (std::size_t j = 0; j < right.cols; ++j) out(i, j) += factor * right(k, j);
    }
  }
  return out;
}

Matrix matrix_of(const std::vector<Complex>& data, std::size_t rows, std::size_t cols) {
  Matrix out(rows, cols);
  out.data = data;
  return out;
}

/// [2r, c]: the real rows, then the imaginary rows.
Tensor planar_rows(const Matrix& matrix) {
  Tensor out(2 * matrix.rows, matrix.cols);
  for (std::size_t k = 0; k < matrix.data.size(); ++k) {
    out.data[k] = static_cast<float>(matrix.data[k].real());
    out.data[matrix.data.size() + k] = static_cast<float>(matrix.data[k].imag());
  }
  return out;
}

/// [r, 2c]: the real columns, then the imaginary columns.
Tensor planar_columns(const Matrix& matrix) {
  Tensor out(matrix.rows, 2 * matrix.cols);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    for (std::size_t c = 0; c < matrix.cols; ++c) {
      out(r, c) = static_cast<float>(matrix(r, c).real());
      out(r, matrix.cols + c) = static_cast<float>(matrix(r, c).imag());
    }
  }
  return out;
}

/// B = V⁻¹ W with W [P_full, H] real, variance 1 / P_full: S5's fan-in of W is its first axis.
Tensor draw_B(const S5Sizes& sizes, const BlockHippo& basis, const Random& random) {
  Matrix W(sizes.P_full, sizes.H);
  const double factor = truncated_normal_factor(1.0 / static_cast<double>(sizes.P_full));
  for (std::size_t k = 0; k < W.data.size(); ++k) W.data[k] = factor * random.truncated_normal(k);
  return planar_rows(product(matrix_of(basis.Vinv, basis.P, basis.P_full), W));
}

/// Draws re and im of element k at the indices 2k and 2k + 1.
Tensor draw_C(const S5Sizes& sizes, const BlockHippo& basis, const Random& random) {
  const auto H = static_cast<double>(sizes.H);
  const auto P_full = static_cast<double>(sizes.P_full);
  if (sizes.C_init == CInit::complex_normal) {
    Matrix C(sizes.H, basis.P);
    for (std::size_t k = 0; k < C.data.size(); ++k) {
      C.data[k] = std::sqrt(0.5) * Complex(random.normal(2 * k), random.normal(2 * k + 1));
    }
    return planar_columns(C);
  }
  const double fan_in = sizes.C_init == CInit::lecun_normal ? H * P_full : P_full;
  const double factor = truncated_normal_factor(1.0 / fan_in);
  Matrix C(sizes.H, sizes.P_full);
  for (std::size_t k = 0; k < C.data.size(); ++k) {
    C.data[k] = factor * Complex(random.truncated_normal(2 * k), random.truncated_normal(2 * k + 1));
  }
  return planar_columns(product(C, matrix_of(basis.V, basis.P_full, basis.P)));
}

void check_blocks(std::size_t P_full, std::size_t blocks, bool conj_sym) {
  require<UsageError>(P_full > 0, "ssm_size_base", "expected at least 1 state, got 0");
  require<UsageError>(blocks > 0 && P_full % blocks == 0, "blocks",
                      "expected a divisor of ssm_size_base = {1}, got \"{0}\"", blocks, P_full);
  require<UsageError>(
      !conj_sym || (P_full / blocks) % 2 == 0, "blocks",
      "ssm_size_base = {} in {} blocks gives blocks of odd size {}; conj_sym keeps half of each, so the "
      "size must be even",
      P_full, blocks, P_full / blocks);
}

}  // namespace

Hippo hippo(std::size_t n) {
  require<UsageError>(n > 0, "hippo", "expected an order of at least 1, got 0");
  Hippo out;
  out.n = n;
  out.A.resize(n * n);
  out.S.resize(n * n);
  out.p.resize(n);
  out.b.resize(n);
  std::vector<Complex> hermitian(n * n);  // -iK
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(i);
    out.p[i] = std::sqrt(x + 0.5);
    out.b[i] = std::sqrt(2.0 * x + 1.0);
    for (std::size_t k = 0; k < n; ++k) {
      const double coupling = std::sqrt((2.0 * x + 1.0) * (2.0 * static_cast<double>(k) + 1.0));
      const std::size_t at = i * n + k;
      if (i > k) out.A[at] = -coupling;
      if (i == k) out.A[at] = -(x + 1.0);
      out.S[at] = i == k ? -0.5 : (i > k ? -0.5 : 0.5) * coupling;
      if (i != k) hermitian[at] = Complex(0.0, -out.S[at]);
    }
  }

  const HermitianEigen eigen = hermitian_eigen(hermitian, n);
  out.V = eigen.vectors;
  out.Lambda.resize(n);
  for (std::size_t j = 0; j < n; ++j) {
    out.Lambda[j] = Complex(-0.5, eigen.values[j]);
    const Complex first = eigen.vectors[j];
    const Complex phase = std::conj(first) / std::abs(first);
    for (std::size_t i = 0; i < n; ++i) out.V[i * n + j] *= phase;
    out.V[j] = std::abs(first);
  }
  return out;
}

BlockHippo block_hippo(std::size_t P_full, std::size_t blocks, bool conj_sym) {
  check_blocks(P_full, blocks, conj_sym);
  const std::size_t order = P_full / blocks;
  const std::size_t kept = conj_sym ? order / 2 : order;
  const Hippo block = hippo(order);
  BlockHippo out;
  out.P_full = P_full;
  out.P = kept * blocks;
  out.V.resize(out.P_full * out.P);
  out.Vinv.resize(out.P * out.P_full);
  for (std::size_t copy = 0; copy < blocks; ++copy) {
    for (std::size_t j = 0; j < kept; ++j) {
      const std::size_t state = copy * kept + j;
      out.Lambda.push_back(block.Lambda[j]);
      for (std::size_t i = 0; i < order; ++i) {
        const Complex value = block.V[i * order + j];
        out.V[(copy * order + i) * out.P + state] = value;
        out.Vinv[state * out.P_full + copy * order + i] = std::conj(value);
      }
    }
  }
  return out;
}

CInit c_init_of(std::string_view name) {
  if (name == "trunc_standard_normal") return CInit::trunc_standard_normal;
  if (name == "lecun_normal") return CInit::lecun_normal;
  if (name == "complex_normal") return CInit::complex_normal;
  fail<UsageError>("C_init", "expected trunc_standard_normal, lecun_normal or complex_normal, got \"{}\"", name);
}

void check(const S5Sizes& sizes) {
  require<UsageError>(sizes.H > 0, "d_model", "expected at least 1 feature, got 0");
  check_blocks(sizes.P_full, sizes.blocks, sizes.conj_sym);
  require<UsageError>(std::isfinite(sizes.dt_min) && sizes.dt_min > 0.0, "dt_min", "expected a positive number, got {}",
                      sizes.dt_min);
  require<UsageError>(std::isfinite(sizes.dt_max) && sizes.dt_max >= sizes.dt_min, "dt_max",
                      "expected a finite number of at least dt_min = {1}, got {0}", sizes.dt_max, sizes.dt_min);
}

S5Init s5_init(const S5Sizes& sizes, std::uint64_t seed, std::string_view path) {
  check(sizes);
  const auto source = [&](std::string_view leaf) {
    return Random{seed, random_stream(std::string(path).append(".").append(leaf))};
  };
  const BlockHippo basis = block_hippo(sizes.P_full, sizes.blocks, sizes.conj_sym);
  S5Init out;
  out.Lambda_re = Tensor(1, basis.P);
  out.Lambda_im = Tensor(1, basis.P);
  out.log_step = Tensor(1, basis.P);
  out.D = Tensor(1, sizes.H);

  const Random steps = source("log_step");
  const double log_min = std::log(sizes.dt_min);
  const double log_max = std::log(sizes.dt_max);
  for (std::size_t j = 0; j < basis.P; ++j) {
    out.Lambda_re.data[j] = static_cast<float>(basis.Lambda[j].real());
    out.Lambda_im.data[j] = static_cast<float>(basis.Lambda[j].imag());
    out.log_step.data[j] = static_cast<float>(log_min + (log_max - log_min) * steps.uniform(j));
  }
  const Random feed = source("D");
  for (std::size_t h = 0; h < sizes.H; ++h) out.D.data[h] = static_cast<float>(feed.normal(h));

  out.B = draw_B(sizes, basis, source("B"));
  if (sizes.bidirectional) {
    out.C.push_back(draw_C(sizes, basis, source("C1")));
    out.C.push_back(draw_C(sizes, basis, source("C2")));
  } else {
    out.C.push_back(draw_C(sizes, basis, source("C")));
  }
  return out;
}

}  // namespace bitstate

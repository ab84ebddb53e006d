#include "core/error.h"
#include "core/random.h"
#include "models/s5/init.h"
#include "models/s5/linalg.h"
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::s5_init_test {
namespace {

using Complex = std::complex<double>;
using Vector = std::vector<Complex>;

constexpr double exact = 1e-9;

/// left [r, n] times right [n, c].
Vector multiply(const Vector& left, const Vector& right, std::size_t n) {
  const std::size_t rows = left.size() / n;
  const std::size_t cols = right.size() / n;
  Vector out(rows * cols);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < cols; ++j) out[i * cols + j] += left[i * n + k] * right[k * cols + j];
    }
  }
  return out;
}

Vector adjoint(const Vector& matrix, std::size_t cols) {
  const std::size_t rows = matrix.size() / cols;
  Vector out(matrix.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) out[j * rows + i] = std::conj(matrix[i * cols + j]);
  }
  return out;
}

Vector identity(std::size_t n) {
  Vector out(n * n);
  for (std::size_t i = 0; i < n; ++i) out[i * n + i] = 1.0;
  return out;
}

Vector complex_of(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// B [2P, H] as complex [P, H].
Vector from_planar_rows(const Tensor& planar) {
  const std::size_t half = planar.size() / 2;
  Vector out(half);
  for (std::size_t k = 0; k < half; ++k) out[k] = {planar.data[k], planar.data[half + k]};
  return out;
}

/// C [H, 2P] as complex [H, P].
Vector from_planar_columns(const Tensor& planar) {
  const std::size_t half = planar.cols / 2;
  Vector out;
  for (std::size_t r = 0; r < planar.rows; ++r) {
    for (std::size_t c = 0; c < half; ++c) out.emplace_back(planar(r, c), planar(r, half + c));
  }
  return out;
}

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
  double largest = 0.0;
};

Moments moments_of(const std::vector<double>& values) {
  Moments out;
  for (const double value : values) {
    out.mean += value / static_cast<double>(values.size());
    out.variance += value * value / static_cast<double>(values.size());
    out.largest = std::max(out.largest, std::abs(value));
  }
  out.variance -= out.mean * out.mean;
  return out;
}

std::vector<double> parts_of(const Vector& values, bool imaginary) {
  std::vector<double> out;
  for (const Complex value : values) out.push_back(imaginary ? value.imag() : value.real());
  return out;
}

/// Checks zero mean and the variance within five standard errors of n independent draws.
void check_moments(const std::vector<double>& values, double variance) {
  const Moments moments = moments_of(values);
  const double share = 5.0 / std::sqrt(static_cast<double>(values.size()));
  CHECK(std::abs(moments.mean) < share * std::sqrt(variance));
  CHECK(std::abs(moments.variance / variance - 1.0) < share * std::sqrt(2.0));
}

/// The bound of a normal truncated at two, scaled to `variance`.
double truncation(double variance) { return 2.0 / 0.87962566103423978 * std::sqrt(variance) + 1e-5; }

S5Sizes small_sizes() {
  S5Sizes sizes;
  sizes.H = 48;
  sizes.P_full = 64;
  sizes.blocks = 4;
  return sizes;
}

TEST_CASE("hermitian_eigen: decomposes a random Hermitian matrix and reads only its lower triangle") {
  constexpr std::size_t n = 13;
  const Random random{3, 1};
  Vector matrix(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const std::size_t at = i * n + j;
      matrix[at] = {random.normal(2 * at), i == j ? 0.0 : random.normal(2 * at + 1)};
      matrix[j * n + i] = std::conj(matrix[at]);
    }
  }
  const HermitianEigen eigen = hermitian_eigen(matrix, n);
  CHECK(std::is_sorted(eigen.values.begin(), eigen.values.end()));
  Vector scaled = eigen.vectors;
  for (std::size_t k = 0; k < scaled.size(); ++k) scaled[k] *= eigen.values[k % n];
  CHECK(relative_error(multiply(scaled, adjoint(eigen.vectors, n), n), matrix) < 1e-13);
  CHECK(relative_error(multiply(adjoint(eigen.vectors, n), eigen.vectors, n), identity(n)) < 1e-13);

  Vector lower = matrix;
  for (std::size_t i = 0; i < n; ++i) {
    lower[i * n + i] += Complex(0.0, 9.0);
    for (std::size_t j = i + 1; j < n; ++j) lower[i * n + j] = 1e9;
  }
  CHECK(hermitian_eigen(lower, n).values == eigen.values);
  CHECK_THROWS_AS(hermitian_eigen(matrix, n + 1), Error);
}

TEST_CASE("hippo: A, p, b, S, Lambda, V and the projections of b and p are the reference's") {
  const Golden golden;
  const auto groups = golden.groups(GoldenKind::hippo);
  REQUIRE(!groups.empty());
  for (const auto& name : groups) {
    CAPTURE(name);
    const std::string group = name + "/";
    const std::size_t n = golden.array(group + "A").shape.at(0);
    const Hippo got = hippo(n);
    CHECK(relative_error(got.A, golden.array(group + "A").values) <= exact);
    CHECK(relative_error(got.p, golden.array(group + "p").values) <= exact);
    CHECK(relative_error(got.b, golden.array(group + "b").values) <= exact);
    CHECK(relative_error(got.S, golden.array(group + "S").values) <= exact);
    CHECK(relative_error(got.Lambda, golden.array(group + "Lambda").complex_values()) <= exact);
    CHECK(relative_error(got.V, golden.array(group + "V").complex_values()) <= exact);
    const Vector Vh = adjoint(got.V, n);
    CHECK(relative_error(multiply(Vh, complex_of(got.b), n), golden.array(group + "Vh_b").complex_values()) <= exact);
    CHECK(relative_error(multiply(Vh, complex_of(got.p), n), golden.array(group + "Vh_p").complex_values()) <= exact);
  }
}

TEST_CASE("hippo: V is unitary, diagonalises S = A + p pT, and its first row is positive") {
  for (const std::size_t n : {1U, 2U, 3U, 16U, 64U, 128U}) {
    CAPTURE(n);
    const Hippo got = hippo(n);
    CHECK(relative_error(multiply(adjoint(got.V, n), got.V, n), identity(n)) < 1e-12);
    Vector scaled = got.V;
    for (std::size_t k = 0; k < scaled.size(); ++k) scaled[k] *= got.Lambda[k % n];
    CHECK(relative_error(multiply(scaled, adjoint(got.V, n), n), complex_of(got.S)) < 1e-12);
    std::vector<double> sum = got.A;
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += got.p[k / n] * got.p[k % n];
    CHECK(relative_error(sum, got.S) < 1e-12);
    for (std::size_t j = 0; j < n; ++j) CHECK((got.V[j].real() > 0.0 && got.V[j].imag() == 0.0));
  }
}

TEST_CASE("hippo: the published eigenvalues of orders 4, 8 and 64") {
  const auto check_values = [](std::size_t n, const std::vector<double>& expected) {
    const Hippo got = hippo(n);
    for (std::size_t j = 0; j < expected.size(); ++j) {
      CHECK(got.Lambda[j].real() == -0.5);
      CHECK(got.Lambda[j].imag() == doctest::Approx(-expected[j]).epsilon(1e-8));
      CHECK(got.Lambda[n - 1 - j].imag() == doctest::Approx(expected[j]).epsilon(1e-8));
    }
  };
  check_values(4, {4.60329301, 0.55650112});
  check_values(8, {19.85741037, 5.35420852, 1.95779415, 0.42748871});
  const Hippo large = hippo(64);
  CHECK(large.Lambda[0].imag() == doctest::Approx(-1303.27).epsilon(1e-5));
  CHECK(large.Lambda[31].imag() == doctest::Approx(-0.26386).epsilon(1e-4));
}

TEST_CASE("block_hippo: Lambda, V and Vinv are the reference's") {
  const Golden golden;
  const auto groups = golden.groups(GoldenKind::block_hippo);
  REQUIRE(!groups.empty());
  for (const auto& group : groups) {
    CAPTURE(group);
    const auto Lambda = golden.array(group + "/Lambda").complex_values();
    const Hdf5Shape shape = golden.array(group + "/V").shape;
    REQUIRE(shape == Hdf5Shape{shape.at(0), Lambda.size()});
    // the eigenvalues of a block are distinct, so that each occurs once per block
    const auto blocks = std::count(Lambda.begin(), Lambda.end(), Lambda.front());
    const BlockHippo got = block_hippo(shape[0], static_cast<std::size_t>(blocks), shape[1] < shape[0]);
    CHECK(got.P == shape[1]);
    CHECK(relative_error(got.Lambda, Lambda) <= exact);
    CHECK(relative_error(got.V, golden.array(group + "/V").complex_values()) <= exact);
    CHECK(relative_error(got.Vinv, golden.array(group + "/Vinv").complex_values()) <= exact);
  }
}

TEST_CASE("s5_init: Lambda repeats the negative half of each block, log_step spans its range") {
  const S5Sizes sizes = small_sizes();
  const S5Init init = s5_init(sizes, 5, "layers.0.ssm");
  const Hippo block = hippo(16);
  REQUIRE(init.Lambda_im.size() == 32);
  for (std::size_t j = 0; j < 32; ++j) {
    CHECK(init.Lambda_re.data[j] == -0.5F);
    CHECK(init.Lambda_im.data[j] == static_cast<float>(block.Lambda[j % 8].imag()));
    CHECK(init.Lambda_im.data[j] < 0.0F);
    CHECK(init.log_step.data[j] >= static_cast<float>(std::log(0.001)));
    CHECK(init.log_step.data[j] <= static_cast<float>(std::log(0.1)));
  }
  S5Sizes wide = sizes;
  wide.P_full = 2048;
  wide.blocks = 256;
  const S5Init many = s5_init(wide, 5, "layers.0.ssm");
  std::vector<double> centred;
  const double middle = 0.5 * (std::log(0.001) + std::log(0.1));
  for (const float step : many.log_step.data) centred.push_back(step - middle);
  check_moments(centred, std::pow(std::log(100.0), 2) / 12.0);
  // an element's draw is that of its index: more states do not change the first ones
  CHECK(std::equal(init.log_step.data.begin(), init.log_step.data.end(), many.log_step.data.begin()));
}

TEST_CASE("s5_init: B is the projection of a real truncated normal of variance 1 / P_full") {
  for (const bool conj_sym : {true, false}) {
    CAPTURE(conj_sym);
    S5Sizes sizes = small_sizes();
    sizes.conj_sym = conj_sym;
    const S5Init init = s5_init(sizes, 11, "ssm");
    REQUIRE(init.B.rows == 2 * sizes.P());
    REQUIRE(init.B.cols == sizes.H);
    const BlockHippo basis = block_hippo(sizes.P_full, sizes.blocks, conj_sym);
    Vector W = multiply(basis.V, from_planar_rows(init.B), basis.P);
    if (conj_sym) {  // the halves are conjugate, so W = 2 Re(V B)
      for (Complex& w : W) w = 2.0 * w.real();
    }
    const auto real = parts_of(W, false);
    check_moments(real, 1.0 / 64.0);
    CHECK(moments_of(real).largest < truncation(1.0 / 64.0));
    CHECK(moments_of(real).largest > 0.9 * truncation(1.0 / 64.0));
    CHECK(moments_of(parts_of(W, true)).largest < 1e-6);
  }
}

TEST_CASE("s5_init: C has the variance of its initialiser, before V where there is one") {
  S5Sizes sizes = small_sizes();
  sizes.conj_sym = false;
  const BlockHippo basis = block_hippo(sizes.P_full, sizes.blocks, false);
  struct Row {
    CInit kind;
    double variance;
  };
  const std::vector<Row> rows = {{CInit::trunc_standard_normal, 1.0 / 64.0},
                                 {CInit::lecun_normal, 1.0 / (64.0 * 48.0)},
                                 {CInit::complex_normal, 0.5}};
  for (const Row& row : rows) {
    const CInit kind = row.kind;
    const double variance = row.variance;
    CAPTURE(static_cast<int>(kind));
    sizes.C_init = kind;
    const S5Init init = s5_init(sizes, 3, "ssm");
    REQUIRE(init.C.size() == 1);
    REQUIRE(init.C[0].rows == 48);
    REQUIRE(init.C[0].cols == 128);
    Vector C = from_planar_columns(init.C[0]);
    if (kind != CInit::complex_normal) C = multiply(C, basis.Vinv, basis.P);
    for (const bool imaginary : {false, true}) {
      const auto part = parts_of(C, imaginary);
      check_moments(part, variance);
      const bool truncated = moments_of(part).largest < truncation(variance);
      CHECK(truncated == (kind != CInit::complex_normal));
    }
  }
}

TEST_CASE("s5_init: D is standard normal, bidirectional layers get two different C") {
  S5Sizes sizes = small_sizes();
  sizes.H = 4096;
  sizes.P_full = 4;
  sizes.blocks = 1;
  sizes.bidirectional = true;
  const S5Init init = s5_init(sizes, 8, "ssm");
  check_moments({init.D.data.begin(), init.D.data.end()}, 1.0);
  REQUIRE(init.C.size() == 2);
  CHECK(init.C[0].data != init.C[1].data);
}

TEST_CASE("s5_init: seed and path choose the draw, and nothing else does") {
  const S5Sizes sizes = small_sizes();
  const S5Init init = s5_init(sizes, 1, "layers.0.ssm");
  CHECK(init.B.data == s5_init(sizes, 1, "layers.0.ssm").B.data);
  CHECK(init.B.data != s5_init(sizes, 2, "layers.0.ssm").B.data);
  CHECK(init.B.data != s5_init(sizes, 1, "layers.1.ssm").B.data);
}

TEST_CASE("s5_init: impossible sizes are usage errors that name the value") {
  const auto message_of = [](auto change) {
    S5Sizes sizes;
    change(sizes);
    try {
      (void)s5_init(sizes, 0, "ssm");
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(message_of([](S5Sizes& s) { s.blocks = 3; }) ==
        "[blocks] expected a divisor of ssm_size_base = 256, got \"3\"");
  CHECK(message_of([](S5Sizes& s) {
          s.blocks = 0;
        }).find("[blocks] expected a divisor of ssm_size_base = 256, got \"0\"") == 0);
  CHECK(message_of([](S5Sizes& s) { s.P_full = 0; }).find("[ssm_size_base] expected at least 1 state, got 0") == 0);
  CHECK(message_of([](S5Sizes& s) { s.H = 0; }).find("[d_model] expected at least 1 feature, got 0") == 0);
  CHECK(message_of([](S5Sizes& s) { s.P_full = s.blocks = 4; }).find("odd size 1") != std::string::npos);
  CHECK(message_of([](S5Sizes& s) { s.P_full = s.blocks = 4, s.conj_sym = false; }) == "no error");
  CHECK(message_of([](S5Sizes& s) { s.dt_min = 0.2; }) ==
        "[dt_max] expected a finite number of at least dt_min = 0.2, got 0.1");
  CHECK(message_of([](S5Sizes& s) { s.dt_min = 0.0; }).find("[dt_min] expected a positive number, got 0") == 0);
  CHECK(message_of([](S5Sizes& s) {
          s.dt_max = std::nan("");
        }).find("[dt_max] expected a finite number of at least dt_min = 0.001, got nan") == 0);
  CHECK_THROWS_AS(c_init_of("lecun"), UsageError);
  CHECK(c_init_of("complex_normal") == CInit::complex_normal);
}

}  // namespace
}  // namespace bitstate::tests::s5_init_test

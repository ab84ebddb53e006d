#include "core/kernels/hadamard.h"

#include "core/error.h"

#include <algorithm>
#include <array>
#include <bit>

namespace bitstate {
namespace {

constexpr std::array<std::size_t, 5> bases = {40, 28, 20, 12, 1};

/// The b of n = b 2^k; 0 where there is none.
std::size_t base_of(std::size_t n) {
  for (const std::size_t b : bases) {
    if (n > 0 && n % b == 0 && std::has_single_bit(n / b)) return b;
  }
  return 0;
}

/// 0 for multiples of the prime q, 1 for the squares modulo q, else -1.
int quadratic_character(std::size_t a, std::size_t q) {
  if (a % q == 0) return 0;
  for (std::size_t i = 1; i < q; ++i) {
    if (i * i % q == a % q) return 1;
  }
  return -1;
}

/// Paley's first construction, q = 3 modulo 4: I + S of q + 1 rows, S skew.
std::vector<std::int8_t> paley_one(std::size_t q) {
  const std::size_t n = q + 1;
  std::vector<std::int8_t> h(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const int skew = i == 0 ? -1 : j == 0 ? 1 : quadratic_character(q + i - j, q);
      h[i * n + j] = static_cast<std::int8_t>(i == j ? 1 : skew);
    }
  }
  return h;
}

/// Paley's second construction, q = 1 modulo 4: 2 (q + 1) rows, symmetric.
std::vector<std::int8_t> paley_two(std::size_t q) {
  const std::size_t n = 2 * (q + 1);
  std::vector<std::int8_t> h(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const std::size_t r = i / 2;
      const std::size_t c = j / 2;
      const int conference = r == 0 || c == 0 ? 1 : quadratic_character(q + r - c, q);
      const bool both_odd = i % 2 == 1 && j % 2 == 1;
      const int off_diagonal = both_odd ? -conference : conference;  // [[1, 1], [1, -1]]
      const int diagonal = i % 2 == 0 && j % 2 == 0 ? 1 : -1;        // [[1, -1], [-1, -1]]
      h[i * n + j] = static_cast<std::int8_t>(r == c ? diagonal : off_diagonal);
    }
  }
  return h;
}

/// H_2 (x) h
std::vector<std::int8_t> doubled(const std::vector<std::int8_t>& h, std::size_t n) {
  std::vector<std::int8_t> out(4 * n * n);
  for (std::size_t i = 0; i < 2 * n; ++i) {
    for (std::size_t j = 0; j < 2 * n; ++j) {
      const std::int8_t entry = h[(i % n) * n + j % n];
      out[i * 2 * n + j] = static_cast<std::int8_t>(i >= n && j >= n ? -entry : entry);
    }
  }
  return out;
}

std::vector<std::int8_t> base_matrix(std::size_t base) {
  switch (base) {
    case 12:
      return paley_two(5);
    case 20:
      return paley_one(19);
    case 28:
      return paley_two(13);
    case 40:
      return doubled(paley_one(19), 20);
    default:
      return {1};
  }
}

/// Sums and differences of the values `length` apart, in blocks of twice the length.
template <class T>
void butterflies(std::span<T> x, std::size_t length) {
  for (std::size_t block = 0; block < x.size(); block += 2 * length) {
    T* const low = x.data() + block;
    T* const high = low + length;
    for (std::size_t i = 0; i < length; ++i) {
      const T a = low[i];
      const T b = high[i];
      low[i] = a + b;
      high[i] = a - b;
    }
  }
}

}  // namespace

Hadamard::Hadamard(std::size_t n, std::string_view where) : base_(base_of(n)) {
  if (base_ == 0) {
    std::size_t below = n;
    std::size_t above = n;
    while (below > 0 && base_of(below) == 0) --below;
    while (base_of(above) == 0) ++above;
    fail<UsageError>(where,
                     "there is no Hadamard matrix of {} rows here: expected 2^k, 12, 20, 28 or 40 times 2^k, such as "
                     "{} or {}",
                     n, std::max<std::size_t>(below, 1), above);
  }
  power_ = n / base_;
  matrix_ = base_matrix(base_);
}

bool Hadamard::exists(std::size_t n) { return n > 0 && base_of(n) != 0; }

int Hadamard::entry(std::size_t row, std::size_t col) const {
  const int sylvester = std::popcount((row % power_) & (col % power_)) % 2 == 0 ? 1 : -1;
  return sylvester * matrix_[row / power_ * base_ + col / power_];
}

template <class T>
void Hadamard::transform(std::span<T> x, std::span<T> scratch, bool transposed) const {
  require(x.size() == size() && scratch.size() == size(), "hadamard", "got {} values and room for {}, expected {}",
          x.size(), scratch.size(), size());
  for (std::size_t length = 1; length < power_; length *= 2) butterflies(x, length);
  if (base_ == 1) return;
  std::copy(x.begin(), x.end(), scratch.begin());
  std::fill(x.begin(), x.end(), T{0});
  for (std::size_t i = 0; i < base_; ++i) {
    T* const to = x.data() + i * power_;
    for (std::size_t j = 0; j < base_; ++j) {
      const auto sign = static_cast<T>(transposed ? matrix_[j * base_ + i] : matrix_[i * base_ + j]);
      const T* const from = scratch.data() + j * power_;
      for (std::size_t k = 0; k < power_; ++k) to[k] += sign * from[k];
    }
  }
}

void Hadamard::apply(std::span<float> x, std::span<float> scratch) const { transform(x, scratch, false); }
void Hadamard::apply(std::span<std::int32_t> x, std::span<std::int32_t> scratch) const { transform(x, scratch, false); }
void Hadamard::apply_transposed(std::span<float> x, std::span<float> scratch) const { transform(x, scratch, true); }

}  // namespace bitstate

// Hadamard matrices and their fast transform (docs/numerics.md, "Quamba's transforms").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bitstate {

/// The Hadamard matrix H of n rows: entries +1 and -1, H H^T = n I. There is one for n = b 2^k with b = 1, 12, 20, 28
/// or 40: H = H_b (x) Sylvester(2^k), with the largest b.
class Hadamard {
 public:
  /// Throws UsageError naming `where`, the width and the nearest ones that have a matrix.
  Hadamard(std::size_t n, std::string_view where);

  [[nodiscard]] static bool exists(std::size_t n);

  [[nodiscard]] std::size_t size() const { return base_ * power_; }
  /// b; its matrix are the entries at multiples of n / b.
  [[nodiscard]] std::size_t base() const { return base_; }
  [[nodiscard]] int entry(std::size_t row, std::size_t col) const;

  /// H x, or H^T x, in place, by additions only; `scratch` has n elements too. Exact in integers while n max |x| is
  /// below 2^31, and then the same as the product with the matrix.
  void apply(std::span<float> x, std::span<float> scratch) const;
  void apply(std::span<std::int32_t> x, std::span<std::int32_t> scratch) const;
  void apply_transposed(std::span<float> x, std::span<float> scratch) const;

 private:
  template <class T>
  void transform(std::span<T> x, std::span<T> scratch, bool transposed) const;

  std::size_t base_ = 1;
  std::size_t power_ = 1;
  std::vector<std::int8_t> matrix_;  // H_b
};

}  // namespace bitstate

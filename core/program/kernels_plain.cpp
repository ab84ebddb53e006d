// The kernels in plain C++, for any machine.
#include "core/program/kernels_vector.h"

#include <cstring>

namespace bitstate::program {
namespace {

struct Plain {
  struct Vector {
    std::int32_t v[lanes];
  };
  struct Factor {
    std::int64_t multiplier[lanes], shift[lanes];
    bool saturates;
  };
  using Squares = std::int64_t;

  static constexpr bool byte_products = false;
  static constexpr bool wide_tiles = false;
  static constexpr std::size_t tile_rows = 2;

  template <class F>
  static Vector make(F f) {
    Vector y;
    for (std::size_t i = 0; i < lanes; ++i) y.v[i] = f(i);
    return y;
  }
  /// Modulo 2^32.
  static std::int32_t wrapped(std::int64_t v) { return static_cast<std::int32_t>(v); }

  template <class T>
  static Vector load(const T* p) {
    return make([&](std::size_t i) { return std::int32_t{p[i]}; });
  }
  template <class T>
  static void store(Vector v, T* p) {
    for (std::size_t i = 0; i < lanes; ++i) p[i] = static_cast<T>(v.v[i]);
  }
  static Vector load_words(const char* p) {
    Vector v;
    std::memcpy(v.v, p, sizeof v.v);
    return v;
  }
  template <Width width>
  static Vector broadcast(const char* p) {
    std::int32_t word = 0;
    std::memcpy(&word, p, sizeof word);
    return all(word);
  }

  static Vector all(std::int32_t v) {
    return make([&](std::size_t) { return v; });
  }
  static Vector leading(Vector v, std::size_t n) {
    return make([&](std::size_t i) { return i < n ? v.v[i] : 0; });
  }
  static Vector add(Vector a, Vector b) {
    return make([&](std::size_t i) { return wrapped(std::int64_t{a.v[i]} + b.v[i]); });
  }
  static Vector subtract(Vector a, Vector b) {
    return make([&](std::size_t i) { return wrapped(std::int64_t{a.v[i]} - b.v[i]); });
  }
  static Vector multiply(Vector a, Vector b) {
    return make([&](std::size_t i) { return wrapped(std::int64_t{a.v[i]} * b.v[i]); });
  }
  static Vector sign(Vector a) {
    return make([&](std::size_t i) { return a.v[i] >= 0 ? 1 : -1; });
  }
  static Vector clamp(Vector a, Vector lo, Vector hi) {
    return make([&](std::size_t i) {
      const std::int32_t v = a.v[i] < lo.v[i] ? lo.v[i] : a.v[i];
      return v > hi.v[i] ? hi.v[i] : v;
    });
  }
  static std::int32_t total(Vector a) {
    std::int32_t sum = 0;
    for (const std::int32_t v : a.v) sum += v;
    return sum;
  }

  static Squares no_squares() { return 0; }
  static void add_squares(Squares& sum, Vector a) {
    for (const std::int32_t v : a.v) sum += std::int64_t{v} * v;
  }
  static std::int64_t total_squares(Squares sum) { return sum; }

  static Factor factor(const Factors& f, std::size_t column) {
    Factor y;
    for (std::size_t i = 0; i < lanes; ++i) {
      y.multiplier[i] = f.multiplier[column + i];
      y.shift[i] = f.shift[column + i];
    }
    y.saturates = f.reach == Reach::wide;
    return y;
  }
  static Factor factor(std::int32_t multiplier, std::int32_t shift) {
    Factor y;
    for (std::size_t i = 0; i < lanes; ++i) {
      y.multiplier[i] = multiplier;
      y.shift[i] = shift;
    }
    y.saturates = false;
    return y;
  }
  static Vector rescale(Vector a, const Factor& f) {
    constexpr std::int64_t lo = -0x80000000LL;
    constexpr std::int64_t hi = 0x7fffffff;
    return make([&](std::size_t i) {
      const std::int64_t half = std::int64_t{1} << (f.shift[i] - 1);
      const std::int64_t v = (a.v[i] * f.multiplier[i] + half) >> f.shift[i];
      return wrapped(f.saturates ? (v > hi ? hi : (v < lo ? lo : v)) : v);
    });
  }

  /// sums + the products of the codes of a word; modulo 2^32
  template <Width width>
  static Vector multiply_add(Vector sums, Vector word, Vector weights) {
    if constexpr (width == Width::four) return add(sums, multiply(word, weights));
    std::int16_t x[2 * lanes], w[2 * lanes];
    std::memcpy(x, word.v, sizeof x);
    std::memcpy(w, weights.v, sizeof w);
    return make([&](std::size_t i) {
      const std::int64_t products = std::int32_t{x[2 * i]} * w[2 * i] + std::int64_t{x[2 * i + 1]} * w[2 * i + 1];
      return wrapped(sums.v[i] + products);
    });
  }
};

}  // namespace

const Kernels& plain_kernels() {
  static constexpr Kernels table = kernels_for<Plain>(lookup_scalar, scan_scalar);
  return table;
}

}  // namespace bitstate::program

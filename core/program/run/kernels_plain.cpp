// The kernels in plain C++, for any machine.
#include "core/program/run/kernels_vector.h"

#include <cstring>

namespace bitstate::program {
namespace {

struct Plain {
  struct Vector {
    std::int32_t v[vector_columns];
  };
  struct Factor {
    std::int64_t multiplier[vector_columns], half[vector_columns], shift[vector_columns];
    bool saturates;
  };
  using Squares = std::int64_t;

  static constexpr Width operands = Width::four;
  static constexpr bool wide_tiles = false;
  static constexpr std::size_t tile_rows = 1;

  template <class F>
  static Vector make(F f) {
    Vector y;
    for (std::size_t i = 0; i < vector_columns; ++i) y.v[i] = f(i);
    return y;
  }
  /// For arithmetic modulo 2^32.
  static std::uint32_t bits(std::int32_t v) { return static_cast<std::uint32_t>(v); }
  static std::int32_t code(std::uint32_t v) { return static_cast<std::int32_t>(v); }

  template <class T>
  static Vector load(const T* p) {
    return make([&](std::size_t i) { return std::int32_t{p[i]}; });
  }
  template <class T>
  static void store(Vector v, T* p) {
    for (std::size_t i = 0; i < vector_columns; ++i) p[i] = static_cast<T>(v.v[i]);
  }
  static Vector load_words(const char* p) {
    Vector v;
    std::memcpy(v.v, p, sizeof v.v);
    return v;
  }
  template <Width, unsigned bits>
  static Vector load_weights(const char* p) {
    if constexpr (bits == 32) return load_words(p);
    if constexpr (bits == 16) {
      std::int16_t codes[vector_columns];
      std::memcpy(codes, p, sizeof codes);
      return load(codes);
    }
    return make([&](std::size_t i) -> std::int32_t {
      if constexpr (bits == 8) return static_cast<std::int8_t>(p[i]);
      const auto byte = static_cast<std::uint8_t>(p[i % 8]);
      return (i < 8 ? byte & 15 : byte >> 4) - 8;
    });
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
    return make([&](std::size_t i) { return code(bits(a.v[i]) + bits(b.v[i])); });
  }
  static Vector subtract(Vector a, Vector b) {
    return make([&](std::size_t i) { return code(bits(a.v[i]) - bits(b.v[i])); });
  }
  static Vector multiply(Vector a, Vector b) {
    return make([&](std::size_t i) { return code(bits(a.v[i]) * bits(b.v[i])); });
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
  static Vector least(Vector a, Vector b) {
    return make([&](std::size_t i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static Vector greatest(Vector a, Vector b) {
    return make([&](std::size_t i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  /// Bit i: the elements i are equal.
  static std::uint16_t equal(Vector a, Vector b) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < vector_columns; ++i) bits |= static_cast<std::uint32_t>(a.v[i] == b.v[i]) << i;
    return static_cast<std::uint16_t>(bits);
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
    return factor(load(f.multiplier + column), load(f.shift + column), f.reach == Reach::wide);
  }
  static Factor factor(std::int32_t multiplier, std::int32_t shift) {
    return factor(all(multiplier), all(shift), false);
  }
  static Factor factor(Vector multiplier, Vector shift, bool saturates) {
    Factor y;
    for (std::size_t i = 0; i < vector_columns; ++i) {
      y.multiplier[i] = multiplier.v[i];
      y.shift[i] = shift.v[i];
      y.half[i] = std::int64_t{1} << (shift.v[i] - 1);
    }
    y.saturates = saturates;
    return y;
  }
  static Vector rescale(Vector a, const Factor& f) {
    constexpr std::int64_t lo = -0x80000000LL;
    constexpr std::int64_t hi = 0x7fffffff;
    const auto rescaled = [&](std::size_t i) { return (a.v[i] * f.multiplier[i] + f.half[i]) >> f.shift[i]; };
    if (!f.saturates) return make([&](std::size_t i) { return static_cast<std::int32_t>(rescaled(i)); });
    return make([&](std::size_t i) {
      const std::int64_t v = rescaled(i);
      return static_cast<std::int32_t>(v > hi ? hi : (v < lo ? lo : v));
    });
  }

  /// sums + the products of the codes of a word; modulo 2^32
  template <Width width>
  static Vector multiply_add(Vector sums, Vector word, Vector weights) {
    return add(sums, multiply(word, weights));
  }
};

}  // namespace

const Kernels& plain_kernels() {
  static constexpr Kernels table =
      kernels_for<Plain>(lookup_scalar, scan_scalar, selective_scan_scalar, selective_replay_scalar);
  return table;
}

}  // namespace bitstate::program

// The kernels in NEON, which every AArch64 has.
#include "core/program/run/kernels_scalar.h"

#if defined(__aarch64__)

#include "core/program/run/kernels_scan.h"
#include "core/program/run/kernels_selective.h"
#include "core/program/run/kernels_vector.h"

#include <arm_neon.h>

namespace bitstate::program {
namespace {

/// f(0), ..., f(3), unrolled.
template <class Result, class F>
[[gnu::always_inline]] inline Result four_of(F f) {
  return {{f(0), f(1), f(2), f(3)}};
}

// sums, differences and products modulo 2^32 and 2^64: signed vectors of GCC may not overflow
int32x4_t plus(int32x4_t x, int32x4_t y) {
  return vreinterpretq_s32_u32(vaddq_u32(vreinterpretq_u32_s32(x), vreinterpretq_u32_s32(y)));
}
int32x4_t minus(int32x4_t x, int32x4_t y) {
  return vreinterpretq_s32_u32(vsubq_u32(vreinterpretq_u32_s32(x), vreinterpretq_u32_s32(y)));
}
int32x4_t times(int32x4_t x, int32x4_t y) {
  return vreinterpretq_s32_u32(vmulq_u32(vreinterpretq_u32_s32(x), vreinterpretq_u32_s32(y)));
}
int64x2_t plus(int64x2_t x, int64x2_t y) {
  return vreinterpretq_s64_u64(vaddq_u64(vreinterpretq_u64_s64(x), vreinterpretq_u64_s64(y)));
}
int64x2_t minus(int64x2_t x, int64x2_t y) {
  return vreinterpretq_s64_u64(vsubq_u64(vreinterpretq_u64_s64(x), vreinterpretq_u64_s64(y)));
}
int32x4_t select(uint32x4_t where, int32x4_t v, int32x4_t w) { return vbslq_s32(where, v, w); }
int64x2_t select(uint64x2_t where, int64x2_t v, int64x2_t w) { return vbslq_s64(where, v, w); }

/// The low halves of all elements of x, then of y.
int32x4_t low_halves(int64x2_t x, int64x2_t y) {
  return vuzp1q_s32(vreinterpretq_s32_s64(x), vreinterpretq_s32_s64(y));
}
int16x8_t low_halves(int32x4_t x, int32x4_t y) {
  return vuzp1q_s16(vreinterpretq_s16_s32(x), vreinterpretq_s16_s32(y));
}
int8x16_t low_halves(int16x8_t x, int16x8_t y) { return vuzp1q_s8(vreinterpretq_s8_s16(x), vreinterpretq_s8_s16(y)); }

/// The codes of nibbles, which are in the lower half of each byte.
int8x16_t codes_of(uint8x16_t nibbles) { return vreinterpretq_s8_u8(vsubq_u8(nibbles, vdupq_n_u8(8))); }

struct Neon {
  /// Elements 0 to 3, 4 to 7, 8 to 11 and 12 to 15.
  struct Vector {
    int32x4_t q[4];
  };
  struct Squares {
    int64x2_t q[4];
  };
  /// Left shifts, which are negative; of elements 0 and 1, 4 and 5, ..., and of 2 and 3, 6 and 7, ...
  struct Factor {
    Vector multiplier;
    int64x2_t shift_low[4], shift_high[4];
    bool saturates;
  };

  static constexpr Width operands = Width::two;
  static constexpr bool wide_tiles = false;
  static constexpr std::size_t tile_rows = 4;

  template <class F>
  [[gnu::always_inline]] static Vector make(F f) {
    return four_of<Vector>(f);
  }

  static Vector load(int8x16_t codes) {
    const int16x8_t low = vmovl_s8(vget_low_s8(codes));
    const int16x8_t high = vmovl_high_s8(codes);
    return {{vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)}};
  }
  static Vector load(const std::int8_t* p) { return load(vld1q_s8(p)); }
  static Vector load(const std::int16_t* p) {
    return make([&](std::size_t i) { return vmovl_s16(vld1_s16(p + 4 * i)); });
  }
  static Vector load(const std::int32_t* p) {
    return make([&](std::size_t i) { return vld1q_s32(p + 4 * i); });
  }
  static void store(Vector v, std::int8_t* p) {
    vst1q_s8(p, low_halves(low_halves(v.q[0], v.q[1]), low_halves(v.q[2], v.q[3])));
  }
  static void store(Vector v, std::int16_t* p) {
    vst1q_s16(p, low_halves(v.q[0], v.q[1]));
    vst1q_s16(p + 8, low_halves(v.q[2], v.q[3]));
  }
  static void store(Vector v, std::int32_t* p) {
    vst1q_s32(p, v.q[0]);  // unrolled: else GCC keeps the sums of products in memory
    vst1q_s32(p + 4, v.q[1]);
    vst1q_s32(p + 8, v.q[2]);
    vst1q_s32(p + 12, v.q[3]);
  }
  /// v times `scale` [16]
  static void store_real(Vector v, const float* scale, float* p) {
    for (std::size_t i = 0; i < 4; ++i) {
      vst1q_f32(p + 4 * i, vmulq_f32(vcvtq_f32_s32(v.q[i]), vld1q_f32(scale + 4 * i)));
    }
  }
  /// 1 where x = y, else 0.
  static void store_equal(Vector x, Vector y, float* p) {
    const uint32x4_t one = vdupq_n_u32(0x3f800000);
    for (std::size_t i = 0; i < 4; ++i) {
      vst1q_f32(p + 4 * i, vreinterpretq_f32_u32(vandq_u32(vceqq_s32(x.q[i], y.q[i]), one)));
    }
  }

  /// Of words of two codes: the first codes of words 0 to 7 and 8 to 15, then the second ones.
  static Vector pairs_of(int8x16_t first, int8x16_t second) {
    const auto wide = [](int16x8_t codes) { return vreinterpretq_s32_s16(codes); };
    return {{wide(vmovl_s8(vget_low_s8(first))), wide(vmovl_high_s8(first)), wide(vmovl_s8(vget_low_s8(second))),
             wide(vmovl_high_s8(second))}};
  }
  /// As multiply_add() takes them.
  template <Width width, unsigned bits>
  static Vector load_weights(const char* p) {
    if constexpr (width == Width::four) {
      if constexpr (bits == 32) return load(reinterpret_cast<const std::int32_t*>(p));
      if constexpr (bits == 16) return load(reinterpret_cast<const std::int16_t*>(p));
      if constexpr (bits == 8) return load(reinterpret_cast<const std::int8_t*>(p));
      const uint8x8_t bytes = vld1_u8(reinterpret_cast<const std::uint8_t*>(p));
      return load(codes_of(vcombine_u8(vand_u8(bytes, vdup_n_u8(15)), vshr_n_u8(bytes, 4))));
    }
    // no vld2: GCC takes it that it reads all memory, and keeps the sums of products there
    if constexpr (bits == 16) {
      const auto* const codes = reinterpret_cast<const std::int16_t*>(p);
      const auto words = [&](std::size_t i) { return vld1q_s16(codes + 8 * i); };
      const auto wide = [](int16x8_t of) { return vreinterpretq_s32_s16(of); };
      return {{wide(vuzp1q_s16(words(0), words(1))), wide(vuzp1q_s16(words(2), words(3))),
               wide(vuzp2q_s16(words(0), words(1))), wide(vuzp2q_s16(words(2), words(3)))}};
    }
    if constexpr (bits == 8) {
      const int8x16_t a = vld1q_s8(reinterpret_cast<const std::int8_t*>(p));
      const int8x16_t b = vld1q_s8(reinterpret_cast<const std::int8_t*>(p) + 16);
      return pairs_of(vuzp1q_s8(a, b), vuzp2q_s8(a, b));
    }
    const uint8x16_t bytes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(p));
    const uint8x16_t low = vandq_u8(bytes, vdupq_n_u8(15));
    const uint8x16_t high = vshrq_n_u8(bytes, 4);
    return pairs_of(codes_of(vuzp1q_u8(low, high)), codes_of(vuzp2q_u8(low, high)));
  }
  template <Width width>
  static Vector broadcast(const char* p) {
    int word = 0;
    __builtin_memcpy(&word, p, sizeof word);
    return all(word);
  }

  static Vector all(std::int32_t v) {
    return make([&](std::size_t) { return vdupq_n_s32(v); });
  }
  static Vector leading(Vector v, std::size_t n) {
    const int32x4_t places = {0, 1, 2, 3};
    return make([&](std::size_t i) {
      const int32x4_t count = vdupq_n_s32(static_cast<int>(n) - static_cast<int>(4 * i));
      return vandq_s32(v.q[i], vreinterpretq_s32_u32(vcltq_s32(places, count)));
    });
  }
  static Vector add(Vector x, Vector y) {
    return make([&](std::size_t i) { return plus(x.q[i], y.q[i]); });
  }
  static Vector subtract(Vector x, Vector y) {
    return make([&](std::size_t i) { return minus(x.q[i], y.q[i]); });
  }
  static Vector multiply(Vector x, Vector y) {
    return make([&](std::size_t i) { return times(x.q[i], y.q[i]); });
  }
  static Vector sign(Vector x) {
    return make([&](std::size_t i) { return vorrq_s32(vshrq_n_s32(x.q[i], 31), vdupq_n_s32(1)); });
  }
  static Vector clamp(Vector x, Vector lo, Vector hi) { return least(greatest(x, lo), hi); }
  static Vector least(Vector x, Vector y) {
    return make([&](std::size_t i) { return vminq_s32(x.q[i], y.q[i]); });
  }
  static Vector greatest(Vector x, Vector y) {
    return make([&](std::size_t i) { return vmaxq_s32(x.q[i], y.q[i]); });
  }
  /// Bit i: the elements i are equal.
  static std::uint16_t equal(Vector x, Vector y) {
    const Vector same = make([&](std::size_t i) { return vreinterpretq_s32_u32(vceqq_s32(x.q[i], y.q[i])); });
    const int8x16_t bytes = low_halves(low_halves(same.q[0], same.q[1]), low_halves(same.q[2], same.q[3]));
    const uint8x16_t places = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vandq_u8(vreinterpretq_u8_s8(bytes), places);
    return static_cast<std::uint16_t>(vaddv_u8(vget_low_u8(bits)) | (vaddv_u8(vget_high_u8(bits)) << 8));
  }
  /// Four sums, whose sum is that of all elements.
  static int32x4_t partial_sums(Vector x) { return plus(plus(x.q[0], x.q[1]), plus(x.q[2], x.q[3])); }
  static std::int32_t total(Vector x) {
    return static_cast<std::int32_t>(vaddvq_u32(vreinterpretq_u32_s32(partial_sums(x))));
  }
  /// The sums of 16 vectors.
  static Vector totals(const Vector* of) {
    return make([&](std::size_t i) {
      const Vector* const some = of + 4 * i;
      return vpaddq_s32(vpaddq_s32(partial_sums(some[0]), partial_sums(some[1])),
                        vpaddq_s32(partial_sums(some[2]), partial_sums(some[3])));
    });
  }

  template <int count>
  static Vector shifted_right(Vector x) {
    return make([&](std::size_t i) { return vshrq_n_s32(x.q[i], count); });
  }
  static Vector both(Vector x, Vector y) {
    return make([&](std::size_t i) { return vandq_s32(x.q[i], y.q[i]); });
  }
  /// v where x = y, else w.
  static Vector where_equal(Vector x, Vector y, Vector v, Vector w) {
    return make([&](std::size_t i) { return select(vceqq_s32(x.q[i], y.q[i]), v.q[i], w.q[i]); });
  }

  /// decay_code() of core/exp2.h for 16 rates, and a step or 16 steps.
  struct Decays {
    int64x2_t left;  // shift of rate times step
    Exp2 tables;

    Decays(std::int32_t fraction, const Exp2& exp2) : left(vdupq_n_s64(-std::int64_t{fraction})), tables(exp2) {}
    static uint32x4_t entries(const std::uint32_t* table, uint32x4_t bytes) {
      return uint32x4_t{table[vgetq_lane_u32(bytes, 0)], table[vgetq_lane_u32(bytes, 1)],
                        table[vgetq_lane_u32(bytes, 2)], table[vgetq_lane_u32(bytes, 3)]};
    }
    [[nodiscard]] int32x4_t of_four(uint32x4_t rate, uint32x4_t delta) const {
      const uint64x2_t a = vrshlq_u64(vmull_u32(vget_low_u32(rate), vget_low_u32(delta)), left);
      const uint64x2_t b = vrshlq_u64(vmull_high_u32(rate, delta), left);
      const uint32x4_t q = vuzp1q_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b));
      const uint32x4_t byte = vdupq_n_u32(255);
      const uint32x4_t high = entries(tables.high, vandq_u32(vshrq_n_u32(q, 8), byte));
      const uint32x4_t low = entries(tables.low, vandq_u32(q, byte));
      const uint32x2_t first = vrshrn_n_u64(vmull_u32(vget_low_u32(high), vget_low_u32(low)), 31);
      const uint32x4_t mantissa = vrshrn_high_n_u64(first, vmull_high_u32(high, low), 31);
      const uint32x4_t all_of_whole = vqmovn_high_u64(vqmovn_u64(vshrq_n_u64(a, 16)), vshrq_n_u64(b, 16));
      const uint32x4_t whole = vminq_u32(all_of_whole, vdupq_n_u32(17));
      const int32x4_t by = minus(vdupq_n_s32(-16), vreinterpretq_s32_u32(whole));
      return vreinterpretq_s32_u32(vminq_u32(vrshlq_u32(mantissa, by), vdupq_n_u32(32767)));
    }
    Vector operator()(Vector rate, Vector delta) const {
      return make(
          [&](std::size_t i) { return of_four(vreinterpretq_u32_s32(rate.q[i]), vreinterpretq_u32_s32(delta.q[i])); });
    }
    Vector operator()(Vector rate, std::int32_t delta) const { return (*this)(rate, all(delta)); }
  };

  static Squares no_squares() {
    return four_of<Squares>([](std::size_t) { return vdupq_n_s64(0); });
  }
  static void add_squares(Squares& sum, Vector x) {
    sum = four_of<Squares>([&](std::size_t i) {
      const int32x2_t low = vget_low_s32(x.q[i]);
      return vmlal_high_s32(vmlal_s32(sum.q[i], low, low), x.q[i], x.q[i]);
    });
  }
  static std::int64_t total_squares(Squares sum) {
    return vaddvq_s64(plus(plus(sum.q[0], sum.q[1]), plus(sum.q[2], sum.q[3])));
  }

  static Factor factor(Vector multiplier, Vector shift, bool saturates) {
    Factor f;
    f.multiplier = multiplier;
    for (std::size_t i = 0; i < 4; ++i) {
      const int32x4_t left = vnegq_s32(shift.q[i]);
      f.shift_low[i] = vmovl_s32(vget_low_s32(left));
      f.shift_high[i] = vmovl_high_s32(left);
    }
    f.saturates = saturates;
    return f;
  }
  static Factor factor(const Factors& f, std::size_t column) {
    return factor(load(f.multiplier + column), load(f.shift + column), f.reach == Reach::wide);
  }
  static Factor factor(std::int32_t multiplier, std::int32_t shift) {
    return factor(all(multiplier), all(shift), false);
  }
  static Vector rescale(Vector x, const Factor& f) {
    return make([&](std::size_t i) {
      const int32x4_t m = f.multiplier.q[i];
      const int64x2_t low = vrshlq_s64(vmull_s32(vget_low_s32(x.q[i]), vget_low_s32(m)), f.shift_low[i]);
      const int64x2_t high = vrshlq_s64(vmull_high_s32(x.q[i], m), f.shift_high[i]);
      return f.saturates ? vqmovn_high_s64(vqmovn_s64(low), high) : low_halves(low, high);
    });
  }

  /// sums + the products of the codes of a word; modulo 2^32
  template <Width width>
  static Vector multiply_add(Vector sums, Vector word, Vector weights) {
    if constexpr (width == Width::four) return add(sums, multiply(word, weights));
    const int16x4_t codes = vget_low_s16(vreinterpretq_s16_s32(word.q[0]));
    const auto add_products = [&](std::size_t i) {
      const int16x8_t first = vreinterpretq_s16_s32(weights.q[i / 2]);
      const int16x8_t second = vreinterpretq_s16_s32(weights.q[2 + i / 2]);
      if (i % 2 == 0) {
        const int32x4_t sum = vmlal_lane_s16(sums.q[i], vget_low_s16(first), codes, 0);
        return vmlal_lane_s16(sum, vget_low_s16(second), codes, 1);
      }
      return vmlal_high_lane_s16(vmlal_high_lane_s16(sums.q[i], first, codes, 0), second, codes, 1);
    };
    Vector y = make(add_products);
    __asm__("" : "+w"(y.q[0]), "+w"(y.q[1]), "+w"(y.q[2]), "+w"(y.q[3]));  // else GCC keeps sums in memory
    return y;
  }
};

struct NeonWide {
  /// Elements 0 and 1, 2 and 3, 4 and 5, 6 and 7.
  struct Vector {
    int64x2_t q[4];
  };
  template <class F>
  [[gnu::always_inline]] static Vector make(F f) {
    return four_of<Vector>(f);
  }

  static Vector load(int32x4_t a, int32x4_t b) {
    return {{vmovl_s32(vget_low_s32(a)), vmovl_high_s32(a), vmovl_s32(vget_low_s32(b)), vmovl_high_s32(b)}};
  }
  static Vector load(int16x8_t codes) { return load(vmovl_s16(vget_low_s16(codes)), vmovl_high_s16(codes)); }
  static Vector load(const std::int8_t* p) { return load(vmovl_s8(vld1_s8(p))); }
  static Vector load(const std::int16_t* p) { return load(vld1q_s16(p)); }
  static Vector load(const std::int32_t* p) { return load(vld1q_s32(p), vld1q_s32(p + 4)); }
  static Vector load(const std::int64_t* p) {
    return make([&](std::size_t i) { return vld1q_s64(p + 2 * i); });
  }
  static int16x8_t words(Vector v) { return low_halves(low_halves(v.q[0], v.q[1]), low_halves(v.q[2], v.q[3])); }
  static void store(Vector v, std::int8_t* p) { vst1_s8(p, vmovn_s16(words(v))); }
  static void store(Vector v, std::int16_t* p) { vst1q_s16(p, words(v)); }
  static void store(Vector v, std::int32_t* p) {
    vst1q_s32(p, low_halves(v.q[0], v.q[1]));
    vst1q_s32(p + 4, low_halves(v.q[2], v.q[3]));
  }
  static void store(Vector v, std::int64_t* p) {
    for (std::size_t i = 0; i < 4; ++i) vst1q_s64(p + 2 * i, v.q[i]);
  }

  static Vector all(std::int64_t v) {
    return make([&](std::size_t) { return vdupq_n_s64(v); });
  }
  static Vector add(Vector x, Vector y) {
    return make([&](std::size_t i) { return plus(x.q[i], y.q[i]); });
  }
  static Vector subtract(Vector x, Vector y) {
    return make([&](std::size_t i) { return minus(x.q[i], y.q[i]); });
  }
  /// Of numbers that fit 32 bits.
  static Vector multiply(Vector x, Vector y) {
    return make([&](std::size_t i) { return vmull_s32(vmovn_s64(x.q[i]), vmovn_s64(y.q[i])); });
  }
  static Vector shift_left(Vector v, Vector shift) {
    return make([&](std::size_t i) { return vshlq_s64(v.q[i], shift.q[i]); });
  }
  static Vector shift_right(Vector v, Vector shift) {
    return make([&](std::size_t i) { return vshlq_s64(v.q[i], vnegq_s64(shift.q[i])); });
  }
  /// To [-bound, bound].
  static Vector clamp(Vector v, Vector bound) {
    return make([&](std::size_t i) {
      const int64x2_t most = bound.q[i], least = vnegq_s64(most);
      const int64x2_t below = select(vcgtq_s64(v.q[i], most), most, v.q[i]);
      return select(vcgtq_s64(least, below), least, below);
    });
  }
  static Vector larger_magnitude(Vector largest, Vector v) {
    return make([&](std::size_t i) {
      const int64x2_t magnitude = vabsq_s64(v.q[i]);
      return select(vcgtq_s64(magnitude, largest.q[i]), magnitude, largest.q[i]);
    });
  }
  /// Bit i: the elements i are equal.
  static std::uint8_t equal(Vector x, Vector y) {
    const Vector same = make([&](std::size_t i) { return vreinterpretq_s64_u64(vceqq_s64(x.q[i], y.q[i])); });
    const uint16x8_t places = {1, 2, 4, 8, 16, 32, 64, 128};
    return static_cast<std::uint8_t>(vaddvq_u16(vandq_u16(vreinterpretq_u16_s16(words(same)), places)));
  }
  /// v where x = y, else 0.
  static Vector where_equal(Vector x, Vector y, Vector v) {
    return make([&](std::size_t i) { return vandq_s64(vreinterpretq_s64_u64(vceqq_s64(x.q[i], y.q[i])), v.q[i]); });
  }
};

/// A table of 256 bytes in 16 registers. An index beyond a part, less than 0 as unsigned too, leaves what was found.
void lookup(const Lookup& table, std::size_t cols, std::size_t rows, Codes x, MutableCodes y) {
  if (table.bytes == nullptr || x.width != Width::one || y.width != Width::one) {
    lookup_scalar(table, cols, rows, x, y);
    return;
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(table.bytes);
  const uint8x16x4_t parts[] = {vld1q_u8_x4(bytes), vld1q_u8_x4(bytes + 64), vld1q_u8_x4(bytes + 128),
                                vld1q_u8_x4(bytes + 192)};
  const uint8x16_t part = vdupq_n_u8(64);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto* const in = static_cast<const std::uint8_t*>(x.data) + r * x.stride;
    auto* const out = static_cast<std::uint8_t*>(y.data) + r * y.stride;
    for (std::size_t c = 0; c < cols; c += 16) {
      uint8x16_t i = vld1q_u8(in + c);
      uint8x16_t entries = vqtbl4q_u8(parts[0], i);
      for (std::size_t k = 1; k < 4; ++k) {
        i = vsubq_u8(i, part);
        entries = vqtbx4q_u8(entries, parts[k], i);
      }
      vst1q_u8(out + c, entries);
    }
  }
}

}  // namespace

const Kernels* neon_kernels() {
  static constexpr Kernels table =
      kernels_for<Neon>(lookup, scan<NeonWide>, selective_scan<Neon>, selective_replay<Neon>);
  return &table;
}

}  // namespace bitstate::program

#else

namespace bitstate::program {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace bitstate::program

#endif

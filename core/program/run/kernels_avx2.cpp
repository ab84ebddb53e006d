// The kernels in AVX2.
#include "core/program/run/kernels_scalar.h"

#if defined(__AVX2__)

#include "core/program/run/kernels_scan.h"
#include "core/program/run/kernels_selective.h"
#include "core/program/run/kernels_vector.h"

#include <immintrin.h>

namespace bitstate::program {
namespace {

/// Arithmetic shift of int64, which AVX2 has for no count: with 2^63 added, a logical one, minus 2^(63 - shift).
__m256i shift_right(__m256i v, __m256i shift) {
  const __m256i top = _mm256_set1_epi64x(static_cast<long long>(1ULL << 63U));
  return _mm256_sub_epi64(_mm256_srlv_epi64(_mm256_xor_si256(v, top), shift), _mm256_srlv_epi64(top, shift));
}

/// The int64 v, brought to the nearest that int32 has.
__m256i saturated(__m256i v) {
  const __m256i lo = _mm256_set1_epi64x(-0x80000000LL);
  const __m256i hi = _mm256_set1_epi64x(0x7fffffff);
  const __m256i below = _mm256_blendv_epi8(v, hi, _mm256_cmpgt_epi64(v, hi));
  return _mm256_blendv_epi8(below, lo, _mm256_cmpgt_epi64(lo, below));
}

struct Avx2 {
  /// Elements 0 to 7 and 8 to 15.
  struct Vector {
    __m256i a, b;
  };
  using Squares = Vector;  // [8] int64
  struct HalfFactor {
    __m256i even, odd, half_even, half_odd, shift_even, shift_odd;
    __m256i shift_high;
  };
  struct Factor {
    HalfFactor a, b;
    Reach reach;
  };

  static constexpr Width operands = Width::two;
  static constexpr bool wide_tiles = false;
  static constexpr std::size_t tile_rows = 6;

  static __m128i load_half(const void* p) { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }
  static Vector load(const std::int8_t* p) {
    return {_mm256_cvtepi8_epi32(load_half(p)), _mm256_cvtepi8_epi32(load_half(p + 8))};
  }
  static Vector load(const std::int16_t* p) {
    const auto* const from = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtepi16_epi32(_mm_loadu_si128(from)), _mm256_cvtepi16_epi32(_mm_loadu_si128(from + 1))};
  }
  static Vector load(const std::int32_t* p) { return load_words(reinterpret_cast<const char*>(p)); }
  static Vector load_words(const char* p) {
    const auto* const from = reinterpret_cast<const __m256i*>(p);
    Vector words{_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
    __asm__("" : "+x"(words.a), "+x"(words.b));  // else GCC loads them again wherever they are used
    return words;
  }
  /// v times `scale` [16]
  static void store_real(Vector v, const float* scale, float* p) {
    _mm256_storeu_ps(p, _mm256_mul_ps(_mm256_cvtepi32_ps(v.a), _mm256_loadu_ps(scale)));
    _mm256_storeu_ps(p + 8, _mm256_mul_ps(_mm256_cvtepi32_ps(v.b), _mm256_loadu_ps(scale + 8)));
  }
  /// 1 where x = y, else 0.
  static void store_equal(Vector x, Vector y, float* p) {
    const Vector ones = where_equal(x, y, all(0x3f800000), all(0));
    _mm256_storeu_ps(p, _mm256_castsi256_ps(ones.a));
    _mm256_storeu_ps(p + 8, _mm256_castsi256_ps(ones.b));
  }
  /// The codes of nibbles in the lower half of each byte.
  static __m128i codes_of(__m128i nibbles) {
    return _mm_sub_epi8(_mm_and_si128(nibbles, _mm_set1_epi8(15)), _mm_set1_epi8(8));
  }
  template <Width width, unsigned bits>
  static Vector load_weights(const char* p) {
    if constexpr (bits == 8 * static_cast<unsigned>(width)) return load_words(p);
    const auto* const from = reinterpret_cast<const __m128i*>(p);
    if constexpr (width == Width::four) {
      if constexpr (bits == 16) return load(reinterpret_cast<const std::int16_t*>(p));
      if constexpr (bits == 8) return load(reinterpret_cast<const std::int8_t*>(p));
      const __m128i bytes = load_half(p);
      return {_mm256_cvtepi8_epi32(codes_of(bytes)), _mm256_cvtepi8_epi32(codes_of(_mm_srli_epi16(bytes, 4)))};
    }
    const __m128i bytes = _mm_loadu_si128(from);
    if constexpr (bits == 8) {
      return {_mm256_cvtepi8_epi16(bytes), _mm256_cvtepi8_epi16(_mm_loadu_si128(from + 1))};
    }
    return {_mm256_cvtepi8_epi16(codes_of(bytes)), _mm256_cvtepi8_epi16(codes_of(_mm_srli_epi16(bytes, 4)))};
  }
  /// Codes fit 16 bits.
  static __m256i packed(Vector v) { return _mm256_permute4x64_epi64(_mm256_packs_epi32(v.a, v.b), 0xd8); }
  static void store(Vector v, std::int8_t* p) {
    const __m256i words = packed(v);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static void store(Vector v, std::int16_t* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), packed(v)); }
  static void store(Vector v, std::int32_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p) + 1, v.b);
  }
  template <Width width>
  static Vector broadcast(const char* p) {
    int word = 0;
    __builtin_memcpy(&word, p, sizeof word);
    return all(word);
  }

  static Vector all(std::int32_t v) { return {_mm256_set1_epi32(v), _mm256_set1_epi32(v)}; }
  static Vector leading(Vector v, std::size_t n) {
    const __m256i count = _mm256_set1_epi32(static_cast<int>(n));
    return {_mm256_and_si256(v.a, _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))),
            _mm256_and_si256(v.b, _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)))};
  }
  static Vector add(Vector x, Vector y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
  static Vector subtract(Vector x, Vector y) { return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)}; }
  static Vector multiply(Vector x, Vector y) { return {_mm256_mullo_epi32(x.a, y.a), _mm256_mullo_epi32(x.b, y.b)}; }
  static Vector sign(Vector x) {
    const __m256i one = _mm256_set1_epi32(1);
    return {_mm256_or_si256(_mm256_srai_epi32(x.a, 31), one), _mm256_or_si256(_mm256_srai_epi32(x.b, 31), one)};
  }
  static Vector clamp(Vector x, Vector lo, Vector hi) {
    return {_mm256_min_epi32(_mm256_max_epi32(x.a, lo.a), hi.a), _mm256_min_epi32(_mm256_max_epi32(x.b, lo.b), hi.b)};
  }
  static Vector least(Vector x, Vector y) { return {_mm256_min_epi32(x.a, y.a), _mm256_min_epi32(x.b, y.b)}; }
  static Vector greatest(Vector x, Vector y) { return {_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)}; }
  static int equal_half(__m256i x, __m256i y) {
    return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(x, y)));
  }
  /// Bit i: the elements i are equal.
  static std::uint16_t equal(Vector x, Vector y) {
    return static_cast<std::uint16_t>(equal_half(x.a, y.a) | (equal_half(x.b, y.b) << 8));
  }
  static std::int32_t total(Vector x) {
    alignas(32) std::int32_t v[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(v), _mm256_add_epi32(x.a, x.b));
    return v[0] + v[1] + v[2] + v[3] + v[4] + v[5] + v[6] + v[7];
  }

  /// The sums of 16 vectors.
  static Vector totals(const Vector* of) {
    std::int32_t sums[vector_columns];
    for (std::size_t i = 0; i < vector_columns; ++i) sums[i] = total(of[i]);
    return load(sums);
  }

  template <int count>
  static Vector shifted_right(Vector x) {
    return {_mm256_srai_epi32(x.a, count), _mm256_srai_epi32(x.b, count)};
  }
  static Vector both(Vector x, Vector y) { return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
  /// v where x = y, else w.
  static Vector where_equal(Vector x, Vector y, Vector v, Vector w) {
    return {_mm256_blendv_epi8(w.a, v.a, _mm256_cmpeq_epi32(x.a, y.a)),
            _mm256_blendv_epi8(w.b, v.b, _mm256_cmpeq_epi32(x.b, y.b))};
  }
  /// T >> (16 + i), rounded, of the even elements of the two factors of T and of the exponents q.
  static __m256i decay_of(__m256i high, __m256i low, __m256i q) {
    const __m256i one = _mm256_set1_epi64x(1);
    const __m256i product = _mm256_mul_epu32(high, low);
    const __m256i mantissa = _mm256_srli_epi64(_mm256_add_epi64(product, _mm256_set1_epi64x(1LL << 30)), 31);
    const __m256i most = _mm256_set1_epi64x(17);
    const __m256i whole = _mm256_srli_epi64(q, 16);
    const __m256i shift =
        _mm256_add_epi64(_mm256_blendv_epi8(whole, most, _mm256_cmpgt_epi64(whole, most)), _mm256_set1_epi64x(16));
    const __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one));
    return _mm256_srlv_epi64(_mm256_add_epi64(mantissa, half), shift);
  }
  static __m256i decays(__m256i rate, __m256i delta, __m128i fraction, __m256i half, const Exp2& tables) {
    const __m256i even = _mm256_srl_epi64(_mm256_add_epi64(_mm256_mul_epu32(rate, delta), half), fraction);
    const __m256i odd_product = _mm256_mul_epu32(_mm256_srli_epi64(rate, 32), _mm256_srli_epi64(delta, 32));
    const __m256i odd = _mm256_srl_epi64(_mm256_add_epi64(odd_product, half), fraction);
    const __m256i q = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);  // the low halves
    const __m256i byte = _mm256_set1_epi32(255);
    const __m256i of_high = _mm256_i32gather_epi32(reinterpret_cast<const int*>(tables.high),
                                                   _mm256_and_si256(_mm256_srli_epi32(q, 8), byte), 4);
    const __m256i of_low =
        _mm256_i32gather_epi32(reinterpret_cast<const int*>(tables.low), _mm256_and_si256(q, byte), 4);
    const __m256i a = decay_of(of_high, of_low, even);
    const __m256i b = decay_of(_mm256_srli_epi64(of_high, 32), _mm256_srli_epi64(of_low, 32), odd);
    return _mm256_min_epi32(_mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xaa), _mm256_set1_epi32(32767));
  }
  /// decay_code() of core/exp2.h for 16 rates, and a step or 16 steps.
  struct Decays {
    __m128i count;
    __m256i half;
    Exp2 tables;

    Decays(std::int32_t fraction, const Exp2& exp2)
        : count(_mm_cvtsi32_si128(fraction)), half(_mm256_set1_epi64x(1LL << (fraction - 1))), tables(exp2) {}
    Vector operator()(Vector rate, Vector delta) const {
      return {decays(rate.a, delta.a, count, half, tables), decays(rate.b, delta.b, count, half, tables)};
    }
    Vector operator()(Vector rate, std::int32_t delta) const { return (*this)(rate, all(delta)); }
  };

  static Squares no_squares() { return all(0); }
  static __m256i squares_of(__m256i v) {
    const __m256i odd = _mm256_srli_epi64(v, 32);
    return _mm256_add_epi64(_mm256_mul_epi32(v, v), _mm256_mul_epi32(odd, odd));
  }
  static void add_squares(Squares& sum, Vector x) {
    sum = {_mm256_add_epi64(sum.a, squares_of(x.a)), _mm256_add_epi64(sum.b, squares_of(x.b))};
  }
  static std::int64_t total_squares(Squares sum) {
    alignas(32) std::int64_t v[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(v), _mm256_add_epi64(sum.a, sum.b));
    return v[0] + v[1] + v[2] + v[3];
  }

  static HalfFactor half_factor(__m256i multiplier, __m256i shift) {
    const __m256i one = _mm256_set1_epi64x(1);
    const __m256i even = _mm256_and_si256(shift, _mm256_set1_epi64x(0xffffffff));
    const __m256i odd = _mm256_srli_epi64(shift, 32);
    return {multiplier,
            _mm256_srli_epi64(multiplier, 32),
            _mm256_sllv_epi64(one, _mm256_sub_epi64(even, one)),
            _mm256_sllv_epi64(one, _mm256_sub_epi64(odd, one)),
            even,
            odd,
            _mm256_sub_epi32(shift, _mm256_set1_epi32(32))};
  }
  static Factor factor(const Factors& f, std::size_t column) {
    const Vector multiplier = load(f.multiplier + column);
    const Vector shift = load(f.shift + column);
    return {half_factor(multiplier.a, shift.a), half_factor(multiplier.b, shift.b), f.reach};
  }
  static Factor factor(std::int32_t multiplier, std::int32_t shift) {
    const HalfFactor half = half_factor(_mm256_set1_epi32(multiplier), _mm256_set1_epi32(shift));
    return {half, half, shift >= 32 ? Reach::high : Reach::low};
  }
  static __m256i rescale(__m256i v, const HalfFactor& f, Reach reach) {
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(v, f.even), f.half_even);
    __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(v, 32), f.odd), f.half_odd);
    if (reach == Reach::high) {
      return _mm256_srav_epi32(_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa), f.shift_high);
    }
    if (reach == Reach::low) {  // what a shift brings in from above does not reach the low half
      even = _mm256_srlv_epi64(even, f.shift_even);
      odd = _mm256_srlv_epi64(odd, f.shift_odd);
    } else {
      even = shift_right(even, f.shift_even);
      odd = shift_right(odd, f.shift_odd);
    }
    if (reach == Reach::wide) {
      even = saturated(even);
      odd = saturated(odd);
    }
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  }
  static Vector rescale(Vector x, const Factor& f) { return {rescale(x.a, f.a, f.reach), rescale(x.b, f.b, f.reach)}; }

  /// sums + the products of the codes of a word; modulo 2^32
  template <Width width>
  static Vector multiply_add(Vector sums, Vector word, Vector weights) {
    if constexpr (width == Width::four) return add(sums, multiply(word, weights));
    Vector y = add(sums, {_mm256_madd_epi16(word.a, weights.a), _mm256_madd_epi16(word.b, weights.b)});
    __asm__("" : "+x"(y.a), "+x"(y.b));
    return y;
  }
};

struct Wide256 {
  /// Elements 0 to 3 and 4 to 7.
  struct Vector {
    __m256i a, b;
  };

  static Vector load(const std::int8_t* p) {
    const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi8_epi64(codes), _mm256_cvtepi8_epi64(_mm_srli_si128(codes, 4))};
  }
  static Vector load(const std::int16_t* p) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi16_epi64(codes), _mm256_cvtepi16_epi64(_mm_srli_si128(codes, 8))};
  }
  static Vector load(const std::int32_t* p) {
    const auto* const from = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtepi32_epi64(_mm_loadu_si128(from)), _mm256_cvtepi32_epi64(_mm_loadu_si128(from + 1))};
  }
  static Vector load(const std::int64_t* p) {
    const auto* const from = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
  }
  /// The low halves, as 8 int32.
  static __m256i low(Vector v) {
    const __m256i lanes_mixed =
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(v.a), _mm256_castsi256_ps(v.b), 0x88));
    return _mm256_permute4x64_epi64(lanes_mixed, 0xd8);
  }
  static __m128i words(Vector v) {
    const __m256i codes = low(v);
    return _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
  }
  static void store(Vector v, std::int8_t* p) {
    const __m128i codes = words(v);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(codes, codes));
  }
  static void store(Vector v, std::int16_t* p) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words(v)); }
  static void store(Vector v, std::int32_t* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), low(v)); }
  static void store(Vector v, std::int64_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p) + 1, v.b);
  }

  static Vector all(std::int64_t v) { return {_mm256_set1_epi64x(v), _mm256_set1_epi64x(v)}; }
  static Vector add(Vector x, Vector y) { return {_mm256_add_epi64(x.a, y.a), _mm256_add_epi64(x.b, y.b)}; }
  static Vector subtract(Vector x, Vector y) { return {_mm256_sub_epi64(x.a, y.a), _mm256_sub_epi64(x.b, y.b)}; }
  /// Of numbers that fit 32 bits.
  static Vector multiply(Vector x, Vector y) { return {_mm256_mul_epi32(x.a, y.a), _mm256_mul_epi32(x.b, y.b)}; }
  static Vector shift_left(Vector v, Vector shift) {
    return {_mm256_sllv_epi64(v.a, shift.a), _mm256_sllv_epi64(v.b, shift.b)};
  }
  static Vector shift_right(Vector v, Vector shift) {
    return {program::shift_right(v.a, shift.a), program::shift_right(v.b, shift.b)};
  }
  /// To [-bound, bound].
  static __m256i clamp(__m256i v, __m256i bound) {
    const __m256i least = _mm256_sub_epi64(_mm256_setzero_si256(), bound);
    const __m256i below = _mm256_blendv_epi8(v, bound, _mm256_cmpgt_epi64(v, bound));
    return _mm256_blendv_epi8(below, least, _mm256_cmpgt_epi64(least, below));
  }
  static Vector clamp(Vector v, Vector bound) { return {clamp(v.a, bound.a), clamp(v.b, bound.b)}; }
  static __m256i larger_magnitude(__m256i largest, __m256i v) {
    const __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), v);
    const __m256i magnitude = _mm256_sub_epi64(_mm256_xor_si256(v, sign), sign);
    return _mm256_blendv_epi8(largest, magnitude, _mm256_cmpgt_epi64(magnitude, largest));
  }
  static Vector larger_magnitude(Vector largest, Vector v) {
    return {larger_magnitude(largest.a, v.a), larger_magnitude(largest.b, v.b)};
  }
  static int equal_half(__m256i x, __m256i y) {
    return _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(x, y)));
  }
  /// Bit i: the elements i are equal.
  static std::uint8_t equal(Vector x, Vector y) {
    return static_cast<std::uint8_t>(equal_half(x.a, y.a) | (equal_half(x.b, y.b) << 4));
  }
  /// v where x = y, else 0.
  static Vector where_equal(Vector x, Vector y, Vector v) {
    return {_mm256_and_si256(_mm256_cmpeq_epi64(x.a, y.a), v.a), _mm256_and_si256(_mm256_cmpeq_epi64(x.b, y.b), v.b)};
  }
};

/// 128 entries, as the differences (exclusive or) of each 16 to those before. A shuffle takes the lower four bits of an
/// index, and gives 0 for a negative one: an index from 16 k to 16 k + 15, less 16 each time, takes the first k + 1
/// parts, whose sum is the entry.
struct HalfTable {
  __m256i parts[8];

  explicit HalfTable(const std::int8_t* entries) {
    __m256i before = _mm256_setzero_si256();
    for (std::size_t k = 0; k < 8; ++k) {
      const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i*>(entries) + k);
      const __m256i twice = _mm256_broadcastsi128_si256(some);
      parts[k] = _mm256_xor_si256(twice, before);
      before = twice;
    }
  }

  /// 0 for negative indices.
  [[nodiscard]] __m256i operator()(__m256i i) const {
    const __m256i sixteen = _mm256_set1_epi8(16);
    __m256i sum = _mm256_shuffle_epi8(parts[0], i);
    for (std::size_t k = 1; k < 8; ++k) {
      i = _mm256_subs_epi8(i, sixteen);
      sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(parts[k], i));
    }
    return sum;
  }
};

void lookup(const Lookup& table, std::size_t cols, std::size_t rows, Codes x, MutableCodes y) {
  if (table.bytes == nullptr || x.width != Width::one || y.width != Width::one) {
    lookup_scalar(table, cols, rows, x, y);
    return;
  }
  const HalfTable lower(table.bytes), upper(table.bytes + 128);
  const __m256i top = _mm256_set1_epi8(-128);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto* const in = static_cast<const std::int8_t*>(x.data) + r * x.stride;
    auto* const out = static_cast<std::int8_t*>(y.data) + r * y.stride;
    for (std::size_t c = 0; c < cols; c += 32) {
      const __m256i i = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + c));
      const __m256i entries = _mm256_or_si256(lower(i), upper(_mm256_xor_si256(i, top)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + c), entries);
    }
  }
}

}  // namespace

const Kernels* avx2_kernels() {
  static constexpr Kernels table =
      kernels_for<Avx2>(lookup, scan<Wide256>, selective_scan<Avx2>, selective_replay<Avx2>);
  return &table;
}

}  // namespace bitstate::program

#else

namespace bitstate::program {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace bitstate::program

#endif

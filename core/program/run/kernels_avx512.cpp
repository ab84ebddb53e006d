// The kernels in AVX-512, compiled with the flags of Isa::avx512.
#include "core/program/run/kernels_scalar.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && \
    defined(__AVX512VNNI__) && defined(__AVX512VBMI__)

#include "core/program/run/kernels_scan.h"
#include "core/program/run/kernels_selective.h"
#include "core/program/run/kernels_vector.h"

#include <immintrin.h>

namespace bitstate::program {
namespace {

struct Avx512 {
  using Vector = __m512i;
  using Squares = __m512i;  // [8] int64
  /// Of the 64-bit products of even and of odd elements.
  struct Factor {
    __m512i even, odd, half_even, half_odd, shift_even, shift_odd;
    __m512i shift_high;  // of the high halves
    Reach reach;
  };

  static constexpr Width operands = Width::one;
  static constexpr bool wide_tiles = true;
  static constexpr std::size_t tile_rows = 4;

  static Vector load(const std::int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Vector load(const std::int16_t* p) {
    return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Vector load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  static void store(Vector v, std::int8_t* p) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
  }
  static void store(Vector v, std::int16_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
  }
  static void store(Vector v, std::int32_t* p) { _mm512_storeu_si512(p, v); }
  /// v times `scale` [16]
  static void store_real(Vector v, const float* scale, float* p) {
    _mm512_storeu_ps(p, _mm512_mul_ps(_mm512_cvtepi32_ps(v), _mm512_loadu_ps(scale)));
  }
  /// 1 where a = b, else 0.
  static void store_equal(Vector a, Vector b, float* p) {
    _mm512_storeu_ps(p, _mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(a, b), _mm512_set1_ps(1.0F)));
  }
  static Vector load_words(const char* p) { return _mm512_loadu_si512(p); }
  template <Width width>
  static Vector broadcast(const char* p) {
    int bytes = 0;
    __builtin_memcpy(&bytes, p, sizeof bytes);
    const Vector word = _mm512_set1_epi32(bytes);
    return width == Width::one ? _mm512_xor_si512(word, _mm512_set1_epi8(-128)) : word;  // x + 128, unsigned
  }

  static Vector all(std::int32_t v) { return _mm512_set1_epi32(v); }
  static Vector leading(Vector v, std::size_t n) {
    return _mm512_maskz_mov_epi32(static_cast<__mmask16>((1U << n) - 1U), v);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm512_sub_epi32(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm512_mullo_epi32(a, b); }
  static Vector sign(Vector a) { return _mm512_or_si512(_mm512_srai_epi32(a, 31), _mm512_set1_epi32(1)); }
  static Vector clamp(Vector a, Vector lo, Vector hi) { return _mm512_min_epi32(_mm512_max_epi32(a, lo), hi); }
  static Vector least(Vector a, Vector b) { return _mm512_min_epi32(a, b); }
  static Vector greatest(Vector a, Vector b) { return _mm512_max_epi32(a, b); }
  /// Bit i: the elements i are equal.
  static std::uint16_t equal(Vector a, Vector b) { return _mm512_cmpeq_epi32_mask(a, b); }
  static std::int32_t total(Vector a) { return _mm512_reduce_add_epi32(a); }

  template <int count>
  static Vector shifted_right(Vector a) {
    return _mm512_srai_epi32(a, count);
  }
  template <int count>
  static Vector shifted_left(Vector a) {
    return _mm512_slli_epi32(a, count);
  }
  /// v where a = b, else 0.
  static Vector where_equal(Vector a, Vector b, Vector v) {
    return _mm512_maskz_mov_epi32(_mm512_cmpeq_epi32_mask(a, b), v);
  }
  /// T >> (16 + i), rounded, of the even elements of the two factors of T and of the exponents q.
  static __m512i decay_of(__m512i high, __m512i low, __m512i q) {
    const __m512i one = _mm512_set1_epi64(1);
    const __m512i product = _mm512_mul_epu32(high, low);
    const __m512i mantissa = _mm512_srli_epi64(_mm512_add_epi64(product, _mm512_set1_epi64(1LL << 30)), 31);
    const __m512i shift =
        _mm512_add_epi64(_mm512_min_epu64(_mm512_srli_epi64(q, 16), _mm512_set1_epi64(17)), _mm512_set1_epi64(16));
    const __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
    return _mm512_srlv_epi64(_mm512_add_epi64(mantissa, half), shift);
  }
  /// decay_code() of core/exp2.h for 16 rates and steps.
  static Vector decays(Vector rate, Vector delta, std::int32_t fraction, const std::uint32_t* high,
                       const std::uint32_t* low) {
    const __m128i count = _mm_cvtsi32_si128(fraction);
    const __m512i half = _mm512_set1_epi64(1LL << (fraction - 1));
    const __m512i even = _mm512_srl_epi64(_mm512_add_epi64(_mm512_mul_epu32(rate, delta), half), count);
    const __m512i odd_product = _mm512_mul_epu32(_mm512_srli_epi64(rate, 32), _mm512_srli_epi64(delta, 32));
    const __m512i odd = _mm512_srl_epi64(_mm512_add_epi64(odd_product, half), count);
    const __m512i q = _mm512_mask_shuffle_epi32(even, 0xaaaa, odd, _MM_PERM_CCAA);  // the low halves
    const __m512i byte = _mm512_set1_epi32(255);
    const __m512i of_high = _mm512_i32gather_epi32(_mm512_and_si512(_mm512_srli_epi32(q, 8), byte), high, 4);
    const __m512i of_low = _mm512_i32gather_epi32(_mm512_and_si512(q, byte), low, 4);
    const __m512i a = decay_of(of_high, of_low, even);
    const __m512i b = decay_of(_mm512_srli_epi64(of_high, 32), _mm512_srli_epi64(of_low, 32), odd);
    return _mm512_min_epi32(_mm512_mask_shuffle_epi32(a, 0xaaaa, b, _MM_PERM_CCAA), _mm512_set1_epi32(32767));
  }

  static Squares no_squares() { return _mm512_setzero_si512(); }
  static void add_squares(Squares& sum, Vector a) {
    const __m512i odd = _mm512_srli_epi64(a, 32);
    sum = _mm512_add_epi64(sum, _mm512_add_epi64(_mm512_mul_epi32(a, a), _mm512_mul_epi32(odd, odd)));
  }
  static std::int64_t total_squares(Squares sum) { return _mm512_reduce_add_epi64(sum); }

  static Factor factor(__m512i multiplier, __m512i shift, Reach reach) {
    const __m512i one = _mm512_set1_epi64(1);
    const __m512i even = _mm512_and_si512(shift, _mm512_set1_epi64(0xffffffff));
    const __m512i odd = _mm512_srli_epi64(shift, 32);
    return {multiplier,
            _mm512_srli_epi64(multiplier, 32),
            _mm512_sllv_epi64(one, _mm512_sub_epi64(even, one)),
            _mm512_sllv_epi64(one, _mm512_sub_epi64(odd, one)),
            even,
            odd,
            _mm512_sub_epi32(shift, _mm512_set1_epi32(32)),
            reach};
  }
  static Factor factor(const Factors& f, std::size_t column) {
    return factor(load(f.multiplier + column), load(f.shift + column), f.reach);
  }
  static Factor factor(std::int32_t multiplier, std::int32_t shift) {
    return factor(all(multiplier), all(shift), shift >= 32 ? Reach::high : Reach::fits);
  }
  static Vector rescale(Vector a, const Factor& f) {
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, f.even), f.half_even);
    __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), f.odd), f.half_odd);
    if (f.reach == Reach::high) {
      return _mm512_srav_epi32(_mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB), f.shift_high);
    }
    even = _mm512_srav_epi64(even, f.shift_even);
    odd = _mm512_srav_epi64(odd, f.shift_odd);
    if (f.reach == Reach::wide) {
      const __m512i lo = _mm512_set1_epi64(-0x80000000LL);
      const __m512i hi = _mm512_set1_epi64(0x7fffffff);
      even = _mm512_min_epi64(_mm512_max_epi64(even, lo), hi);
      odd = _mm512_min_epi64(_mm512_max_epi64(odd, lo), hi);
    }
    return _mm512_mask_shuffle_epi32(even, 0xaaaa, odd, _MM_PERM_CCAA);
  }

  /// sums + the products of the codes of a word; modulo 2^32
  template <Width width>
  static Vector multiply_add(Vector sums, Vector word, Vector weights) {
    if constexpr (width == Width::one) return _mm512_dpbusd_epi32(sums, word, weights);
    if constexpr (width == Width::two) return _mm512_dpwssd_epi32(sums, word, weights);
    return add(sums, multiply(word, weights));
  }
};

struct Wide512 {
  using Vector = __m512i;

  static Vector load(const std::int8_t* p) {
    return _mm512_cvtepi8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static Vector load(const std::int16_t* p) {
    return _mm512_cvtepi16_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Vector load(const std::int32_t* p) {
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Vector load(const std::int64_t* p) { return _mm512_loadu_si512(p); }
  static void store(Vector v, std::int8_t* p) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm512_cvtepi64_epi8(v));
  }
  static void store(Vector v, std::int16_t* p) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi64_epi16(v));
  }
  static void store(Vector v, std::int32_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi64_epi32(v));
  }
  static void store(Vector v, std::int64_t* p) { _mm512_storeu_si512(p, v); }

  static Vector all(std::int64_t v) { return _mm512_set1_epi64(v); }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi64(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm512_sub_epi64(a, b); }
  /// Of numbers that fit 32 bits.
  static Vector multiply(Vector a, Vector b) { return _mm512_mul_epi32(a, b); }
  static Vector shift_left(Vector v, Vector shift) { return _mm512_sllv_epi64(v, shift); }
  static Vector shift_right(Vector v, Vector shift) { return _mm512_srav_epi64(v, shift); }
  /// To [-bound, bound].
  static Vector clamp(Vector v, Vector bound) {
    return _mm512_min_epi64(_mm512_max_epi64(v, _mm512_sub_epi64(_mm512_setzero_si512(), bound)), bound);
  }
  static Vector larger_magnitude(Vector largest, Vector v) { return _mm512_max_epi64(largest, _mm512_abs_epi64(v)); }
  /// Bit i: the elements i are equal.
  static std::uint8_t equal(Vector a, Vector b) { return _mm512_cmpeq_epi64_mask(a, b); }
  /// v where a = b, else 0.
  static Vector where_equal(Vector a, Vector b, Vector v) {
    return _mm512_maskz_mov_epi64(_mm512_cmpeq_epi64_mask(a, b), v);
  }
};

/// A table of 256 bytes in four registers.
void lookup(const Lookup& table, std::size_t cols, std::size_t rows, Codes x, MutableCodes y) {
  if (table.bytes == nullptr || x.width != Width::one || y.width != Width::one) {
    lookup_scalar(table, cols, rows, x, y);
    return;
  }
  const __m512i t0 = _mm512_loadu_si512(table.bytes);
  const __m512i t1 = _mm512_loadu_si512(table.bytes + 64);
  const __m512i t2 = _mm512_loadu_si512(table.bytes + 128);
  const __m512i t3 = _mm512_loadu_si512(table.bytes + 192);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; c += row_multiple) {
      const __m512i i = _mm512_loadu_si512(static_cast<const std::int8_t*>(x.data) + r * x.stride + c);
      const __m512i low = _mm512_permutex2var_epi8(t0, i, t1);
      const __m512i high = _mm512_permutex2var_epi8(t2, i, t3);
      _mm512_storeu_si512(static_cast<std::int8_t*>(y.data) + r * y.stride + c,
                          _mm512_mask_blend_epi8(_mm512_movepi8_mask(i), low, high));
    }
  }
}

}  // namespace

const Kernels* avx512_kernels() {
  static constexpr Kernels table =
      kernels_for<Avx512>(lookup, scan<Wide512>, selective_scan<Avx512>, selective_replay<Avx512>);
  return &table;
}

}  // namespace bitstate::program

#else

namespace bitstate::program {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace bitstate::program

#endif

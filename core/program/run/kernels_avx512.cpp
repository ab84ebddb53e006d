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

/// decay_code() of core/exp2.h for 16 rates, and a step or 16 steps.
class Decays512 {
 public:
  Decays512(std::int32_t fraction, const Exp2& tables)
      : tables_(tables),
        sixteenths_(_mm512_loadu_si512(tables.sixteenths)),
        half_(_mm512_set1_epi64(1LL << (fraction - 1))),
        count_(_mm_cvtsi32_si128(fraction)) {}

  __m512i operator()(__m512i rate, __m512i delta) const { return of(rate, delta, _mm512_srli_epi64(delta, 32)); }
  __m512i operator()(__m512i rate, std::int32_t delta) const {
    const __m512i steps = _mm512_set1_epi32(delta);
    return of(rate, steps, steps);
  }

 private:
  /// A gather takes longer than all the rest, so the tables are read only where the error of half_mantissa() could
  /// matter.
  [[nodiscard]] __m512i of(__m512i rate, __m512i even_steps, __m512i odd_steps) const {
    const __m512i even = _mm512_add_epi64(_mm512_mul_epu32(rate, even_steps), half_);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epu32(_mm512_srli_epi64(rate, 32), odd_steps), half_);
    const __m512i q = _mm512_or_si512(exponent(even), _mm512_slli_epi64(exponent(odd), 32));
    const __m512i whole = _mm512_srli_epi32(q, 16);
    const __m512i shift = _mm512_add_epi32(whole, _mm512_set1_epi32(15));
    const __m512i sum = _mm512_add_epi32(half_mantissa(q), _mm512_sllv_epi32(half_code_, whole));
    const __m512i least = _mm512_srlv_epi32(_mm512_sub_epi32(sum, error_), shift);
    const __m512i largest = _mm512_srlv_epi32(_mm512_add_epi32(sum, error_), shift);
    if (_mm512_cmpneq_epi32_mask(least, largest) != 0) return by_tables(exponent(even), exponent(odd));
    return _mm512_min_epi32(least, largest_code_);
  }

  /// x in units of 2^-16; what exceeds 16 is as good as everything beyond.
  [[nodiscard]] __m512i exponent(__m512i product) const {
    return _mm512_min_epu64(_mm512_srl_epi64(product, count_), most_);
  }

  /// T / 2 of docs/numerics.md, section 10, off by less than error_, for the lower 16 bits of q: by the sixteenth below
  /// them, and for the rest r by 1 - 2^-(r 2^-16) = c1 r - c2 r^2 + c3 r^3 - c4 r^4.
  [[nodiscard]] __m512i half_mantissa(__m512i q) const {
    const __m512i above = _mm512_permutexvar_epi32(_mm512_srli_epi32(q, 12), sixteenths_);  // by 4 bits of the index
    const __m512 rest = _mm512_cvtepi32_ps(_mm512_and_si512(q, rest_));
    __m512 part = _mm512_set1_ps(-0x1.3b2ab6p-71F);
    part = _mm512_fmadd_ps(part, rest, _mm512_set1_ps(0x1.c6b08ep-53F));
    part = _mm512_fmadd_ps(part, rest, _mm512_set1_ps(-0x1.ebfbep-35F));
    part = _mm512_fmadd_ps(part, rest, _mm512_set1_ps(0x1.62e43p-17F));
    part = _mm512_mul_ps(part, _mm512_mul_ps(rest, _mm512_cvtepi32_ps(above)));
    return _mm512_sub_epi32(above, _mm512_cvtps_epi32(part));
  }

  /// T >> (16 + i), rounded, of the even elements of the two factors of T and of the exponents q.
  static __m512i code_of(__m512i high, __m512i low, __m512i q) {
    const __m512i one = _mm512_set1_epi64(1);
    const __m512i product = _mm512_mul_epu32(high, low);
    const __m512i mantissa = _mm512_srli_epi64(_mm512_add_epi64(product, _mm512_set1_epi64(1LL << 30)), 31);
    const __m512i shift = _mm512_add_epi64(_mm512_srli_epi64(q, 16), _mm512_set1_epi64(16));
    const __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
    return _mm512_srlv_epi64(_mm512_add_epi64(mantissa, half), shift);
  }
  [[nodiscard, gnu::noinline]] __m512i by_tables(__m512i even, __m512i odd) const {
    const __m512i q = _mm512_or_si512(even, _mm512_slli_epi64(odd, 32));
    const __m512i byte = _mm512_set1_epi32(255);
    const __m512i high = _mm512_i32gather_epi32(_mm512_and_si512(_mm512_srli_epi32(q, 8), byte), tables_.high, 4);
    const __m512i low = _mm512_i32gather_epi32(_mm512_and_si512(q, byte), tables_.low, 4);
    const __m512i a = code_of(high, low, even);
    const __m512i b = code_of(_mm512_srli_epi64(high, 32), _mm512_srli_epi64(low, 32), odd);
    return _mm512_min_epi32(_mm512_or_si512(a, _mm512_slli_epi64(b, 32)), largest_code_);
  }

  Exp2 tables_;
  __m512i sixteenths_, half_;
  __m512i most_ = _mm512_set1_epi64((16LL << 16) + 1);
  __m512i rest_ = _mm512_set1_epi32(0xfff);
  __m512i half_code_ = _mm512_set1_epi32(1 << 14);
  __m512i error_ = _mm512_set1_epi32(8);  // a test tries all exponents
  __m512i largest_code_ = _mm512_set1_epi32(32767);
  __m128i count_;
};

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
  template <Width width, unsigned bits>
  static Vector load_weights(const char* p) {
    if constexpr (bits == 8 * static_cast<unsigned>(width)) return load_words(p);
    if constexpr (bits == 16) return load(reinterpret_cast<const std::int16_t*>(p));
    if constexpr (bits == 8 && width == Width::four) return load(reinterpret_cast<const std::int8_t*>(p));
    if constexpr (bits == 8) {
      return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    }
    if constexpr (width == Width::one) {
      const __m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
      const __m512i nibbles = _mm512_srlv_epi64(twice, _mm512_setr_epi64(0, 0, 0, 0, 4, 4, 4, 4));
      return _mm512_sub_epi8(_mm512_and_si512(nibbles, _mm512_set1_epi8(15)), _mm512_set1_epi8(8));
    }
    const __m128i bytes = width == Width::two ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))
                                              : _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    const __m128i high = _mm_srli_epi16(bytes, 4);
    const auto codes_of = [](__m256i nibbles) {
      return _mm256_sub_epi8(_mm256_and_si256(nibbles, _mm256_set1_epi8(15)), _mm256_set1_epi8(8));
    };
    if constexpr (width == Width::two) return _mm512_cvtepi8_epi16(codes_of(_mm256_set_m128i(high, bytes)));
    return _mm512_cvtepi8_epi32(
        _mm256_castsi256_si128(codes_of(_mm256_castsi128_si256(_mm_unpacklo_epi64(bytes, high)))));
  }
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
  /// The sums of 16 vectors.
  static Vector totals(const Vector* of) {
    const auto pair = [](Vector a, Vector b) {
      return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    };
    const auto four = [&](std::size_t i) {  // in each quarter, the sums of the quarters of four vectors
      const Vector a = pair(of[i], of[i + 1]), b = pair(of[i + 2], of[i + 3]);
      return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    };
    const auto quarters = [](Vector a, Vector b) {
      return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
    };
    return quarters(quarters(four(0), four(4)), quarters(four(8), four(12)));
  }

  template <int count>
  static Vector shifted_right(Vector a) {
    return _mm512_srai_epi32(a, count);
  }
  static Vector both(Vector a, Vector b) { return _mm512_and_si512(a, b); }
  /// v where a = b, else w.
  static Vector where_equal(Vector a, Vector b, Vector v, Vector w) {
    return _mm512_mask_mov_epi32(w, _mm512_cmpeq_epi32_mask(a, b), v);
  }
  using Decays = Decays512;
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

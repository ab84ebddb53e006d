// The loops of a program's instructions, for each instruction set. Bit-equal: what differs is only how fast they are.
// A value lies in memory with rows of `stride` codes: a multiple of `row_multiple` in a program, of `vector_columns` in
// training. `vector_columns` columns are computed at once, so that loops need no remainders: what stands between `cols`
// and the next multiple is any number, read and written but never used. `lookup` alone takes `row_multiple` columns at
// once; training has tables of its own.
#pragma once

#include "core/residue.h"

#include <cstddef>
#include <cstdint>

namespace bitstate::program {

inline constexpr std::size_t vector_columns = 16;  ///< columns computed at once: the elements of a Set::Vector
inline constexpr std::size_t row_multiple = 64;    ///< of strides in a program: rows begin at cache lines

/// Bytes of a code.
enum class Width : std::uint8_t { one = 1, two = 2, four = 4 };

/// Codes that are read: row r, column c is element r * stride + c.
struct Codes {
  const void* data;
  Width width;
  std::size_t stride;
};

/// Codes that are written.
struct MutableCodes {
  void* data;
  Width width;
  std::size_t stride;
};

/// What is known of the results of a rescale.
enum class Reach : std::uint8_t {
  high,  ///< all shifts are at least 32: the result is a shift of the high half of the product
  low,   ///< none is more than 32, and the result fits 32 bits: it is in the low half of the shifted product
  fits,  ///< the result fits 32 bits
  wide,  ///< it may not, and a clamp follows
};

/// rescale(x_c, multiplier_c 2^-shift_c); arrays [cols], filled up with multiplier 0 and shift 32.
struct Factors {
  const std::int32_t* multiplier = nullptr;
  const std::int32_t* shift = nullptr;
  Reach reach = Reach::wide;
};

/// What training wants to know of a rescale beside its results; each may be null.
struct Watch {
  /// Bit k: the clamp left code k as it was, where code k of the results is r * stride + c.
  std::uint8_t* unclamped = nullptr;
  std::int32_t* lowest = nullptr;   ///< of what is rescaled, [cols, up to whole vectors], updated
  std::int32_t* highest = nullptr;  ///< as `lowest`; there if that is
};

/// clamp(rescale(x_c, factors), lo_c, hi_c)
struct Rescaling {
  Factors factors;
  const std::int32_t* lo = nullptr;
  const std::int32_t* hi = nullptr;
  Watch watch = {};
};

/// y_o = sum_i W_oi x_i + b_o. The weights lie as [rows / vector_columns][words][vector_columns][codes per word], where
/// a word is 4 bytes of x: 4, 2 or 1 codes of `width`, the width of x. For 8-bit operands x + 128 is multiplied, and
/// the bias has -128 sum_i W_oi in it (modulo 2^32). A weight takes as many bits as a code of x, or fewer. With 4, the
/// n codes of vector_columns words are a block of core/quantization/int4.h.
struct Products {
  Width width = Width::four;
  std::uint8_t bits = 32;  ///< of a weight: 4, 8, 16 or 32
  std::size_t rows = 0;    ///< outputs
  std::size_t words = 0;   ///< of a row of x, at least 1
  const void* weights = nullptr;
  const std::int32_t* bias = nullptr;
};

/// program::LayerNorm; scale and bias [cols]
struct Norm {
  std::size_t cols = 0;
  const std::int32_t* scale = nullptr;
  const std::int32_t* bias = nullptr;
  std::int32_t fraction = 0;
  std::int64_t epsilon = 1;
};

/// program::RmsNorm; scale [cols]
struct GroupNorm {
  std::size_t cols = 0;
  std::size_t groups = 1;
  const std::int32_t* scale = nullptr;
  std::int32_t fraction = 0;
  std::int64_t epsilon = 1;
};

/// program::Conv; weights [taps][cols], rows filled up as padded_row() does.
struct Window {
  std::size_t taps = 1;
  bool backward = false;
  const std::int32_t* const* weights = nullptr;
  const std::int32_t* bias = nullptr;
};

/// y = entries[x - first + offsets[c]]
struct Lookup {
  const std::int32_t* entries = nullptr;
  std::int32_t first = 0;
  const std::int32_t* offsets = nullptr;  ///< of the columns; null: 0 for all
  const std::int8_t* bytes = nullptr;     ///< [256], by the x of 8 bits taken as unsigned; null: codes are wider
};

/// Codes that are rescaled before they are added.
struct Term {
  Factors factors;
  Codes codes;
};

/// What a scan keeps: x and residue [2 states] before the first row, which become those after the last; and what
/// training wants to know, where it is not null.
struct States {
  std::int32_t* x;
  std::int64_t* residue;
  /// [rows][2][states / 8, rounded up]: bit p of the real, then of the imaginary parts: the clamp did nothing
  std::uint8_t* unclamped = nullptr;
  std::int64_t* largest = nullptr;  ///< [2 states]: of |z| before it is rounded, updated; null: nothing is watched
};

/// program::Scan, or program::ScanShear of the matrices with the first row `lambda`
struct Recurrence {
  std::size_t states = 0;
  bool backward = false;
  Residue residue = Residue::none;
  std::int32_t shift = 0;
  std::int32_t bound = 0;
  std::int64_t limit = 0;
  std::int64_t to_state_multiplier = 0, to_state_shift = 1;
  std::int64_t to_inner_multiplier = 0, to_inner_shift = 1;
  const std::int32_t* lambda = nullptr;  ///< [2 states]
  Factors from_input;                    ///< [2 states]
  /// [states]: the imaginary part reads the new real part, times this, and not the old one times lambda_im
  const std::int32_t* shear = nullptr;
};

/// Tables of core/exp2.h.
struct Exp2 {
  const std::uint32_t *high = nullptr, *low = nullptr;  ///< [256]
  const std::int32_t* sixteenths = nullptr;             ///< [16]
};

/// program::SelectiveScan
struct Selective {
  std::size_t channels = 0, states = 0, heads = 0, groups = 0;
  bool rate_per_state = false;  ///< rates [heads, states], else [heads]
  bool backward = false;
  Residue residue = Residue::none;
  std::int32_t first = 0, fraction = 0, input_bound = 0, bound = 0;
  std::int64_t limit = 0;
  const std::int32_t* delta = nullptr;  ///< by dt - first
  const std::int32_t* rate = nullptr;
  Factors to_input, to_inner;  ///< [channels]
  Exp2 exp2;
};

/// Its operands.
struct SelectiveCodes {
  Codes u, dt, b, c;
};

/// What it keeps: h and residue [channels, states] before the first row, which become those after the last; and what
/// training wants to know, where it is not null.
struct SelectiveStates {
  std::int32_t* h;
  std::int32_t* residue;                  ///< null: none is carried on
  std::int64_t* largest_input = nullptr;  ///< [channels]: of |v| before it is clamped, updated
  std::int64_t* largest_state = nullptr;  ///< [channels]: of |Ah + w| with w cut, updated
};

/// One state of each of 16 channels of a scan, side by side, through some rows in the order of the recurrence.
struct SelectiveReplay {
  std::size_t rows = 0;
  const std::int32_t* rate = nullptr;   ///< [16]; null: `decay` has the codes
  const std::int32_t* delta = nullptr;  ///< [rows][16]
  const std::int32_t* v = nullptr;      ///< [rows][16]
  const std::int32_t* b = nullptr;      ///< of the first row
  std::ptrdiff_t b_step = 0;            ///< to that of the next
  Factors to_inner;                     ///< [16]
  const float* scale = nullptr;         ///< [16], of the states
  std::int32_t* h = nullptr;            ///< [16]: before the first row, becomes that after the last
  std::int32_t* residue = nullptr;      ///< likewise; read where one is carried on
  std::int32_t* decay = nullptr;        ///< [rows][16]: codes
  float* decays = nullptr;              ///< [rows][16]: those as real numbers; not written without `rate`
  float* states = nullptr;              ///< [rows][16]: after each row
  float* passes = nullptr;              ///< [rows][16]: 1 where the clamp did nothing, else 0
};

/// One set of loops. Where `then` is given, it is applied to each result before that is stored.
struct Kernels {
  Width operands;  ///< the least width of Products that `linear` knows
  void (*linear)(const Products& w, const Rescaling* then, std::size_t rows, Codes x, MutableCodes y);
  void (*rescale)(const Rescaling& r, std::size_t cols, std::size_t rows, Codes x, MutableCodes y);
  void (*sign)(std::size_t cols, std::size_t rows, Codes x, MutableCodes y);
  void (*product)(const Rescaling* then, std::size_t cols, std::size_t rows, Codes a, Codes b, MutableCodes y);
  void (*scale)(const std::int32_t* row, const Rescaling* then, std::size_t cols, std::size_t rows, Codes x,
                MutableCodes y);
  void (*sum)(const Term& a, const Term& b, const Rescaling* then, std::size_t cols, std::size_t rows, MutableCodes y);
  void (*add_row)(const Term& x, const std::int32_t* row, const Rescaling* then, std::size_t cols, std::size_t rows,
                  MutableCodes y);
  void (*layer_norm)(const Norm& norm, const Rescaling* then, std::size_t rows, Codes x, MutableCodes y);
  void (*group_norm)(const GroupNorm& norm, const Rescaling* then, std::size_t rows, Codes x, MutableCodes y);
  /// `before` has the K - 1 rows that came before the first, in the order of the steps.
  void (*window)(const Window& w, const Rescaling* then, std::size_t cols, std::size_t rows, Codes before, Codes x,
                 MutableCodes y);
  void (*lookup)(const Lookup& table, std::size_t cols, std::size_t rows, Codes x, MutableCodes y);
  void (*scan)(const Recurrence& s, std::size_t rows, Codes b, const States& states, MutableCodes y);
  void (*selective_scan)(const Selective& s, std::size_t rows, const SelectiveCodes& in, const SelectiveStates& states,
                         MutableCodes y);
  /// Codes as selective_scan() has them, and the real numbers they stand for.
  void (*selective_replay)(const Selective& s, const SelectiveReplay& of);
};

/// Instruction sets. avx512: F, BW, DQ, VL, VNNI and VBMI (Ice Lake, Zen 4 and later). neon: that of AArch64.
enum class Isa : std::uint8_t { plain, avx2, avx512, neon };

inline constexpr Isa instruction_sets[] = {Isa::plain, Isa::avx2, Isa::avx512, Isa::neon};

/// Whether this machine has it, and the library loops for it.
[[nodiscard]] bool is_available(Isa isa);

/// The fastest that is available.
[[nodiscard]] Isa best_isa();

/// Throws UsageError when it is not available.
[[nodiscard]] const Kernels& kernels_of(Isa isa);

/// "plain", "avx2", "avx512", "neon"
[[nodiscard]] const char* name_of(Isa isa);

}  // namespace bitstate::program

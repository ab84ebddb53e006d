#include "core/program/run/operands.h"

#include "core/exp2.h"
#include "core/program/run/codes.h"
#include "core/quantization/int4.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace bitstate::program {
namespace {

/// How many weights Products has, with those that fill it up.
std::size_t size_of(const WeightSpec& w, std::size_t words, Width width) {
  return rounded_up(w.rows, vector_columns) * words * (4 / bytes_of(width));
}

/// The weights, interleaved as Products says for codes x of `width`.
template <class T>
void interleave(const WeightSpec& w, std::size_t words, Width width, T* packed) {
  const std::size_t codes = 4 / bytes_of(width);  // a word
  std::fill_n(packed, size_of(w, words, width), T{0});
  const std::size_t whole = w.cols / codes;
  with_type(w.codes, [&](const auto* all) {
    for (std::size_t o = 0; o < w.rows; ++o) {
      const auto* const in = all + o * w.codes.stride;
      T* const column = packed + (o / vector_columns * words * vector_columns + o % vector_columns) * codes;
      const auto put = [&](std::size_t word, std::size_t c) {
        column[word * vector_columns * codes + c] = static_cast<T>(in[word * codes + c]);
      };
      for (std::size_t word = 0; word < whole; ++word) {
        for (std::size_t c = 0; c < codes; ++c) put(word, c);
      }
      for (std::size_t c = 0; c < w.cols - whole * codes; ++c) put(whole, c);
    }
  });
}

template <class T>
const T* interleaved(Arena& arena, const WeightSpec& w, std::size_t words, Width width) {
  T* const packed = arena.array<T>(size_of(w, words, width));
  interleave(w, words, width, packed);
  return packed;
}

const std::uint8_t* copy_of(Arena& arena, const std::vector<std::uint8_t>& bytes) {
  auto* const copy = arena.array<std::uint8_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy);
  return copy;
}

const void* interleaved_nibbles(Arena& arena, const WeightSpec& w, std::size_t words, Width width) {
  std::vector<std::int8_t> codes(size_of(w, words, width));
  interleave(w, words, width, codes.data());
  const Int4Layout block = width == Width::one   ? Int4Layout::block64
                           : width == Width::two ? Int4Layout::block32
                                                 : Int4Layout::block16;
  return copy_of(arena, pack_int4(block, codes, codes.size()));
}

/// The fewest of 4, 8, 16 and 32 that hold the codes.
std::uint8_t bits_of(std::int64_t lo, std::int64_t hi) {
  if (lo >= -8 && hi <= 7) return 4;
  return static_cast<std::uint8_t>(8 * bytes_of(width_of(lo, hi)));
}

std::uint8_t bits_of(const WeightSpec& w) {
  std::int64_t lo = 0, hi = 0;
  with_type(w.codes, [&](const auto* all) {
    for (std::size_t o = 0; o < w.rows; ++o) {
      for (std::size_t c = 0; c < w.cols; ++c) {
        const std::int64_t code = all[o * w.codes.stride + c];
        lo = std::min(lo, code);
        hi = std::max(hi, code);
      }
    }
  });
  return bits_of(lo, hi);
}

/// bias_o - 128 sum of the weights of row o, modulo 2^32.
void take_offset(const WeightSpec& w, std::int32_t* bias) {
  with_type(w.codes, [&](const auto* in) {
    for (std::size_t o = 0; o < w.rows; ++o) {
      std::int64_t sum = 0;
      for (std::size_t c = 0; c < w.cols; ++c) sum += in[o * w.codes.stride + c];
      bias[o] = static_cast<std::int32_t>(bias[o] - 128 * sum);
    }
  });
}

std::int32_t* filled_row(Arena& arena, std::size_t cols, std::int32_t filler) {
  const std::size_t size = rounded_up(cols, row_multiple);
  auto* const row = arena.array<std::int32_t>(size);
  std::fill(row, row + size, filler);
  return row;
}

Products products_in(Arena& arena, const WeightSpec& weights, Width width, std::uint8_t bits) {
  const std::size_t words = rounded_up(weights.cols * bytes_of(width), 4) / 4;
  std::int32_t* const bias = filled_row(arena, weights.rows, 0);
  std::copy(weights.bias.begin(), weights.bias.end(), bias);
  if (width == Width::one) take_offset(weights, bias);
  const auto codes = [&]() -> const void* {
    if (bits == 4) return interleaved_nibbles(arena, weights, words, width);
    if (bits == 8) return interleaved<std::int8_t>(arena, weights, words, width);
    if (bits == 16) return interleaved<std::int16_t>(arena, weights, words, width);
    return interleaved<std::int32_t>(arena, weights, words, width);
  };
  return {width, bits, weights.rows, words, codes(), bias};
}

/// One constant, or one per column, for all of `cols` columns.
const std::int32_t* spread_row(Arena& arena, std::span<const std::int32_t> row, std::size_t cols) {
  if (row.size() == cols) return padded_row(arena, row);
  std::int32_t* const spread = filled_row(arena, cols, 0);
  std::fill(spread, spread + cols, row[0]);
  return spread;
}

}  // namespace

Width width_of(std::int64_t lo, std::int64_t hi) {
  if (lo >= -128 && hi <= 127) return Width::one;
  return lo >= -32768 && hi <= 32767 ? Width::two : Width::four;
}

const std::int32_t* padded_row(Arena& arena, std::span<const std::int32_t> row) {
  std::int32_t* const padded = filled_row(arena, row.size(), 0);
  std::copy(row.begin(), row.end(), padded);
  return padded;
}

Factors factors_of(Arena& arena, std::span<const FixedPoint> factors, std::size_t cols) {
  std::int32_t* const multiplier = filled_row(arena, cols, 0);
  std::int32_t* const shift = filled_row(arena, cols, 32);
  bool high = true;
  bool low = true;
  for (std::size_t c = 0; c < cols; ++c) {
    const FixedPoint& f = factors[factors.size() == 1 ? 0 : c];
    multiplier[c] = static_cast<std::int32_t>(f.multiplier);
    shift[c] = static_cast<std::int32_t>(f.multiplier == 0 ? 32 : f.shift);  // 0 at any shift
    high = high && shift[c] >= 32;
    low = low && shift[c] <= 32;
  }
  return {multiplier, shift, high ? Reach::high : (low ? Reach::low : Reach::fits)};
}

Rescaling rescaling_of(Arena& arena, const RescaleSpec& spec, std::size_t cols) {
  Rescaling r{factors_of(arena, spec.factors, cols), spread_row(arena, spec.lo, cols),
              spread_row(arena, spec.hi, cols)};
  const auto fits = [&](const FixedPoint& f) {
    return rescale(spec.x_lo, f) >= std::numeric_limits<std::int32_t>::min() &&
           rescale(spec.x_hi, f) <= std::numeric_limits<std::int32_t>::max();
  };
  if (!std::all_of(spec.factors.begin(), spec.factors.end(), fits)) r.factors.reach = Reach::wide;
  return r;
}

Products products_of(Arena& arena, const WeightSpec& weights, Width width) {
  return products_in(arena, weights, width, static_cast<std::uint8_t>(8 * bytes_of(width)));
}

Products packed_products_of(Arena& arena, const WeightSpec& weights, Width width) {
  return products_in(arena, weights, width, bits_of(weights));
}

PackedRows::PackedRows(Arena& arena, std::span<const std::int32_t> codes, std::size_t cols) : cols_(cols) {
  const auto [lo, hi] = std::minmax_element(codes.begin(), codes.end());
  nibbles_ = bits_of(*lo, *hi) == 4;
  const Width width = width_of(*lo, *hi);
  if (nibbles_) {
    const std::vector<std::int8_t> bytes(codes.begin(), codes.end());
    codes_ = {copy_of(arena, pack_int4(Int4Layout::bytes, bytes, cols)), width,
              packed_row_bytes(Int4Layout::bytes, cols)};
    return;
  }
  const MutableCodes copy{arena.array<std::byte>(codes.size() * bytes_of(width)), width, cols};
  with_type(copy, [&](auto* out) { copy_codes(codes.data(), codes.size(), out); });
  codes_ = {copy.data, width, cols};
}

void PackedRows::read(std::size_t row, const MutableCodes& y, std::size_t y_row) const {
  std::vector<std::int8_t> unpacked;
  Codes from = rows_from(codes_, row);
  if (nibbles_) {
    const std::span packed(static_cast<const std::uint8_t*>(from.data), codes_.stride);
    unpacked = unpack_int4(Int4Layout::bytes, packed, cols_);
    from.data = unpacked.data();
  }
  with_type(from,
            [&](const auto* in) { with_type(rows_from(y, y_row), [&](auto* out) { copy_codes(in, cols_, out); }); });
}

Window window_of(Arena& arena, const Codes& weight, std::size_t cols, std::size_t taps,
                 std::span<const std::int32_t> bias, bool backward) {
  auto** const weights = arena.array<const std::int32_t*>(taps);
  std::vector<std::int32_t> row(cols);
  for (std::size_t k = 0; k < taps; ++k) {
    with_type(weight, [&](const auto* all) {
      for (std::size_t c = 0; c < cols; ++c) row[c] = all[c * weight.stride + k];
    });
    weights[k] = padded_row(arena, row);
  }
  return {taps, backward, weights, padded_row(arena, bias)};
}

void keep_window(const Window& w, std::size_t cols, std::size_t rows, const Codes& x, std::int32_t* kept) {
  const std::size_t before = w.taps - 1;
  for (std::size_t k = 0; k < before; ++k) {  // the oldest first: what is read was not written yet
    const std::size_t step = rows + k;
    std::int32_t* const to = kept + k * cols;
    if (step < before) {
      std::copy_n(kept + step * cols, cols, to);
      continue;
    }
    const std::size_t row = w.backward ? rows - 1 - (step - before) : step - before;
    with_type(x, [&](const auto* all) { copy_codes(all + row * x.stride, cols, to); });
  }
}

void rotate(const Hadamard& hadamard, std::size_t rows, const Codes& x, const MutableCodes& y) {
  const std::size_t cols = hadamard.size();
  std::vector<std::int32_t> row(cols), scratch(cols);
  for (std::size_t r = 0; r < rows; ++r) {
    with_type(x, [&](const auto* all) { copy_codes(all + r * x.stride, cols, row.data()); });
    hadamard.apply(std::span(row), std::span(scratch));
    with_type(y, [&](auto* all) { copy_codes(row.data(), cols, all + r * y.stride); });
  }
}

Selective selective_of(Arena& arena, const SelectiveScan& scan, std::size_t cols) {
  Selective s;
  s.channels = cols;
  s.states = scan.states;
  s.heads = scan.rate.rows;
  s.groups = scan.groups;
  s.rate_per_state = scan.rate.cols == scan.states;
  s.backward = scan.backward;
  s.residue = scan.residue;
  s.first = scan.first;
  s.fraction = scan.fraction;
  s.input_bound = scan.input_bound;
  s.bound = scan.bound;
  s.limit = scan.limit;
  s.delta = padded_row(arena, scan.delta);
  s.rate = padded_row(arena, scan.rate.codes);
  s.to_input = factors_of(arena, scan.to_input, cols);
  s.to_inner = factors_of(arena, scan.to_inner, cols);
  s.exp2 = {exp2_tables.high.data(), exp2_tables.low.data(), exp2_sixteenths.data()};
  return s;
}

}  // namespace bitstate::program

#include "core/program/run/operands.h"

#include "core/exp2.h"
#include "core/program/run/codes.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace bitstate::program {
namespace {

/// The weights, interleaved as Products says.
template <class T>
const T* interleaved(Arena& arena, const WeightSpec& w, std::size_t words) {
  constexpr std::size_t codes = 4 / sizeof(T);  // a word
  const std::size_t size = rounded_up(w.rows, vector_columns) * words * codes;
  T* const packed = arena.array<T>(size);
  std::fill(packed, packed + size, T{0});
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
  return packed;
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
  const std::size_t words = rounded_up(weights.cols * bytes_of(width), 4) / 4;
  std::int32_t* const bias = filled_row(arena, weights.rows, 0);
  std::copy(weights.bias.begin(), weights.bias.end(), bias);
  if (width == Width::one) {
    take_offset(weights, bias);
    return {width, weights.rows, words, interleaved<std::int8_t>(arena, weights, words), bias};
  }
  if (width == Width::two) return {width, weights.rows, words, interleaved<std::int16_t>(arena, weights, words), bias};
  return {width, weights.rows, words, interleaved<std::int32_t>(arena, weights, words), bias};
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
  s.feedback = scan.residue != Residue::none;
  s.decayed = scan.residue == Residue::decayed;
  s.first = scan.first;
  s.fraction = scan.fraction;
  s.input_bound = scan.input_bound;
  s.bound = scan.bound;
  s.limit = scan.limit;
  s.delta = padded_row(arena, scan.delta);
  s.rate = padded_row(arena, scan.rate.codes);
  s.to_input = factors_of(arena, scan.to_input, cols);
  s.to_inner = factors_of(arena, scan.to_inner, cols);
  s.exp2_high = exp2_tables.high.data();
  s.exp2_low = exp2_tables.low.data();
  return s;
}

}  // namespace bitstate::program

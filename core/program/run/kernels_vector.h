// The text of the kernels, compiled once for each instruction set. `Set` gives vectors of 16 int32 (Vector), rescaling
// by 16 factors (Factor) and products; it lies in an anonymous namespace, and so does everything here. Nothing inline
// of another header may be used: compiled for one instruction set, the linker could take it for all.
#pragma once

#include "core/program/run/kernels.h"
#include "core/program/run/kernels_scalar.h"

namespace bitstate::program {
namespace {

template <class Set>
typename Set::Vector load(const Codes& x, std::size_t at) {
  if (x.width == Width::one) return Set::load(static_cast<const std::int8_t*>(x.data) + at);
  if (x.width == Width::two) return Set::load(static_cast<const std::int16_t*>(x.data) + at);
  return Set::load(static_cast<const std::int32_t*>(x.data) + at);
}

template <class Set>
void store(typename Set::Vector v, const MutableCodes& y, std::size_t at) {
  if (y.width == Width::one) {
    Set::store(v, static_cast<std::int8_t*>(y.data) + at);
  } else if (y.width == Width::two) {
    Set::store(v, static_cast<std::int16_t*>(y.data) + at);
  } else {
    Set::store(v, static_cast<std::int32_t*>(y.data) + at);
  }
}

/// The end of an instruction on 16 columns: its results are stored, or rescaled, clamped, stored and watched.
template <class Set>
struct Finish {
  bool rescaled = false;
  bool watched = false;
  typename Set::Factor factor = Set::factor(0, 32);
  typename Set::Vector lo = Set::all(0), hi = lo, lowest = lo, highest = lo;
  std::uint8_t* unclamped = nullptr;

  Finish() = default;
  Finish(const Rescaling* then, std::size_t column) : rescaled(then != nullptr) {
    if (!rescaled) return;
    factor = Set::factor(then->factors, column);
    lo = Set::load(then->lo + column);
    hi = Set::load(then->hi + column);
    unclamped = then->watch.unclamped;
    watched = then->watch.lowest != nullptr;
    if (!watched) return;
    lowest = Set::load(then->watch.lowest + column);
    highest = Set::load(then->watch.highest + column);
  }

  void operator()(typename Set::Vector v, const MutableCodes& y, std::size_t at) {
    if (!rescaled) {
      store<Set>(v, y, at);
      return;
    }
    const typename Set::Vector rounded = Set::rescale(v, factor);
    const typename Set::Vector clamped = Set::clamp(rounded, lo, hi);
    store<Set>(clamped, y, at);
    if (unclamped != nullptr) {
      const std::uint16_t same = Set::equal(rounded, clamped);
      __builtin_memcpy(unclamped + at / 8, &same, sizeof same);
    }
    if (!watched) return;
    lowest = Set::least(lowest, v);
    highest = Set::greatest(highest, v);
  }

  /// After the last row.
  void end(const Rescaling* then, std::size_t column) const {
    if (!watched) return;
    Set::store(lowest, then->watch.lowest + column);
    Set::store(highest, then->watch.highest + column);
  }
};

/// y = finish(of(constants, row, place)); `constants(column)` is called once for the 16 columns from `column` on.
template <class Set, class Constants, class Of>
void each(std::size_t cols, std::size_t rows, const Rescaling* then, const MutableCodes& y, Constants constants,
          Of of) {
  for (std::size_t c = 0; c < cols; c += vector_columns) {
    const auto k = constants(c);
    Finish<Set> finish(then, c);
    for (std::size_t r = 0; r < rows; ++r) finish(of(k, r, c), y, r * y.stride + c);
    finish.end(then, c);
  }
}

template <class Set>
void rescale(const Rescaling& f, std::size_t cols, std::size_t rows, Codes x, MutableCodes y) {
  each<Set>(
      cols, rows, &f, y, [](std::size_t) { return 0; },
      [&](int, std::size_t r, std::size_t c) { return load<Set>(x, r * x.stride + c); });
}

template <class Set>
void sign(std::size_t cols, std::size_t rows, Codes x, MutableCodes y) {
  each<Set>(
      cols, rows, nullptr, y, [](std::size_t) { return 0; },
      [&](int, std::size_t r, std::size_t c) { return Set::sign(load<Set>(x, r * x.stride + c)); });
}

template <class Set>
void product(const Rescaling* then, std::size_t cols, std::size_t rows, Codes a, Codes b, MutableCodes y) {
  each<Set>(
      cols, rows, then, y, [](std::size_t) { return 0; },
      [&](int, std::size_t r, std::size_t c) {
        return Set::multiply(load<Set>(a, r * a.stride + c), load<Set>(b, r * b.stride + c));
      });
}

template <class Set>
void scale(const std::int32_t* row, const Rescaling* then, std::size_t cols, std::size_t rows, Codes x,
           MutableCodes y) {
  using Vector = typename Set::Vector;
  each<Set>(
      cols, rows, then, y, [&](std::size_t c) { return Set::load(row + c); },
      [&](Vector k, std::size_t r, std::size_t c) { return Set::multiply(load<Set>(x, r * x.stride + c), k); });
}

template <class Set>
struct TwoFactors {
  typename Set::Factor a, b;
};

template <class Set>
void sum(const Term& a, const Term& b, const Rescaling* then, std::size_t cols, std::size_t rows, MutableCodes y) {
  const Codes ca = a.codes, cb = b.codes;  // by value: what is written could be one of theirs
  each<Set>(
      cols, rows, then, y,
      [&](std::size_t c) {
        return TwoFactors<Set>{Set::factor(a.factors, c), Set::factor(b.factors, c)};
      },
      [&](const TwoFactors<Set>& f, std::size_t r, std::size_t c) {
        return Set::add(Set::rescale(load<Set>(ca, r * ca.stride + c), f.a),
                        Set::rescale(load<Set>(cb, r * cb.stride + c), f.b));
      });
}

template <class Set>
struct FactorAndRow {
  typename Set::Factor factor;
  typename Set::Vector row;
};

template <class Set>
void add_row(const Term& term, const std::int32_t* row, const Rescaling* then, std::size_t cols, std::size_t rows,
             MutableCodes y) {
  const Codes x = term.codes;
  each<Set>(
      cols, rows, then, y,
      [&](std::size_t c) {
        return FactorAndRow<Set>{Set::factor(term.factors, c), Set::load(row + c)};
      },
      [&](const FactorAndRow<Set>& k, std::size_t r, std::size_t c) {
        return Set::add(Set::rescale(load<Set>(x, r * x.stride + c), k.factor), k.row);
      });
}

/// S and the factor of a row (docs/numerics.md, section 5): d_c = H x_c - S, |d_c| <= sqrt(W) < 2^31.
template <class Set>
struct RowNorm {
  typename Set::Vector sum;
  typename Set::Factor factor;
};

template <class Set>
typename Set::Vector deviation(const Codes& x, std::size_t at, typename Set::Vector count, typename Set::Vector sum) {
  return Set::subtract(Set::multiply(count, load<Set>(x, at)), sum);
}

template <class Set>
RowNorm<Set> row_norm(const Norm& norm, const Codes& x, std::size_t row) {
  const std::size_t whole = norm.cols / vector_columns * vector_columns;
  const std::size_t rest = norm.cols - whole;
  const std::size_t first = row * x.stride;
  typename Set::Vector partial = Set::all(0);
  for (std::size_t c = 0; c < whole; c += vector_columns) partial = Set::add(partial, load<Set>(x, first + c));
  if (rest > 0) partial = Set::add(partial, Set::leading(load<Set>(x, first + whole), rest));
  const typename Set::Vector sum = Set::all(Set::total(partial));
  const typename Set::Vector count = Set::all(static_cast<std::int32_t>(norm.cols));
  typename Set::Squares squares = Set::no_squares();
  for (std::size_t c = 0; c < whole; c += vector_columns)
    Set::add_squares(squares, deviation<Set>(x, first + c, count, sum));
  if (rest > 0) Set::add_squares(squares, Set::leading(deviation<Set>(x, first + whole, count, sum), rest));
  const NormFactor f = norm_factor(norm.epsilon + Set::total_squares(squares), norm.fraction);
  return {sum, Set::factor(f.multiplier, f.shift)};
}

template <class Set>
void layer_norm(const Norm& norm, const Rescaling* then, std::size_t rows, Codes x, MutableCodes y) {
  constexpr std::size_t group = 32;
  const typename Set::Vector count = Set::all(static_cast<std::int32_t>(norm.cols));
  RowNorm<Set> of_row[group];
  for (std::size_t begin = 0; begin < rows; begin += group) {
    const std::size_t end = begin + group < rows ? begin + group : rows;
    for (std::size_t r = begin; r < end; ++r) of_row[r - begin] = row_norm<Set>(norm, x, r);
    for (std::size_t c = 0; c < norm.cols; c += vector_columns) {
      Finish<Set> finish(then, c);
      const typename Set::Vector scale = Set::load(norm.scale + c);
      const typename Set::Vector bias = Set::load(norm.bias + c);
      for (std::size_t r = begin; r < end; ++r) {
        const RowNorm<Set>& k = of_row[r - begin];
        const auto p = Set::rescale(deviation<Set>(x, r * x.stride + c, count, k.sum), k.factor);
        finish(Set::add(Set::multiply(p, scale), bias), y, r * y.stride + c);
      }
      finish.end(then, c);
    }
  }
}

/// The factor of a row that is one group (docs/numerics.md, section 10).
template <class Set>
typename Set::Factor row_factor(const GroupNorm& norm, const Codes& x, std::size_t at) {
  const std::size_t whole = norm.cols / vector_columns * vector_columns;
  typename Set::Squares squares = Set::no_squares();
  for (std::size_t c = 0; c < whole; c += vector_columns) Set::add_squares(squares, load<Set>(x, at + c));
  if (whole < norm.cols) Set::add_squares(squares, Set::leading(load<Set>(x, at + whole), norm.cols - whole));
  const NormFactor f = norm_factor(norm.epsilon + Set::total_squares(squares), norm.fraction);
  return Set::factor(f.multiplier, f.shift);
}

/// The factors of 16 columns, which may be of several groups.
template <class Set>
typename Set::Factor columns_factor(const GroupNorm& norm, const Codes& x, std::size_t row, std::size_t column) {
  const std::size_t width = norm.cols / norm.groups;
  std::int32_t multiplier[vector_columns], shift[vector_columns];
  NormFactor f{0, 32};
  for (std::size_t i = 0; i < vector_columns; ++i) {
    const std::size_t c = column + i;
    if (c < norm.cols && (i == 0 || c % width == 0)) f = group_factor(norm, x, row, c / width);
    multiplier[i] = f.multiplier;
    shift[i] = f.shift;
  }
  return Set::factor(Factors{multiplier, shift, Reach::fits}, 0);
}

template <class Set>
void group_norm(const GroupNorm& norm, const Rescaling* then, std::size_t rows, Codes x, MutableCodes y) {
  constexpr std::size_t rows_at_once = 32;
  typename Set::Factor of_row[rows_at_once];
  for (std::size_t begin = 0; begin < rows; begin += rows_at_once) {
    const std::size_t end = begin + rows_at_once < rows ? begin + rows_at_once : rows;
    for (std::size_t r = begin; norm.groups == 1 && r < end; ++r) {
      of_row[r - begin] = row_factor<Set>(norm, x, r * x.stride);
    }
    for (std::size_t c = 0; c < norm.cols; c += vector_columns) {
      Finish<Set> finish(then, c);
      const typename Set::Vector scale = Set::load(norm.scale + c);
      for (std::size_t r = begin; r < end; ++r) {
        if (norm.groups > 1) of_row[r - begin] = columns_factor<Set>(norm, x, r, c);
        const auto p = Set::rescale(load<Set>(x, r * x.stride + c), of_row[r - begin]);
        finish(Set::multiply(p, scale), y, r * y.stride + c);
      }
      finish.end(then, c);
    }
  }
}

template <class Set>
void window(const Window& w, const Rescaling* then, std::size_t cols, std::size_t rows, Codes before, Codes x,
            MutableCodes y) {
  using Vector = typename Set::Vector;
  for (std::size_t c = 0; c < cols; c += vector_columns) {
    Finish<Set> finish(then, c);
    const Vector bias = Set::load(w.bias + c);
    for (std::size_t i = 0; i < rows; ++i) {
      Vector sum = bias;
      for (std::size_t k = 0; k < w.taps; ++k) {
        const std::size_t step = i + k;  // counted from that of the oldest row before
        const Vector weight = Set::load(w.weights[k] + c);
        if (step < w.taps - 1) {
          sum = Set::add(sum, Set::multiply(weight, load<Set>(before, step * before.stride + c)));
        } else {
          const std::size_t at = step - (w.taps - 1);
          const std::size_t row = w.backward ? rows - 1 - at : at;
          sum = Set::add(sum, Set::multiply(weight, load<Set>(x, row * x.stride + c)));
        }
      }
      finish(sum, y, (w.backward ? rows - 1 - i : i) * y.stride + c);
    }
    finish.end(then, c);
  }
}

/// Sums of rows [row, row + R) and outputs [16 block, 16 (block + B)) of a linear. A function of its own: where the end
/// of the instruction is inlined behind it, GCC keeps a part of the sums in memory.
template <class Set, Width width, unsigned bits, std::size_t R, std::size_t B>
[[gnu::noinline]] void sum_tile(const Products& w, const Codes& x, std::size_t row, std::size_t block,
                                std::int32_t (&result)[R][B][vector_columns]) {
  typename Set::Vector sums[R][B];
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t b = 0; b < B; ++b) sums[r][b] = Set::load(w.bias + (block + b) * vector_columns);
  }
  constexpr std::size_t bytes = static_cast<std::size_t>(width);
  const char* const in = static_cast<const char*>(x.data) + row * x.stride * bytes;
  constexpr std::size_t stride = 4 * vector_columns * bits / (8 * bytes);  // of the weights of a word
  const char* const weights = static_cast<const char*>(w.weights) + block * w.words * stride;
  std::size_t k = 0;
  do {  // there is a word: GCC need not keep the sums in memory for the case that there is none
    typename Set::Vector operand[B];
    for (std::size_t b = 0; b < B; ++b)
      operand[b] = Set::template load_weights<width, bits>(weights + (b * w.words + k) * stride);
    for (std::size_t r = 0; r < R; ++r) {
      const typename Set::Vector word = Set::template broadcast<width>(in + r * x.stride * bytes + 4 * k);
      for (std::size_t b = 0; b < B; ++b) {
        sums[r][b] = Set::template multiply_add<width>(sums[r][b], word, operand[b]);
      }
    }
  } while (++k < w.words);
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t b = 0; b < B; ++b) Set::store(sums[r][b], result[r][b]);
  }
}

template <class Set, Width width, unsigned bits, std::size_t R, std::size_t B>
void multiply_tile(const Products& w, const Codes& x, std::size_t row, std::size_t block, Finish<Set>* finish,
                   const MutableCodes& y) {
  alignas(64) std::int32_t sums[R][B][vector_columns];
  sum_tile<Set, width, bits>(w, x, row, block, sums);
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t b = 0; b < B; ++b) {
      finish[b](Set::load(sums[r][b]), y, (row + r) * y.stride + (block + b) * vector_columns);
    }
  }
}

template <class Set, Width width, unsigned bits, std::size_t B>
void multiply_blocks(const Products& w, const Rescaling* then, std::size_t rows, const Codes& x, std::size_t block,
                     const MutableCodes& y) {
  Finish<Set> finish[B];
  for (std::size_t b = 0; b < B; ++b) finish[b] = Finish<Set>(then, (block + b) * vector_columns);
  std::size_t r = 0;
  for (; r + Set::tile_rows <= rows; r += Set::tile_rows) {
    multiply_tile<Set, width, bits, Set::tile_rows, B>(w, x, r, block, finish, y);
  }
  for (; r + 2 <= rows; r += 2) multiply_tile<Set, width, bits, 2, B>(w, x, r, block, finish, y);
  if (r < rows) multiply_tile<Set, width, bits, 1, B>(w, x, r, block, finish, y);
  for (std::size_t b = 0; b < B; ++b) finish[b].end(then, (block + b) * vector_columns);
}

template <class Set, Width width, unsigned bits>
void multiply(const Products& w, const Rescaling* then, std::size_t rows, const Codes& x, const MutableCodes& y) {
  const std::size_t blocks = (w.rows + vector_columns - 1) / vector_columns;
  std::size_t block = 0;
  if constexpr (Set::wide_tiles) {  // 6 blocks are 3 + 3
    for (; blocks - block >= 4 && blocks - block != 6; block += 4) {
      multiply_blocks<Set, width, bits, 4>(w, then, rows, x, block, y);
    }
    for (; blocks - block >= 3; block += 3) multiply_blocks<Set, width, bits, 3>(w, then, rows, x, block, y);
  }
  for (; block < blocks; ++block) multiply_blocks<Set, width, bits, 1>(w, then, rows, x, block, y);
}

/// With codes of x of `width`, and weights of as many bits or fewer.
template <class Set, Width width>
void multiply(const Products& w, const Rescaling* then, std::size_t rows, const Codes& x, const MutableCodes& y) {
  if (w.bits == 4) multiply<Set, width, 4>(w, then, rows, x, y);
  if (w.bits == 8) multiply<Set, width, 8>(w, then, rows, x, y);
  if constexpr (width >= Width::two) {
    if (w.bits == 16) multiply<Set, width, 16>(w, then, rows, x, y);
  }
  if constexpr (width == Width::four) {
    if (w.bits == 32) multiply<Set, width, 32>(w, then, rows, x, y);
  }
}

template <class Set>
void linear(const Products& w, const Rescaling* then, std::size_t rows, Codes x, MutableCodes y) {
  if (w.width == Width::four) multiply<Set, Width::four>(w, then, rows, x, y);
  if constexpr (Set::operands <= Width::two) {
    if (w.width == Width::two) multiply<Set, Width::two>(w, then, rows, x, y);
  }
  if constexpr (Set::operands == Width::one) {
    if (w.width == Width::one) multiply<Set, Width::one>(w, then, rows, x, y);
  }
}

/// The table of a set; the loops that are given may be the scalar ones.
template <class Set>
constexpr Kernels kernels_for(decltype(Kernels::lookup) lookup, decltype(Kernels::scan) scan,
                              decltype(Kernels::selective_scan) selective, decltype(Kernels::selective_replay) replay) {
  return {Set::operands,   linear<Set>,     rescale<Set>, sign<Set>, product<Set>, scale<Set>, sum<Set>, add_row<Set>,
          layer_norm<Set>, group_norm<Set>, window<Set>,  lookup,    scan,         selective,  replay};
}

}  // namespace
}  // namespace bitstate::program

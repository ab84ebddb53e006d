// The text of the recurrence, compiled once for each instruction set. `Wide` gives vectors of 8 int64 (Vector). As in
// kernels_vector.h, nothing inline of another header may be used.
#pragma once

#include "core/program/run/kernels.h"
#include "core/program/run/kernels_scalar.h"

namespace bitstate::program {
namespace {

inline constexpr std::size_t states_at_once = 8;

template <class Wide>
typename Wide::Vector load_eight(const Codes& x, std::size_t at) {
  if (x.width == Width::one) return Wide::load(static_cast<const std::int8_t*>(x.data) + at);
  if (x.width == Width::two) return Wide::load(static_cast<const std::int16_t*>(x.data) + at);
  return Wide::load(static_cast<const std::int32_t*>(x.data) + at);
}

template <class Wide>
void store_eight(typename Wide::Vector v, const MutableCodes& y, std::size_t at) {
  if (y.width == Width::one) {
    Wide::store(v, static_cast<std::int8_t*>(y.data) + at);
  } else if (y.width == Width::two) {
    Wide::store(v, static_cast<std::int16_t*>(y.data) + at);
  } else {
    Wide::store(v, static_cast<std::int32_t*>(y.data) + at);
  }
}

/// What does not change from one step to the next.
template <class Wide>
struct ScanConstants {
  typename Wide::Vector limit, bound, half, shift;
  bool keeps, decays;  // a residue

  explicit ScanConstants(const Recurrence& s)
      : limit(Wide::all(s.limit)),
        bound(Wide::all(s.bound)),
        half(Wide::all((std::int64_t{1} << s.shift) >> 1)),
        shift(Wide::all(s.shift)),
        keeps(s.residue != Residue::none),
        decays(s.residue == Residue::decayed) {}
};

/// 8 real or imaginary components of the state.
template <class Wide>
struct Component {
  using Vector = typename Wide::Vector;
  Vector x, residue;
  Vector multiplier, half, shift;  // of the input

  Component(const Recurrence& s, std::size_t column, const std::int32_t* states, const std::int64_t* residues)
      : x(Wide::load(states)),
        residue(Wide::load(residues)),
        multiplier(Wide::load(s.from_input.multiplier + column)),
        half(Wide::all(0)),
        shift(Wide::load(s.from_input.shift + column)) {
    const Vector one = Wide::all(1);
    half = Wide::shift_left(one, Wide::subtract(shift, one));
  }

  /// clamp(rescale(b, from_input)) + e
  [[nodiscard]] Vector input(Vector b, Vector carried, const ScanConstants<Wide>& k) const {
    const Vector u = Wide::shift_right(Wide::add(Wide::multiply(b, multiplier), half), shift);
    return Wide::add(Wide::clamp(u, k.limit), carried);
  }

  /// x and residue from z. Returns, if `watched`, which of the eight the clamp left as they were; the largest |z| is
  /// updated then.
  template <bool watched>
  std::uint8_t round(Vector z, const ScanConstants<Wide>& k, Vector& largest) {
    const Vector rounded = Wide::shift_right(Wide::add(z, k.half), k.shift);
    x = Wide::clamp(rounded, k.bound);
    if (k.keeps) residue = Wide::where_equal(x, rounded, Wide::subtract(z, Wide::shift_left(x, k.shift)));
    if constexpr (!watched) return 0;
    largest = Wide::larger_magnitude(largest, z);
    return Wide::equal(x, rounded);
  }
};

/// What eight states keep: [8] of their real, then [8] of their imaginary parts.
struct Eight {
  std::int32_t x[2 * states_at_once] = {};
  std::int64_t residue[2 * states_at_once] = {};
  std::int64_t largest[2 * states_at_once] = {};
};

/// Calls each(from `all`, from the eight) for the places of states [p, p + n).
template <class Each>
void for_places(const Recurrence& s, std::size_t p, std::size_t n, Each each) {
  for (std::size_t i = 0; i < n; ++i) {
    each(p + i, i);
    each(s.states + p + i, states_at_once + i);
  }
}

/// States [p, p + 8) through all rows.
template <class Wide, bool watched, bool sheared>
void scan_eight(std::size_t p, const Recurrence& s, std::size_t rows, const Codes& b, Eight& kept,
                std::uint8_t* unclamped, const MutableCodes& y) {
  using Vector = typename Wide::Vector;
  const std::size_t q = s.states + p;
  const Vector l_re = Wide::load(s.lambda + p);
  const Vector l_im = Wide::load(s.lambda + q);
  const Vector of_re = sheared ? Wide::load(s.shear + p) : l_im;
  const ScanConstants<Wide> k(s);
  Component<Wide> re(s, p, kept.x, kept.residue);
  Component<Wide> im(s, q, kept.x + states_at_once, kept.residue + states_at_once);
  Vector largest_re = Wide::load(kept.largest);
  Vector largest_im = Wide::load(kept.largest + states_at_once);
  const std::size_t plane = (s.states + 7) / 8;  // bytes of a row's bits
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = s.backward ? rows - 1 - i : i;
    Vector e_re = re.residue;
    Vector e_im = im.residue;
    if (k.decays) {
      e_re = Wide::subtract(Wide::multiply(l_re, re.residue), Wide::multiply(l_im, im.residue));
      e_im = Wide::add(Wide::multiply(l_re, im.residue), Wide::multiply(l_im, re.residue));
      e_re = Wide::shift_right(Wide::add(e_re, k.half), k.shift);
      e_im = Wide::shift_right(Wide::add(e_im, k.half), k.shift);
    }
    const Vector u_re = re.input(load_eight<Wide>(b, row * b.stride + p), e_re, k);
    const Vector u_im = im.input(load_eight<Wide>(b, row * b.stride + q), e_im, k);
    const Vector z_re = Wide::subtract(Wide::multiply(l_re, re.x), Wide::multiply(l_im, im.x));
    const Vector old_re = re.x;
    const std::uint8_t same_re = re.template round<watched>(Wide::add(z_re, u_re), k, largest_re);
    const Vector z_im = Wide::add(Wide::multiply(l_re, im.x), Wide::multiply(of_re, sheared ? re.x : old_re));
    const std::uint8_t same_im = im.template round<watched>(Wide::add(z_im, u_im), k, largest_im);
    if (watched && unclamped != nullptr) {
      std::uint8_t* const bits = unclamped + row * 2 * plane + p / 8;
      bits[0] = same_re;
      bits[plane] = same_im;
    }
    store_eight<Wide>(re.x, y, row * y.stride + p);
    store_eight<Wide>(im.x, y, row * y.stride + q);
  }
  Wide::store(re.x, kept.x);
  Wide::store(im.x, kept.x + states_at_once);
  Wide::store(re.residue, kept.residue);
  Wide::store(im.residue, kept.residue + states_at_once);
  Wide::store(largest_re, kept.largest);
  Wide::store(largest_im, kept.largest + states_at_once);
}

/// States [p, p + n), n <= 8. What is computed of others beside them lands in columns that calls for smaller p write
/// again, or behind the last column: a row has whole vectors.
template <class Wide>
void scan_some(std::size_t p, std::size_t n, const Recurrence& s, std::size_t rows, const Codes& b,
               const States& states, const MutableCodes& y) {
  Eight kept;
  const bool watched = states.largest != nullptr;
  for_places(s, p, n, [&](std::size_t all, std::size_t eight) {
    kept.x[eight] = states.x[all];
    kept.residue[eight] = states.residue[all];
    if (watched) kept.largest[eight] = states.largest[all];
  });
  std::uint8_t* const unclamped = watched ? states.unclamped : nullptr;
  const auto run = s.shear == nullptr ? (watched ? scan_eight<Wide, true, false> : scan_eight<Wide, false, false>)
                                      : (watched ? scan_eight<Wide, true, true> : scan_eight<Wide, false, true>);
  run(p, s, rows, b, kept, unclamped, y);
  for_places(s, p, n, [&](std::size_t all, std::size_t eight) {
    states.x[all] = kept.x[eight];
    states.residue[all] = kept.residue[eight];
    if (watched) states.largest[all] = kept.largest[eight];
  });
}

template <class Wide>
void scan(const Recurrence& s, std::size_t rows, Codes b, const States& states, MutableCodes y) {
  if (s.shift < 0 || (s.residue == Residue::decayed && s.shift > 31)) {  // lambda times 32 bits of residue
    scan_scalar(s, rows, b, states, y);
    return;
  }
  const std::size_t whole = s.states / states_at_once * states_at_once;
  if (whole < s.states) scan_some<Wide>(whole, s.states - whole, s, rows, b, states, y);
  for (std::size_t p = 0; p < whole; p += states_at_once) scan_some<Wide>(p, states_at_once, s, rows, b, states, y);
}

}  // namespace
}  // namespace bitstate::program

// The text of the selective recurrence (docs/numerics.md, section 10), compiled once for each instruction set: 16
// states of a channel at once, through all rows. As in kernels_vector.h, nothing inline of another header may be used.
#pragma once

#include "core/program/run/kernels_scalar.h"
#include "core/program/run/kernels_vector.h"

namespace bitstate::program {
namespace {

inline constexpr std::size_t selective_rows = 32;  // at once

inline std::int32_t code_at(const Codes& x, std::size_t at) {
  if (x.width == Width::one) return static_cast<const std::int8_t*>(x.data)[at];
  if (x.width == Width::two) return static_cast<const std::int16_t*>(x.data)[at];
  return static_cast<const std::int32_t*>(x.data)[at];
}

/// One channel in a few rows.
struct SelectiveRows {
  std::size_t count = 0;
  std::size_t row[selective_rows];
  std::int32_t delta[selective_rows];
  std::int32_t v[selective_rows];
  std::int32_t y[selective_rows];
  std::int64_t largest_input = 0;  // |v| before it was clamped
};

inline void take_rows(const Selective& s, const SelectiveCodes& in, std::size_t channel, SelectiveRows& at) {
  const std::size_t head = channel / (s.channels / s.heads);
  const std::int64_t multiplier = s.to_input.multiplier[channel];
  const std::int64_t shift = s.to_input.shift[channel];
  const std::int64_t bound = s.input_bound;
  for (std::size_t i = 0; i < at.count; ++i) {
    at.delta[i] = s.delta[code_at(in.dt, at.row[i] * in.dt.stride + head) - s.first];
    const std::int64_t product = std::int64_t{at.delta[i]} * code_at(in.u, at.row[i] * in.u.stride + channel);
    const std::int64_t v = (product * multiplier + (std::int64_t{1} << (shift - 1))) >> shift;
    const std::int64_t magnitude = v < 0 ? -v : v;
    if (magnitude > at.largest_input) at.largest_input = magnitude;
    at.v[i] = static_cast<std::int32_t>(v > bound ? bound : (v < -bound ? -bound : v));
    at.y[i] = 0;
  }
}

/// 16 states of the recurrence that advance side by side.
template <class Set>
struct SixteenStates {
  using Vector = typename Set::Vector;

  typename Set::Factor to_inner;
  Vector limit, least_w, bound, least_h;
  bool feedback, decayed;
  Vector h, residue;
  Vector rounded;  // h before it was clamped

  SixteenStates(const Selective& s, const Factors& factors, const std::int32_t* h_kept,
                const std::int32_t* residue_kept)
      : to_inner(Set::factor(factors, 0)),
        limit(Set::all(static_cast<std::int32_t>(s.limit < selective_most ? s.limit : selective_most))),
        least_w(Set::subtract(Set::all(0), limit)),
        bound(Set::all(s.bound)),
        least_h(Set::all(-s.bound)),
        feedback(s.feedback),
        decayed(s.decayed),
        h(Set::load(h_kept)),
        residue(s.feedback ? Set::load(residue_kept) : Set::all(0)),
        rounded(h) {}

  /// By a step with the products v B. Returns z - the residue.
  Vector advance(Vector decay, Vector vb) {
    const Vector zero = Set::all(0), half = Set::all(1 << 14);
    const Vector product = Set::multiply(decay, h);
    const Vector w = Set::clamp(Set::rescale(vb, to_inner), least_w, limit);
    // what is cut clamps the state
    const Vector cut = Set::clamp(w, Set::subtract(Set::all(-selective_most), Set::least(product, zero)),
                                  Set::subtract(Set::all(selective_most), Set::greatest(product, zero)));
    const Vector sum = Set::add(product, cut);
    Vector z = Set::add(sum, residue);
    if (decayed) {
      z = Set::add(sum, Set::template shifted_right<15>(Set::add(Set::multiply(decay, residue), half)));
    }
    rounded = Set::template shifted_right<15>(Set::add(z, half));
    h = Set::clamp(rounded, least_h, bound);
    if (feedback) residue = Set::where_equal(h, rounded, Set::subtract(z, Set::template shifted_left<15>(h)));
    return sum;
  }

  void keep(std::int32_t* h_kept, std::int32_t* residue_kept) const {
    Set::store(h, h_kept);
    if (feedback) Set::store(residue, residue_kept);
  }
};

/// States [n, n + 16) of a channel through the rows; adds to y. Returns the largest |z| - the residue.
template <class Set>
std::int32_t advance_sixteen(const Selective& s, const SelectiveCodes& in, std::size_t channel, std::size_t n,
                             SelectiveRows& at, std::int32_t* h_kept, std::int32_t* residue_kept) {
  using Vector = typename Set::Vector;
  std::int32_t multiplier[vector_columns], shift[vector_columns];
  for (std::size_t i = 0; i < vector_columns; ++i) {
    multiplier[i] = s.to_inner.multiplier[channel];
    shift[i] = s.to_inner.shift[channel];
  }
  SixteenStates<Set> states(s, {multiplier, shift, Reach::wide}, h_kept, residue_kept);
  const std::size_t head = channel / (s.channels / s.heads);
  const std::size_t first = channel / (s.channels / s.groups) * s.states + n;  // of B and C
  const Vector rate = s.rate_per_state ? Set::load(s.rate + head * s.states + n) : Set::all(s.rate[head]);
  Vector largest = Set::all(0);
  for (std::size_t i = 0; i < at.count; ++i) {
    const Vector decay = Set::decays(rate, Set::all(at.delta[i]), s.fraction, s.exp2_high, s.exp2_low);
    const Vector b = load<Set>(in.b, at.row[i] * in.b.stride + first);
    const Vector sum = states.advance(decay, Set::multiply(Set::all(at.v[i]), b));
    largest = Set::greatest(largest, Set::greatest(sum, Set::subtract(Set::all(0), sum)));
    at.y[i] += Set::total(Set::multiply(load<Set>(in.c, at.row[i] * in.c.stride + first), states.h));
  }
  states.keep(h_kept, residue_kept);
  std::int32_t all[vector_columns];
  Set::store(largest, all);
  std::int32_t result = 0;
  for (const std::int32_t v : all) result = v > result ? v : result;
  return result;
}

template <class Set>
void selective_scan(const Selective& s, std::size_t rows, const SelectiveCodes& in, const SelectiveStates& states,
                    MutableCodes y) {
  if (s.states % vector_columns != 0 || y.width != Width::four) {
    selective_scan_scalar(s, rows, in, states, y);
    return;
  }
  for (std::size_t begin = 0; begin < rows; begin += selective_rows) {
    SelectiveRows at;
    at.count = rows - begin < selective_rows ? rows - begin : selective_rows;
    for (std::size_t i = 0; i < at.count; ++i) at.row[i] = s.backward ? rows - 1 - begin - i : begin + i;
    for (std::size_t e = 0; e < s.channels; ++e) {
      at.largest_input = 0;
      take_rows(s, in, e, at);
      std::int64_t largest = 0;
      for (std::size_t n = 0; n < s.states; n += vector_columns) {
        const std::size_t kept = e * s.states + n;
        const std::int64_t seen =
            advance_sixteen<Set>(s, in, e, n, at, states.h + kept, s.feedback ? states.residue + kept : nullptr);
        largest = seen > largest ? seen : largest;
      }
      for (std::size_t i = 0; i < at.count; ++i) {
        static_cast<std::int32_t*>(y.data)[at.row[i] * y.stride + e] = at.y[i];
      }
      if (states.largest_input == nullptr) continue;
      if (at.largest_input > states.largest_input[e]) states.largest_input[e] = at.largest_input;
      if (largest > states.largest_state[e]) states.largest_state[e] = largest;
    }
  }
}

template <class Set>
void selective_replay(const Selective& s, const SelectiveReplay& of) {
  using Vector = typename Set::Vector;
  SixteenStates<Set> states(s, of.to_inner, of.h, of.residue);
  const Vector rate = of.rate == nullptr ? Set::all(0) : Set::load(of.rate);
  float decay_scales[vector_columns];
  for (float& scale : decay_scales) scale = decay_scale;
  for (std::size_t i = 0; i < of.rows; ++i) {
    const std::size_t at = i * vector_columns;
    if (of.rate != nullptr) {
      const Vector codes = Set::decays(rate, Set::load(of.delta + at), s.fraction, s.exp2_high, s.exp2_low);
      Set::store(codes, of.decay + at);
      Set::store_real(codes, decay_scales, of.decays + at);
    }
    const std::int32_t b = of.b[static_cast<std::ptrdiff_t>(i) * of.b_step];
    states.advance(Set::load(of.decay + at), Set::multiply(Set::load(of.v + at), Set::all(b)));
    Set::store_real(states.h, of.scale, of.states + at);
    Set::store_equal(states.h, states.rounded, of.passes + at);
  }
  states.keep(of.h, of.residue);
}

}  // namespace
}  // namespace bitstate::program

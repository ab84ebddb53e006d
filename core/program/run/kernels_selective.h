// The text of the selective recurrence (docs/numerics.md, section 10), compiled once for each instruction set: 16
// states of a channel at once, through all rows. As in kernels_vector.h, nothing inline of another header may be used.
#pragma once

#include "core/program/run/kernels_scalar.h"
#include "core/program/run/kernels_vector.h"

namespace bitstate::program {
namespace {

inline constexpr std::size_t selective_rows = 16;     // at once
inline constexpr std::size_t selective_vectors = 64;  // of B, and of C, in these rows

inline std::int32_t code_at(const Codes& x, std::size_t at) {
  if (x.width == Width::one) return static_cast<const std::int8_t*>(x.data)[at];
  if (x.width == Width::two) return static_cast<const std::int16_t*>(x.data)[at];
  return static_cast<const std::int32_t*>(x.data)[at];
}

/// Up to 16 codes of a row.
template <class Set>
void read(const Codes& x, std::size_t row, std::size_t first, std::size_t count, std::int32_t* codes) {
  const std::size_t at = row * x.stride + first;
  if (count == vector_columns) {
    Set::store(load<Set>(x, at), codes);
  } else {
    for (std::size_t l = 0; l < count; ++l) codes[l] = code_at(x, at + l);
  }
}

/// Up to 16 channels in a few rows.
template <class Set>
struct SelectiveTile {
  std::size_t rows = 0, channels = 0;
  std::size_t row[selective_rows];
  std::size_t head[vector_columns];
  std::int32_t delta[selective_rows][vector_columns];
  std::int32_t v[selective_rows][vector_columns];
  std::int32_t decay[selective_rows][vector_columns];          // of the rate of a head
  std::int64_t largest_input[vector_columns];                  // |v| before it was clamped
  typename Set::Vector terms[selective_rows][vector_columns];  // whose sums are y

  /// The channels from `first` on.
  void take(const Selective& s, const SelectiveCodes& in, std::size_t first) {
    channels = s.channels - first < vector_columns ? s.channels - first : vector_columns;
    std::int64_t multiplier[vector_columns], shift[vector_columns], half[vector_columns];
    std::int32_t u[vector_columns] = {}, dt[vector_columns];
    for (std::size_t l = 0; l < vector_columns; ++l) {
      const std::size_t c = l < channels ? first + l : first;
      head[l] = c / (s.channels / s.heads);
      multiplier[l] = s.to_input.multiplier[c];
      shift[l] = s.to_input.shift[c];
      half[l] = std::int64_t{1} << (shift[l] - 1);
      largest_input[l] = 0;
    }
    const std::int64_t bound = s.input_bound;
    for (std::size_t i = 0; i < rows; ++i) {
      read<Set>(in.u, row[i], first, channels, u);
      if (s.heads == s.channels) {
        read<Set>(in.dt, row[i], first, channels, dt);
        for (std::size_t l = channels; l < vector_columns; ++l) dt[l] = s.first;
      } else {
        for (std::size_t l = 0; l < vector_columns; ++l) dt[l] = code_at(in.dt, row[i] * in.dt.stride + head[l]);
      }
      for (std::size_t l = 0; l < vector_columns; ++l) delta[i][l] = s.delta[dt[l] - s.first];
      for (std::size_t l = 0; l < vector_columns; ++l) {
        const std::int64_t x = (std::int64_t{delta[i][l]} * u[l] * multiplier[l] + half[l]) >> shift[l];
        const std::int64_t magnitude = x < 0 ? -x : x;
        largest_input[l] = magnitude > largest_input[l] ? magnitude : largest_input[l];
        v[i][l] = static_cast<std::int32_t>(x > bound ? bound : (x < -bound ? -bound : x));
      }
    }
  }

  void take_decays(const Selective& s, const typename Set::Decays& decays) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t l = 0; l < channels; ++l) {
        if (l > 0 && head[l] == head[l - 1]) {
          decay[i][l] = decay[i][l - 1];
          continue;
        }
        std::int32_t equal[vector_columns];
        Set::store(decays(Set::all(s.rate[head[l]]), delta[i][l]), equal);
        decay[i][l] = equal[0];
      }
    }
  }

  /// To the channels from `first` on of y.
  void put_sums(const MutableCodes& y, std::size_t first) const {
    for (std::size_t i = 0; i < rows; ++i) {
      auto* const to = static_cast<std::int32_t*>(y.data) + row[i] * y.stride + first;
      if (channels == vector_columns) {
        Set::store(Set::totals(terms[i]), to);
      } else {
        for (std::size_t l = 0; l < channels; ++l) to[l] = Set::total(terms[i][l]);
      }
    }
  }
};

/// What is the same for all channels. Where a w that is cut clamps the state, `limit` may be forgotten.
template <class Set>
struct SelectiveConstants {
  typename Set::Decays decays;
  typename Set::Vector limit, least_w, sure, least_sure, top, bottom, bound, least_h, half, below_half;
  bool limited;

  explicit SelectiveConstants(const Selective& s) : decays(s.fraction, s.exp2) {
    constexpr std::int32_t most = selective_most;
    // |Ah| < bound 2^15, and what exceeds this rounds to more than the bound, whatever the residue is
    const std::int64_t clamping = (std::int64_t{s.bound} + 1) << 15;
    limited = s.limit < 2 * clamping;
    limit = Set::all(static_cast<std::int32_t>(s.limit < most ? s.limit : most));
    least_w = Set::subtract(Set::all(0), limit);
    sure = Set::all(static_cast<std::int32_t>(clamping));
    least_sure = Set::subtract(Set::all(0), sure);
    top = Set::all(most);
    bottom = Set::all(-most);
    bound = Set::all(s.bound);
    least_h = Set::all(-s.bound);
    half = Set::all(1 << 14);
    below_half = Set::all((1 << 15) - 1);
  }
};

/// Of w. Most factors leave no product of v and B beyond 32 bits.
template <class Set>
typename Set::Factor inner_factor(const Selective& s, std::size_t channel, Width b) {
  const std::int32_t multiplier = s.to_inner.multiplier[channel];
  const std::int32_t shift = s.to_inner.shift[channel];
  const std::int64_t most = std::int64_t{s.input_bound} * (b == Width::one ? 1 << 7 : 1 << 15);
  const std::int64_t magnitude = multiplier < 0 ? -std::int64_t{multiplier} : std::int64_t{multiplier};
  if (((most * magnitude) >> shift) < 0x7fffffff) return Set::factor(multiplier, shift);
  std::int32_t multipliers[vector_columns], shifts[vector_columns];
  for (std::size_t i = 0; i < vector_columns; ++i) {
    multipliers[i] = multiplier;
    shifts[i] = shift;
  }
  return Set::factor(Factors{multipliers, shifts, Reach::wide}, 0);
}

/// B and C of a group in a few rows: those of row i from i * blocks on.
template <class Set>
struct SharedRows {
  std::size_t blocks = 0;  // of 16 states
  typename Set::Vector b[selective_vectors], c[selective_vectors];

  void take(const SelectiveCodes& in, const SelectiveTile<Set>& at, std::size_t first) {
    for (std::size_t i = 0; i < at.rows; ++i) {
      for (std::size_t n = 0; n < blocks; ++n) {
        b[i * blocks + n] = load<Set>(in.b, at.row[i] * in.b.stride + first + n * vector_columns);
        c[i * blocks + n] = load<Set>(in.c, at.row[i] * in.c.stride + first + n * vector_columns);
      }
    }
  }
};

/// Ah + w, cut so that it fits.
template <class Set, bool watched>
typename Set::Vector decayed_sum(const SelectiveConstants<Set>& k, typename Set::Vector product,
                                 typename Set::Vector w) {
  using Vector = typename Set::Vector;
  if (watched || k.limited) w = Set::clamp(w, k.least_w, k.limit);
  if constexpr (!watched) {
    w = Set::clamp(w, Set::subtract(k.least_sure, product), Set::subtract(k.sure, product));
    return Set::add(product, w);
  }
  const Vector zero = Set::all(0);
  const Vector cut = Set::clamp(w, Set::subtract(k.bottom, Set::least(product, zero)),
                                Set::subtract(k.top, Set::greatest(product, zero)));
  return Set::add(product, cut);
}

/// 16 states of the recurrence that advance side by side.
template <class Set>
struct SixteenStates {
  using Vector = typename Set::Vector;
  typename Set::Factor to_inner;
  Vector h;
  Vector ahead;    // the residue, and half a code for the rounding
  Vector rounded;  // h before it was clamped

  SixteenStates(const Selective& s, const SelectiveConstants<Set>& k, const typename Set::Factor& factor,
                const std::int32_t* h_kept, const std::int32_t* residue_kept)
      : to_inner(factor),
        h(Set::load(h_kept)),
        ahead(s.residue != Residue::none ? Set::add(Set::load(residue_kept), k.half) : k.half),
        rounded(h) {}

  /// By a step with the products v B. Returns z - the residue.
  template <bool watched>
  Vector advance(const Selective& s, const SelectiveConstants<Set>& k, Vector decay, Vector vb) {
    const Vector sum = decayed_sum<Set, watched>(k, Set::multiply(decay, h), Set::rescale(vb, to_inner));
    if (s.residue == Residue::decayed) {
      const Vector residue = Set::multiply(decay, Set::subtract(ahead, k.half));
      ahead = Set::add(Set::template shifted_right<15>(Set::add(residue, k.half)), k.half);
    }
    const Vector z = Set::add(sum, ahead);
    rounded = Set::template shifted_right<15>(z);
    h = Set::clamp(rounded, k.least_h, k.bound);
    if (s.residue != Residue::none) ahead = Set::where_equal(h, rounded, Set::both(z, k.below_half), k.half);
    return sum;
  }

  void keep(const Selective& s, const SelectiveConstants<Set>& k, std::int32_t* h_kept,
            std::int32_t* residue_kept) const {
    Set::store(h, h_kept);
    if (s.residue != Residue::none) Set::store(Set::subtract(ahead, k.half), residue_kept);
  }
};

/// A scan, the rows and channels at hand, and what they share.
template <class Set>
struct ChannelScan {
  const Selective& s;
  const SelectiveStates& kept;
  Width b_width;
  SelectiveConstants<Set> k;
  SharedRows<Set> shared;
  SelectiveTile<Set> at;

  ChannelScan(const Selective& scan, const SelectiveStates& states, Width b)
      : s(scan), kept(states), b_width(b), k(scan) {}
};

/// Block `n` of the states of channel first + l through the rows of the tile. Returns the largest |z| - the residue,
/// where it is watched.
template <class Set, bool watched>
typename Set::Vector advance_sixteen(ChannelScan<Set>& scan, const typename Set::Factor& to_inner, std::size_t first,
                                     std::size_t l, std::size_t n) {
  using Vector = typename Set::Vector;
  const Selective& s = scan.s;
  SelectiveTile<Set>& at = scan.at;
  const std::size_t kept = (first + l) * s.states + n * vector_columns;
  std::int32_t* const residue = s.residue != Residue::none ? scan.kept.residue + kept : nullptr;
  const Vector rate = Set::load(s.rate + (s.rate_per_state ? at.head[l] * s.states + n * vector_columns : 0));
  SixteenStates<Set> states(s, scan.k, to_inner, scan.kept.h + kept, residue);
  Vector largest = Set::all(0);
  for (std::size_t i = 0; i < at.rows; ++i) {
    const Vector decay = s.rate_per_state ? scan.k.decays(rate, at.delta[i][l]) : Set::all(at.decay[i][l]);
    const std::size_t of_row = i * scan.shared.blocks + n;
    const Vector vb = Set::multiply(Set::all(at.v[i][l]), scan.shared.b[of_row]);
    const Vector sum = states.template advance<watched>(s, scan.k, decay, vb);
    if constexpr (watched) largest = Set::greatest(largest, Set::greatest(sum, Set::subtract(Set::all(0), sum)));
    const Vector term = Set::multiply(scan.shared.c[of_row], states.h);
    at.terms[i][l] = n == 0 ? term : Set::add(at.terms[i][l], term);
  }
  states.keep(s, scan.k, scan.kept.h + kept, residue);
  return largest;
}

/// Channel first + l through the rows of the tile.
template <class Set, bool watched>
void advance_channel(ChannelScan<Set>& scan, std::size_t first, std::size_t l) {
  const std::size_t channel = first + l;
  const typename Set::Factor to_inner = inner_factor<Set>(scan.s, channel, scan.b_width);
  typename Set::Vector largest = Set::all(0);
  for (std::size_t n = 0; n < scan.shared.blocks; ++n) {
    largest = Set::greatest(largest, advance_sixteen<Set, watched>(scan, to_inner, first, l, n));
  }
  if constexpr (watched) {
    std::int32_t all[vector_columns];
    Set::store(largest, all);
    for (const std::int32_t z : all) {
      if (z > scan.kept.largest_state[channel]) scan.kept.largest_state[channel] = z;
    }
    const std::int64_t input = scan.at.largest_input[l];
    if (input > scan.kept.largest_input[channel]) scan.kept.largest_input[channel] = input;
  }
}

template <class Set, bool watched>
void scan_channels(const Selective& s, std::size_t rows, const SelectiveCodes& in, const SelectiveStates& states,
                   MutableCodes y) {
  const std::size_t of_group = s.channels / s.groups;
  ChannelScan<Set> scan(s, states, in.b.width);
  SelectiveTile<Set>& at = scan.at;
  scan.shared.blocks = s.states / vector_columns;
  const std::size_t fitting = selective_vectors / scan.shared.blocks;
  const std::size_t at_once = fitting < selective_rows ? fitting : selective_rows;
  for (std::size_t begin = 0; begin < rows; begin += at_once) {
    at.rows = rows - begin < at_once ? rows - begin : at_once;
    for (std::size_t i = 0; i < at.rows; ++i) at.row[i] = s.backward ? rows - 1 - begin - i : begin + i;
    for (std::size_t e = 0; e < s.channels; e += vector_columns) {
      at.take(s, in, e);
      if (!s.rate_per_state) at.take_decays(s, scan.k.decays);
      for (std::size_t l = 0; l < at.channels; ++l) {
        if ((e + l) % of_group == 0) scan.shared.take(in, at, (e + l) / of_group * s.states);
        advance_channel<Set, watched>(scan, e, l);
      }
      at.put_sums(y, e);
    }
  }
}

template <class Set>
void selective_scan(const Selective& s, std::size_t rows, const SelectiveCodes& in, const SelectiveStates& states,
                    MutableCodes y) {
  if (s.states % vector_columns != 0 || s.states > selective_vectors * vector_columns || y.width != Width::four) {
    selective_scan_scalar(s, rows, in, states, y);
  } else if (states.largest_input != nullptr) {
    scan_channels<Set, true>(s, rows, in, states, y);
  } else {
    scan_channels<Set, false>(s, rows, in, states, y);
  }
}

template <class Set>
void selective_replay(const Selective& s, const SelectiveReplay& of) {
  using Vector = typename Set::Vector;
  const SelectiveConstants<Set> k(s);
  SixteenStates<Set> states(s, k, Set::factor(of.to_inner, 0), of.h, of.residue);
  const Vector rate = of.rate == nullptr ? Set::all(0) : Set::load(of.rate);
  float decay_scales[vector_columns];
  for (float& scale : decay_scales) scale = decay_scale;
  for (std::size_t i = 0; i < of.rows; ++i) {
    const std::size_t at = i * vector_columns;
    if (of.rate != nullptr) {
      const Vector codes = k.decays(rate, Set::load(of.delta + at));
      Set::store(codes, of.decay + at);
      Set::store_real(codes, decay_scales, of.decays + at);
    }
    const std::int32_t b = of.b[static_cast<std::ptrdiff_t>(i) * of.b_step];
    states.template advance<false>(s, k, Set::load(of.decay + at), Set::multiply(Set::load(of.v + at), Set::all(b)));
    Set::store_real(states.h, of.scale, of.states + at);
    Set::store_equal(states.h, states.rounded, of.passes + at);
  }
  states.keep(s, k, of.h, of.residue);
}

}  // namespace
}  // namespace bitstate::program

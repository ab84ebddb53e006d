#include "autograd/kernels/scan.h"

#include "autograd/kernels/mask.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

namespace bitstate::kernels {
namespace {

/// The imaginary parts of a sheared state: im' = l_re im + shear re' + b_im, of arrays [P].
void shear_imaginary(std::size_t states, const PairMap<float>& map, const float* im, const float* new_re,
                     const float* b_im, float* out) {
  for (std::size_t p = 0; p < states; ++p) {
    out[p] = std::fma(map.lambda[p], im[p], std::fma(map.shear[p], new_re[p], b_im[p]));
  }
}

}  // namespace

bool scan(const ScanShape& shape, const PairMap<float>& map, const float* b, float* x) {
  const std::size_t states = shape.states;
  const std::size_t width = shape.width();
  const float* const l_re = map.lambda;
  const float* const l_im = map.lambda + states;
  const std::size_t first = shape.row_of(0) * width;
  std::copy(b + first, b + first + width, x + first);
  if (map.shear != nullptr) {
    const std::vector<float> zero(states, 0.0F);
    shear_imaginary(states, map, zero.data(), x + first, b + first + states, x + first + states);
  }
  for (std::size_t i = 1; i < shape.length; ++i) {
    const float* const before = x + shape.row_of(i - 1) * width;
    const float* const input = b + shape.row_of(i) * width;
    float* const out = x + shape.row_of(i) * width;
    for (std::size_t p = 0; p < states; ++p) {
      const float re = before[p];
      const float im = before[states + p];
      out[p] = std::fma(l_re[p], re, std::fma(-l_im[p], im, input[p]));
      out[states + p] = std::fma(l_re[p], im, std::fma(l_im[p], re, input[states + p]));
    }
    if (map.shear != nullptr) shear_imaginary(states, map, before + states, out, input + states, out + states);
  }
  const float* const last = x + shape.row_of(shape.length - 1) * width;
  return std::all_of(last, last + width, [](float v) { return std::isfinite(v); });
}

ScanAdjoint::ScanAdjoint(const ScanShape& shape, const float* lambda, float* dlambda)
    : states_(shape.states), lambda_(lambda), dlambda_(dlambda) {}

void ScanAdjoint::step(float* g, const std::uint8_t* unclamped) {
  if (const float* const after = std::exchange(s_, g); after != nullptr) add_after(after, g);  // else s = g
  if (unclamped == nullptr) return;
  keep_marked(states_, unclamped, g);
  keep_marked(states_, unclamped + (states_ + 7) / 8, g + states_);
}

void ScanAdjoint::add_after(const float* after, float* g) const {
  const std::size_t states = states_;
  const float* const l_re = lambda_;
  const float* const l_im = lambda_ + states;
  const float* const re = after;
  const float* const im = after + states;
  float* const __restrict s_re = g;
  float* const __restrict s_im = g + states;
  for (std::size_t p = 0; p < states; ++p) {
    s_re[p] = std::fma(l_re[p], re[p], std::fma(l_im[p], im[p], s_re[p]));
    s_im[p] = std::fma(l_re[p], im[p], std::fma(-l_im[p], re[p], s_im[p]));
  }
}

void ScanAdjoint::add_lambda(const float* before) {
  const std::size_t states = states_;
  const float* const s_re = s_;
  const float* const s_im = s_ + states;
  float* const __restrict dl_re = dlambda_;
  float* const __restrict dl_im = dlambda_ + states;
  for (std::size_t p = 0; p < states; ++p) {
    dl_re[p] = std::fma(s_re[p], before[p], std::fma(s_im[p], before[states + p], dl_re[p]));
    dl_im[p] = std::fma(s_im[p], before[p], std::fma(-s_re[p], before[states + p], dl_im[p]));
  }
}

namespace {

using Rounding = QuantSpec::Rounding;

/// 64 random bits, a function of key and counter (the finaliser of SplitMix64, Steele et al. 2014).
std::uint64_t random_bits(std::uint64_t key, std::uint64_t counter) {
  std::uint64_t z = key + (counter + 1) * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

/// Working arrays of the integer recurrence, one element a real component.
struct IntegerState {
  std::vector<std::int64_t> z, largest, multiplier, half, shift;
  explicit IntegerState(const std::vector<FixedPoint>& from_input)
      : z(from_input.size()),
        largest(from_input.size()),
        multiplier(from_input.size()),
        half(from_input.size()),
        shift(from_input.size()) {
    for (std::size_t c = 0; c < from_input.size(); ++c) {
      multiplier[c] = from_input[c].multiplier;
      shift[c] = from_input[c].shift;
      half[c] = std::int64_t{1} << (from_input[c].shift - 1);
    }
  }
};

/// z -> codes of components [first, end) of a step; `row` numbers the step's first component for the random numbers.
template <bool power_of_two>
void round_state(const IntegerScan& plan, const StateRounding& state, IntegerState& work, std::size_t first,
                 std::size_t end, std::size_t row, std::int32_t* __restrict out, std::uint8_t* __restrict kept) {
  const std::int64_t multiplier = plan.to_state.multiplier;
  const std::int64_t shift = power_of_two ? plan.lambda_shift : plan.to_state.shift;
  const std::uint64_t mask = (std::uint64_t{1} << static_cast<std::uint64_t>(shift)) - 1;
  const std::int64_t bound = state.bound;
  std::int64_t* const __restrict z = work.z.data();
  std::int64_t* const __restrict largest = work.largest.data();
  for (std::size_t c = first; c < end; ++c) {
    const std::int64_t magnitude = z[c] < 0 ? -z[c] : z[c];
    largest[c] = magnitude > largest[c] ? magnitude : largest[c];
    const auto offset = static_cast<std::int64_t>(random_bits(state.key, row + c) & mask);
    const std::int64_t rounded = ((power_of_two ? z[c] : z[c] * multiplier) + offset) >> shift;
    const std::int64_t clamped = rounded > bound ? bound : (rounded < -bound ? -bound : rounded);
    out[c] = static_cast<std::int32_t>(clamped);
    kept[c] = clamped == rounded ? 1 : 0;
  }
}

template <bool power_of_two>
void scan_codes(const ScanShape& shape, const PairMap<std::int32_t>& map, const IntegerScan& plan,
                const StateRounding& state, const std::int32_t* b, const StateCodes& out) {
  const std::size_t states = shape.states;
  const std::size_t width = shape.width();
  IntegerState work(plan.from_input);
  const std::vector<std::int32_t> zero(width, 0);
  const std::int32_t* before = zero.data();
  std::int64_t* const __restrict z = work.z.data();
  const std::int64_t* const __restrict multiplier = work.multiplier.data();
  const std::int64_t* const __restrict half = work.half.data();
  const std::int64_t* const __restrict shift = work.shift.data();
  const std::int64_t limit = plan.limit;
  for (std::size_t i = 0; i < shape.length; ++i) {
    const std::size_t row = shape.row_of(i) * width;
    for (std::size_t c = 0; c < width; ++c) {
      const std::int64_t u = (b[row + c] * multiplier[c] + half[c]) >> shift[c];
      z[c] = u > limit ? limit : (u < -limit ? -limit : u);
    }
    const auto round = [&](std::size_t begin, std::size_t end) {
      round_state<power_of_two>(plan, state, work, begin, end, row, out.codes + row, out.unclamped + row);
    };
    const auto add = [&](std::size_t at, const std::int32_t* factor, std::int64_t sign, const std::int32_t* x) {
      for (std::size_t p = 0; p < states; ++p) z[at + p] += sign * factor[p] * x[p];
    };
    add(0, map.lambda, 1, before);
    add(0, map.lambda + states, -1, before + states);
    round(0, states);
    add(states, map.lambda, 1, before + states);
    if (map.shear == nullptr) {
      add(states, map.lambda + states, 1, before);
    } else {
      add(states, map.shear, 1, out.codes + row);
    }
    round(states, width);
    before = out.codes + row;
  }
  if (state.observed == nullptr) return;
  for (std::size_t c = 0; c < width; ++c) {
    state.observed[c] = std::max(state.observed[c], static_cast<float>(work.largest[c]) * plan.inner_scale[c]);
  }
}

/// Calls f with the rounding as a constant.
template <class F>
auto with_rounding(Rounding rounding, const F& f) {
  switch (rounding) {
    case Rounding::stochastic:
      return f(std::integral_constant<Rounding, Rounding::stochastic>{});
    case Rounding::feedback:
      return f(std::integral_constant<Rounding, Rounding::feedback>{});
    case Rounding::decayed:
      return f(std::integral_constant<Rounding, Rounding::decayed>{});
    case Rounding::nearest:
      break;
  }
  return f(std::integral_constant<Rounding, Rounding::nearest>{});
}

template <Rounding rounding>
bool scan_floats(const ScanShape& shape, const PairMap<float>& map, const StateRounding& state, const float* b,
                 const StateCodes& out) {
  const std::size_t states = shape.states;
  const std::size_t width = shape.width();
  std::int32_t* const x = out.codes;  // a byte that is written could be one of `out`
  std::uint8_t* const unclamped = out.unclamped;
  std::vector<float> work(width * 6, 0.0F);
  float* const before = work.data();
  float* const z = before + width;
  float* const largest = z + width;
  float* const inverse = largest + width;
  float* const residue = inverse + width;
  float* const poison = residue + width;  // 0, or NaN once z was a NaN or an infinity
  for (std::size_t c = 0; c < width; ++c) inverse[c] = 1.0F / state.scale[c];
  const auto bound = static_cast<float>(state.bound);
  const float* const lambda = map.lambda;
  const auto round = [&](std::size_t row, std::size_t first, std::size_t end) {
    for (std::size_t c = first; c < end; ++c) {
      if constexpr (rounding == Rounding::feedback) z[c] += residue[c];
      const float magnitude = std::fabs(z[c]);
      largest[c] = magnitude > largest[c] ? magnitude : largest[c];
      poison[c] += z[c] * 0.0F;
      float offset = 0.5F;
      if constexpr (rounding == Rounding::stochastic) {
        offset = static_cast<float>(random_bits(state.key, row + c) >> 40U) * 0x1.0p-24F;
      }
      const float rounded = std::floor(z[c] * inverse[c] + offset);
      const float clamped = rounded > bound ? bound : (rounded > -bound ? rounded : -bound);
      x[row + c] = static_cast<std::int32_t>(clamped);
      unclamped[row + c] = clamped == rounded ? 1 : 0;
      before[c] = clamped * state.scale[c];
      if constexpr (rounding == Rounding::feedback) residue[c] = clamped == rounded ? z[c] - before[c] : 0.0F;
      if constexpr (rounding == Rounding::decayed) before[c] = clamped == rounded ? z[c] : before[c];
    }
  };
  for (std::size_t i = 0; i < shape.length; ++i) {
    const std::size_t row = shape.row_of(i) * width;
    for (std::size_t p = 0; p < states; ++p) {
      const float re = before[p];
      const float im = before[states + p];
      z[p] = std::fma(lambda[p], re, std::fma(-lambda[states + p], im, b[row + p]));
      z[states + p] = std::fma(lambda[p], im, std::fma(lambda[states + p], re, b[row + states + p]));
    }
    round(row, 0, states);
    if (map.shear != nullptr) {
      shear_imaginary(states, map, before + states, before, b + row + states, z + states);
    }
    round(row, states, width);
  }
  bool finite = true;
  for (std::size_t c = 0; c < width; ++c) {
    finite = finite && poison[c] == 0.0F;
    if (state.observed != nullptr) state.observed[c] = std::max(state.observed[c], largest[c]);
  }
  return finite;
}

}  // namespace

void scan_stochastic(const ScanShape& shape, const PairMap<std::int32_t>& map, const IntegerScan& plan,
                     const StateRounding& state, const std::int32_t* b, const StateCodes& out) {
  if (plan.lambda_shift >= 0) {
    scan_codes<true>(shape, map, plan, state, b, out);
  } else {
    scan_codes<false>(shape, map, plan, state, b, out);
  }
}

bool scan_rounded(const ScanShape& shape, const PairMap<float>& map, const StateRounding& state, const float* b,
                  const StateCodes& out) {
  return with_rounding(state.how, [&](auto rounding) { return scan_floats<rounding()>(shape, map, state, b, out); });
}

}  // namespace bitstate::kernels

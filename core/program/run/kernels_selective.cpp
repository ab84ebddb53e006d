// The recurrence of selective models in plain C++ (docs/numerics.md, section 10).
#include "core/program/run/codes.h"
#include "core/program/run/kernels_scalar.h"
#include "core/selective.h"

#include <algorithm>
#include <type_traits>
#include <vector>

namespace bitstate::program {
namespace {

/// A row of codes as integers of 32 bits.
struct Row {
  std::vector<std::int32_t> codes;

  explicit Row(std::size_t cols) : codes(cols) {}
  void take(const Codes& x, std::size_t row) {
    with_type(x, [&](const auto* all) { copy_codes(all + row * x.stride, codes.size(), codes.data()); });
  }
};

FixedPoint factor_of(const Factors& factors, std::size_t c) { return {factors.multiplier[c], factors.shift[c]}; }

selective::Bounds bounds_of(const Selective& s) { return {s.residue, s.bound, s.limit}; }

/// One channel of one step.
struct Channel {
  const Selective& s;
  FixedPoint to_inner;
  std::int32_t delta;
  const std::int32_t* rate;
  std::int32_t v;  // the clamped input
};

/// Advances its states. Returns y; `largest` gets the largest |z - e| if it is larger.
std::int32_t advance_all(const Channel& at, const std::int32_t* b, const std::int32_t* c, std::int32_t* h,
                         std::int32_t* residue, std::int64_t& largest) {
  const Selective& s = at.s;
  const selective::Bounds bounds = bounds_of(s);
  std::int32_t decay = decay_code(at.delta, at.rate[0], s.fraction);
  constexpr std::int64_t most = selective_most;  // as vectors of 32 bits see it
  std::int32_t y = 0;
  for (std::size_t n = 0; n < s.states; ++n) {
    if (s.rate_per_state && n > 0) decay = decay_code(at.delta, at.rate[n], s.fraction);
    std::int32_t none = 0;
    std::int32_t& e = residue == nullptr ? none : residue[n];
    const std::int32_t before = h[n];
    const std::int64_t product = std::int64_t{at.v} * b[n];
    const std::int64_t w = std::clamp(rescale(product, at.to_inner), -bounds.input, bounds.input);
    const std::int64_t kept = decay * before;
    const std::int64_t sum =
        kept + std::clamp(w, -most - std::min<std::int64_t>(kept, 0), most - std::max<std::int64_t>(kept, 0));
    largest = std::max(largest, sum < 0 ? -sum : sum);
    selective::advance(bounds, decay, product, at.to_inner, h[n], e);
    y += c[n] * h[n];
  }
  return y;
}

}  // namespace

void selective_scan_scalar(const Selective& s, std::size_t rows, const SelectiveCodes& in,
                           const SelectiveStates& states, MutableCodes y) {
  Row u(s.channels), dt(s.heads), b(s.groups * s.states), c(s.groups * s.states);
  const std::size_t of_head = s.channels / s.heads;
  const std::size_t of_group = s.channels / s.groups;
  const std::int64_t input_bound = s.input_bound;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = s.backward ? rows - 1 - i : i;
    u.take(in.u, row);
    dt.take(in.dt, row);
    b.take(in.b, row);
    c.take(in.c, row);
    for (std::size_t e = 0; e < s.channels; ++e) {
      const std::size_t head = e / of_head;
      const std::size_t shared = e / of_group * s.states;
      const std::int32_t delta = s.delta[dt.codes[head] - s.first];
      const std::int64_t v = rescale(std::int64_t{delta} * u.codes[e], factor_of(s.to_input, e));
      const Channel channel{s, factor_of(s.to_inner, e), delta, s.rate + head * (s.rate_per_state ? s.states : 1),
                            static_cast<std::int32_t>(std::clamp(v, -input_bound, input_bound))};
      std::int32_t* const residue = states.residue == nullptr ? nullptr : states.residue + e * s.states;
      std::int64_t largest = 0;
      const std::int32_t sum = advance_all(channel, b.codes.data() + shared, c.codes.data() + shared,
                                           states.h + e * s.states, residue, largest);
      if (states.largest_input != nullptr) {
        states.largest_input[e] = std::max(states.largest_input[e], v < 0 ? -v : v);
        states.largest_state[e] = std::max(states.largest_state[e], largest);
      }
      with_type(y,
                [&](auto* out) { out[row * y.stride + e] = static_cast<std::remove_pointer_t<decltype(out)>>(sum); });
    }
  }
}

void selective_replay_scalar(const Selective& s, const SelectiveReplay& of) {
  const selective::Bounds bounds = bounds_of(s);
  for (std::size_t l = 0; l < vector_columns; ++l) {
    std::int32_t none = 0;
    std::int32_t& e = s.residue != Residue::none ? of.residue[l] : none;
    for (std::size_t i = 0; i < of.rows; ++i) {
      const std::size_t at = i * vector_columns + l;
      if (of.rate != nullptr) {
        of.decay[at] = decay_code(of.delta[at], of.rate[l], s.fraction);
        of.decays[at] = static_cast<float>(of.decay[at]) * decay_scale;
      }
      const std::int64_t product = std::int64_t{of.v[at]} * of.b[static_cast<std::ptrdiff_t>(i) * of.b_step];
      const std::int64_t z = selective::advance(bounds, of.decay[at], product, factor_of(of.to_inner, l), of.h[l], e);
      of.states[at] = static_cast<float>(of.h[l]) * of.scale[l];
      of.passes[at] = selective::is_unclamped(z, of.h[l]) ? 1.0F : 0.0F;
    }
  }
}

}  // namespace bitstate::program

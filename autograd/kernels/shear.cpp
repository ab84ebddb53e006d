#include "autograd/kernels/shear.h"

#include "autograd/kernels/mask.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace bitstate::kernels {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double unit = Shear::one;

/// Of the numbers m 2^shift with first <= m <= most and a shift of up to 15, the one nearest to `place`, the smaller of
/// equally near ones. Those above `place` must be `admissible`. `distance` grows on both sides of `place`.
template <class Admissible, class Distance>
std::int32_t nearest_of(double place, std::int64_t first, std::int64_t most, Admissible admissible, Distance distance) {
  std::int64_t below = -1, above = -1;  // none
  for (int shift = 0; shift <= Shear::fraction; ++shift) {
    const std::int64_t m = std::min(static_cast<std::int64_t>(std::floor(std::ldexp(place, -shift))), most);
    const std::int64_t next = (m + 1) << shift;
    if (m >= first) below = std::max(below, m << shift);
    if (m < most && admissible(next) && (above < 0 || next < above)) above = next;
  }
  const bool is_above = below < 0 || (above >= 0 && distance(above) < distance(below));
  return static_cast<std::int32_t>(is_above ? above : below);
}

}  // namespace

Shear nearest_shear(std::complex<double> z, int bits, int magnitude, bool conj_sym) {
  const double decay = std::min(unit * (1.0 - std::min(std::abs(z), 1.0)), double{Shear::most_decay});
  const std::int32_t a =
      Shear::one - nearest_of(
                       decay, 1, (1 << magnitude) - 1, [](std::int64_t d) { return d <= Shear::most_decay; },
                       [=](std::int64_t d) { return std::fabs(static_cast<double>(d) - decay); });
  const double angle = std::fabs(std::arg(z));
  const std::int32_t g = angle > pi / 2.0 ? -1 : 1;
  const double turned = g < 0 ? pi - angle : angle;
  const double diameter = 2.0 * unit * std::sqrt(a / unit);  // of the step whose angle is pi
  const std::int32_t e = nearest_of(
      diameter * std::sin(turned / 2.0), 0, (1 << (bits - 1)) - 1, [=](std::int64_t v) { return Shear::turns(a, v); },
      [=](std::int64_t v) { return std::fabs(2.0 * std::asin(static_cast<double>(v) / diameter) - turned); });
  return Shear::of(g * a, conj_sym || z.imag() < 0.0 ? -e : e);
}

ShearCoordinates::ShearCoordinates(const Shear& shear) {
  const double e = shear.turn() / unit;
  p = e / 2.0;
  q = std::sqrt(std::abs(shear.straight()) / unit - e * e / 4.0);
}

std::complex<double> eigenvalue_of(const Shear& shear) {
  const double e = shear.turn() / unit;
  const double re = std::abs(shear.straight()) / unit - e * e / 2.0;
  return static_cast<double>(shear.sign) * std::complex(re, e * ShearCoordinates(shear).q);
}

std::vector<ShearCoordinates> coordinates_of(std::span<const std::int32_t> codes) {
  const std::size_t states = codes.size() / 2;
  std::vector<ShearCoordinates> all;
  for (std::size_t p = 0; p < states; ++p) all.emplace_back(Shear::of(codes[p], codes[states + p]));
  return all;
}

ShearAdjoint::ShearAdjoint(const PairMap<float>& map, std::span<const ShearCoordinates> coordinates, float* dlambda)
    : states_(coordinates.size()), map_(map), dlambda_(dlambda) {
  for (const ShearCoordinates& t : coordinates) {
    p_.push_back(static_cast<float>(t.p));
    q_.push_back(static_cast<float>(t.q));
  }
}

void ShearAdjoint::step(float* g, const std::uint8_t* unclamped) {
  const float* const after = std::exchange(s_, g);
  const std::size_t states = states_;
  const float* const straight = map_.lambda;
  const float* const crossed = straight + states;
  const float* const turn = map_.shear;
  float* const __restrict s_x = g;
  float* const __restrict s_y = g + states;
  if (after != nullptr) {
    const float* const x = after;
    const float* const y = after + states;
    for (std::size_t p = 0; p < states; ++p) {
      s_y[p] = std::fma(straight[p], y[p], std::fma(-crossed[p], x[p], s_y[p]));
      s_x[p] = std::fma(straight[p], x[p], s_x[p]);
    }
  }
  const std::size_t plane = (states + 7) / 8;
  if (unclamped != nullptr) keep_marked(states, unclamped + plane, s_y);
  for (std::size_t p = 0; p < states; ++p) s_x[p] = std::fma(turn[p], s_y[p], s_x[p]);
  if (unclamped != nullptr) keep_marked(states, unclamped, s_x);
}

void ShearAdjoint::add_lambda(const float* before) {
  const std::size_t states = states_;
  float* const __restrict dl_re = dlambda_;
  float* const __restrict dl_im = dlambda_ + states;
  for (std::size_t p = 0; p < states; ++p) {
    const float s_re = std::fma(-p_[p], s_[states + p], s_[p]);
    const float s_im = q_[p] * s_[states + p];
    const float re = before[p];
    const float im = std::fma(-p_[p], re, before[states + p]) / q_[p];
    dl_re[p] = std::fma(s_re, re, std::fma(s_im, im, dl_re[p]));
    dl_im[p] = std::fma(s_im, re, std::fma(-s_re, im, dl_im[p]));
  }
}

}  // namespace bitstate::kernels

#include "tests/support/models/plain_numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace bitstate::tests {
namespace {

using Range = QuantSpec::Range;

/// The powers of two that are next above or equal, by doubling and halving.
float power_of_two_above(float s) {
  float power = 1.0F;
  while (power < s) power *= 2.0F;
  while (power * 0.5F >= s) power *= 0.5F;
  return power;
}

/// The smallest magnitude that alpha per cent of the values do not exceed.
float percentile(std::span<const float> x, float alpha) {
  std::vector<float> magnitudes;
  for (const float v : x) magnitudes.push_back(std::fabs(v));
  std::sort(magnitudes.begin(), magnitudes.end());
  // alpha is the decimal number that was written, not the float next to it
  const auto part = static_cast<std::int64_t>(std::floor(double{alpha} * 1e5 + 0.5));
  const Wide rank = -floor_division(-Wide{part} * static_cast<std::int64_t>(x.size()), 10'000'000);
  return magnitudes[static_cast<std::size_t>(std::max<Wide>(rank, 1)) - 1];
}

/// The first of the 64 parts of the largest magnitude with the smallest sum of squared rounding errors.
float best_range(std::span<const float> x, const QuantSpec& spec, float largest) {
  float best = 0.0F;
  double smallest = 0.0;
  for (int k = 1; k <= 64; ++k) {
    const float r = static_cast<float>(k) / 64.0F * largest;
    const PlainGrid grid = plain_grid(spec, r, r);
    double sum = 0.0;
    for (const float v : x) {
      const float shadow = static_cast<float>(plain_code(v, spec, grid, Mutation::none)) * grid.scale;
      const double error = double{v} - double{shadow};
      sum += error * error;
    }
    if (k > 1 && sum >= smallest) continue;
    smallest = sum;
    best = r;
  }
  return best;
}

/// The grid of the weights x that share channel c.
PlainGrid constant_grid(const Quantizer& site, std::span<const float> x, std::size_t c) {
  const QuantSpec& spec = site.spec;
  float high = 0.0F;
  float low = 0.0F;
  for (const float v : x) {
    high = std::max(high, v);
    low = std::max(low, -v);
  }
  if (spec.range == Range::absmax) return plain_grid(spec, high, low);
  const float largest = std::max(high, low);
  float r = spec.value;
  if (spec.range == Range::percentile) r = percentile(x, spec.alpha);
  if (spec.range == Range::mse) r = best_range(x, spec, largest);
  if (spec.range == Range::learned) r = std::exp(site.log_range.value.data[c]);
  if (spec.range == Range::stored) r = site.range[c];
  return plain_grid(spec, r, r);
}

/// A point of a grid of pairs.
struct Pair {
  std::int64_t re = 0;
  std::int64_t im = 0;
};

/// The nearest of the four grid points around (re, im) that lie in the unit disk; the first of equals.
Pair nearest_in_disk(double re, double im, double s, const PlainGrid& grid) {
  const double modulus = std::sqrt(re * re + im * im);
  if (modulus > 1.0) {
    re /= modulus;
    im /= modulus;
  }
  const auto clamped = [&](double v) { return std::clamp(static_cast<std::int64_t>(v), grid.lo, grid.hi); };
  Pair best;
  double nearest = -1.0;
  for (const bool up_re : {false, true}) {
    for (const bool up_im : {false, true}) {
      const Pair p{clamped(up_re ? std::ceil(re / s) : std::floor(re / s)),
                   clamped(up_im ? std::ceil(im / s) : std::floor(im / s))};
      const double x = static_cast<double>(p.re) * s;
      const double y = static_cast<double>(p.im) * s;
      if (x * x + y * y > 1.0) continue;
      const double distance = (x - re) * (x - re) + (y - im) * (y - im);
      if (nearest >= 0.0 && distance >= nearest) continue;
      nearest = distance;
      best = p;
    }
  }
  return best;
}

/// The middles of the bins in which the values lie: 2^bits equal ones between the smallest value and the largest.
std::vector<double> middles(const std::vector<double>& values, int bits) {
  const double v0 = *std::min_element(values.begin(), values.end());
  const double v1 = *std::max_element(values.begin(), values.end());
  const double bins = std::ldexp(1.0, bits);
  std::vector<double> out;
  for (const double v : values) {
    const double bin = v1 > v0 ? std::min(bins - 1.0, std::floor((v - v0) / (v1 - v0) * bins)) : 0.0;
    out.push_back(v0 + (bin + 0.5) * (v1 - v0) / bins);
  }
  return out;
}

/// Modulus and angle of every state, each in the middle of its bin; an angle without its sign.
struct Polar {
  std::vector<double> modulus;
  std::vector<double> angle;
};

Polar polar_codes(const QuantSpec& spec, const Tensor& values, bool conj_sym) {
  constexpr double smallest = 0x1.0p-20;
  const std::size_t states = values.size() / 2;
  const bool log_modulus = spec.pole.form == PoleSpec::Form::log_polar;
  const bool log_angle = spec.pole.spacing == PoleSpec::Spacing::log;
  Polar polar;
  for (std::size_t p = 0; p < states; ++p) {
    const double re = values.data[p];
    const double im = values.data[states + p];
    const double modulus = std::min(1.0, std::sqrt(re * re + im * im));
    polar.modulus.push_back(log_modulus ? std::log(std::max(-std::log(modulus), smallest)) : modulus);
    const double angle = std::fabs(std::atan2(im, re));
    polar.angle.push_back(log_angle ? std::log(std::max(angle, smallest)) : angle);
  }
  polar.modulus = middles(polar.modulus, spec.pole.magnitude);
  polar.angle = middles(polar.angle, conj_sym ? spec.pole.phase : spec.pole.phase - 1);
  for (std::size_t p = 0; p < states; ++p) {
    if (log_modulus) polar.modulus[p] = std::exp(-std::exp(polar.modulus[p]));
    if (log_angle) polar.angle[p] = std::exp(polar.angle[p]);
  }
  return polar;
}

}  // namespace

PlainRatio plain_ratio(double real) {
  if (real < 0x1.0p-31) return {};
  if (real >= 0x1.0p29) real = 0x1.0p29 - 1.0;
  PlainRatio ratio{0, 0};
  while (real < 0x1.0p30) {
    real *= 2.0;
    ++ratio.k;
  }
  ratio.m = static_cast<std::int64_t>(std::floor(real + 0.5));
  if (ratio.m == std::int64_t{1} << 31) {
    ratio.m /= 2;
    --ratio.k;
  }
  return ratio;
}

Wide floor_division(Wide a, Wide b) {
  const Wide quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t plain_rescale(std::int64_t a, PlainRatio ratio, Mutation mutation) {
  const int k = ratio.k + (mutation == Mutation::rescale_shift ? 1 : 0);
  Wide half = Wide{1} << (k - 1);
  if (mutation == Mutation::rescale_half_down) half -= 1;
  return static_cast<std::int64_t>(floor_division(Wide{a} * ratio.m + half, Wide{1} << k));
}

PlainGrid plain_grid(const QuantSpec& spec, float high, float low) {
  const auto scale_of = [&](float s) {
    const float kept = s < 0x1.0p-60F ? 1.0F : s;
    return spec.scale_kind == QuantSpec::Scale::pow2 ? power_of_two_above(kept) : kept;
  };
  const std::int64_t codes = std::int64_t{1} << spec.bits;
  if (spec.symmetry == QuantSpec::Symmetry::asymmetric) {
    const float s = scale_of((low + high) / static_cast<float>(codes - 1));
    const auto lo = -static_cast<std::int64_t>(std::floor(low / s + 0.5F));
    return {s, lo, lo + codes - 1};
  }
  const float r = std::max(high, low);
  if (is_sign(spec)) return {scale_of(std::max(r / 2.0F, 0x1.0p-40F)), -1, 1};
  const std::int64_t q = codes / 2 - 1;
  const float steps = static_cast<float>(codes / 2) - (spec.edge == QuantSpec::Edge::half ? 0.5F : 1.0F);
  return {scale_of(r / steps), -q, q};
}

PlainGrid plain_grid(const Quantizer& site, std::size_t c) {
  const QuantSpec& spec = site.spec;
  if (spec.range == Range::fixed) return plain_grid(spec, spec.value, spec.value);
  if (spec.range == Range::learned) {
    const float r = std::exp(site.log_range.value.data[c]);
    return plain_grid(spec, r, r);
  }
  const bool pair = spec.symmetry == QuantSpec::Symmetry::asymmetric;
  const std::size_t channels = site.range.size() / (pair ? 2 : 1);
  return plain_grid(spec, site.range[c], site.range[pair ? channels + c : c]);
}

bool is_sign(const QuantSpec& spec) { return spec.bits == 1 && spec.symmetry == QuantSpec::Symmetry::symmetric; }

std::int64_t plain_clamp(std::int64_t code, const PlainGrid& grid, Mutation mutation) {
  const std::int64_t hi = grid.hi - (mutation == Mutation::saturation && grid.hi > 1 ? 1 : 0);
  return code > hi ? hi : code < grid.lo ? grid.lo : code;
}

std::int64_t plain_code(float x, const QuantSpec& spec, const PlainGrid& grid, Mutation mutation) {
  if (is_sign(spec)) return x >= 0.0F ? 1 : -1;
  const float inverse = 1.0F / grid.scale;
  const float rounded = std::floor(x * inverse + 0.5F);
  if (rounded >= 0x1.0p30F || rounded <= -0x1.0p30F)
    return plain_clamp(rounded > 0.0F ? 1 << 30 : -(1 << 30), grid, mutation);
  return plain_clamp(static_cast<std::int64_t>(rounded), grid, mutation);
}

std::int64_t plain_round(double real, bool down, std::string_view op) {
  const double rounded = down ? std::floor(real) : std::floor(real + 0.5);
  if (!(std::fabs(rounded) < 0x1.0p62)) throw FloatOperation{std::string(op)};
  return static_cast<std::int64_t>(rounded);
}

Plain plain_constant(const Quantizer& site, const Tensor& values, Mutation mutation) {
  Plain out;
  out.rows = values.rows;
  out.cols = values.cols;
  out.value = values.data;
  if (!site.spec.active()) return out;
  const bool by_row = site.spec.granularity == QuantSpec::Granularity::channel && values.rows > 1;
  out.layout = by_row ? Plain::Layout::row : Plain::Layout::tensor;
  const std::size_t share = by_row ? values.cols : values.size();
  for (std::size_t first = 0; first < values.size(); first += share) {
    const auto part = std::span(values.data).subspan(first, share);
    const PlainGrid grid = constant_grid(site, part, first / share);
    out.scale.push_back(grid.scale);
    out.bound = std::max(out.bound, grid.bound());
    for (const float x : part) {
      out.codes.push_back(plain_code(x, site.spec, grid, mutation));
      out.value[out.codes.size() - 1] = static_cast<float>(out.codes.back()) * grid.scale;
    }
  }
  return out;
}

/// The nearest point of form=delta: for each turn and each imaginary part the real parts next to that of z.
Pair nearest_delta(double re, double im, int bits) {
  const double modulus = std::hypot(re, im);
  const double shrink = modulus > 1.0 ? 1.0 / modulus : 1.0;
  std::set<std::int64_t> steps;
  const std::int64_t most = (std::int64_t{1} << (bits - 1)) - 1;
  for (std::int64_t m = -most; m <= most; ++m) {
    for (int k = 0; k <= 15; ++k) steps.insert(m * (std::int64_t{1} << (15 - k)));
  }
  Pair best{};
  double least = 1e300;
  for (int turn = 0; turn < 4; ++turn) {
    const std::int64_t c = turn == 0 ? 1 : turn == 2 ? -1 : 0;
    const std::int64_t s = turn == 1 ? 1 : turn == 3 ? -1 : 0;
    const double x = 32768.0 * shrink * (static_cast<double>(c) * re + static_cast<double>(s) * im) - 32768.0;
    for (const std::int64_t part : steps) {
      std::set<std::int64_t> inside;
      auto at = steps.lower_bound(static_cast<std::int64_t>(std::ceil(x)));
      const auto admissible = [&](std::int64_t r) {
        return (32768 + r) * (32768 + r) + part * part < std::int64_t{1} << 30;
      };
      for (auto up = at; up != steps.end() && inside.empty(); ++up) {
        if (admissible(*up)) inside.insert(*up);
        if (*up > 0) break;
      }
      const std::size_t above = inside.size();
      while (at != steps.begin() && inside.size() == above) {
        if (admissible(*--at)) inside.insert(*at);
        if (*at < -65536) break;
      }
      for (const std::int64_t r : inside) {
        const Pair point{c * (32768 + r) - s * part, s * (32768 + r) + c * part};
        const double off_re = static_cast<double>(point.re) - 32768.0 * shrink * re;
        const double off_im = static_cast<double>(point.im) - 32768.0 * shrink * im;
        if (off_re * off_re + off_im * off_im >= least) continue;
        least = off_re * off_re + off_im * off_im;
        best = point;
      }
    }
  }
  return best;
}

double PlainShear::p() const { return static_cast<double>(e) / 65536.0; }
double PlainShear::q() const {
  const double epsilon = static_cast<double>(e) / 32768.0;
  return std::sqrt(static_cast<double>(a) / 32768.0 - epsilon * epsilon / 4.0);
}

/// m 2^(15 - k) for all m from `first` to `last`.
std::set<std::int64_t> plain_products(std::int64_t first, std::int64_t last) {
  std::set<std::int64_t> all;
  for (std::int64_t m = first; m <= last; ++m) {
    for (int k = 0; k <= 15; ++k) all.insert(m * (std::int64_t{1} << (15 - k)));
  }
  return all;
}

/// Of `among`, what `distance` is smallest for; the first of equals.
template <class Distance>
std::int64_t plain_nearest(const std::set<std::int64_t>& among, Distance distance) {
  std::int64_t best = *among.begin();
  for (const std::int64_t v : among) {
    if (distance(v) < distance(best)) best = v;
  }
  return best;
}

std::vector<PlainShear> plain_shear(const QuantSpec& spec, const Tensor& values, bool conj_sym) {
  constexpr double pi = 3.141592653589793;
  std::set<std::int64_t> decays = plain_products(1, (std::int64_t{1} << spec.pole.magnitude) - 1);
  decays.erase(decays.upper_bound(24576), decays.end());
  const std::set<std::int64_t> steps = plain_products(0, (std::int64_t{1} << (spec.bits - 1)) - 1);
  const std::size_t states = values.size() / 2;
  std::vector<PlainShear> all;
  for (std::size_t s = 0; s < states; ++s) {
    const double re = values.data[s];
    const double im = values.data[states + s];
    const double d = 32768.0 * (1.0 - std::min(std::hypot(re, im), 1.0));
    const std::int64_t a =
        32768 - plain_nearest(decays, [=](std::int64_t v) { return std::fabs(static_cast<double>(v) - d); });
    double angle = std::fabs(std::atan2(im, re));
    const std::int64_t g = angle > pi / 2.0 ? -1 : 1;
    if (g < 0) angle = pi - angle;
    std::set<std::int64_t> inside = steps;
    std::erase_if(inside, [=](std::int64_t v) { return v * v >= a * 131072; });
    const std::int64_t e = plain_nearest(inside, [=](std::int64_t v) {
      const double sine = static_cast<double>(v) / (65536.0 * std::sqrt(static_cast<double>(a) / 32768.0));
      return std::fabs(2.0 * std::asin(sine) - angle);
    });
    all.push_back({g, a, conj_sym || im < 0.0 ? -g * e : g * e});
  }
  return all;
}

/// The first rows of the matrices, with the eigenvalues as numbers.
Plain shear_lambda(const QuantSpec& spec, const Tensor& values, bool conj_sym) {
  const std::vector<PlainShear> all = plain_shear(spec, values, conj_sym);
  Plain out;
  out.rows = 1;
  out.cols = values.size();
  out.scale = {0x1.0p-15F};
  out.bound = 65535;
  for (const PlainShear& s : all) out.codes.push_back(s.g * s.a);
  for (const PlainShear& s : all) out.codes.push_back(s.g * s.e);
  for (const PlainShear& s : all) {
    const double epsilon = static_cast<double>(s.e) / 32768.0;
    out.value.push_back(
        static_cast<float>(static_cast<double>(s.g) * (static_cast<double>(s.a) / 32768.0 - epsilon * epsilon / 2.0)));
  }
  for (const PlainShear& s : all) {
    out.value.push_back(static_cast<float>(static_cast<double>(s.g * s.e) / 32768.0 * s.q()));
  }
  return out;
}

Plain plain_lambda(const Quantizer& site, const Tensor& values, bool conj_sym, Mutation mutation) {
  const QuantSpec& spec = site.spec;
  if (!spec.active() || spec.pole.form == PoleSpec::Form::cartesian) return plain_constant(site, values, mutation);
  if (spec.is_shear()) return shear_lambda(spec, values, conj_sym);
  const std::size_t states = values.size() / 2;
  Plain out;
  out.rows = 1;
  out.cols = values.size();
  out.codes.resize(values.size());
  PlainGrid grid;
  Polar polar;
  const bool delta = spec.pole.form == PoleSpec::Form::delta;
  if (delta) {
    grid = {0x1.0p-15F, -32767, 32767};
  } else if (!spec.pole.is_lookup()) {
    grid = constant_grid(site, values.data, 0);
  } else {
    const std::int64_t q = (std::int64_t{1} << (spec.pole.width - 1)) - 1;
    grid = {static_cast<float>(std::ldexp(1.0, 1 - spec.pole.width)), -q, q};
    polar = polar_codes(spec, values, conj_sym);
  }
  for (std::size_t p = 0; p < states; ++p) {
    double re = values.data[p];
    double im = values.data[states + p];
    if (spec.pole.is_lookup()) {
      const double sign = conj_sym || im < 0.0 ? -1.0 : 1.0;
      re = polar.modulus[p] * std::cos(polar.angle[p]);
      im = polar.modulus[p] * std::sin(polar.angle[p]) * sign;
    }
    const Pair pair = delta ? nearest_delta(re, im, spec.bits) : nearest_in_disk(re, im, double{grid.scale}, grid);
    out.codes[p] = pair.re;
    out.codes[states + p] = pair.im;
  }
  out.scale = {grid.scale};
  out.bound = grid.bound();
  for (const std::int64_t code : out.codes) out.value.push_back(static_cast<float>(code) * grid.scale);
  return out;
}

}  // namespace bitstate::tests

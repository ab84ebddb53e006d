// The forms of the quantized state matrix against an own implementation of docs/numerics.md, section 6.
#include "autograd/ops.h"
#include "core/error.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests::lambda_forms_test {
namespace {

constexpr double pi = std::numbers::pi;

struct Point {
  double re, im;
};
using Points = std::vector<Point>;

/// The row of a state matrix: its rules as a user writes them.
Quantizer site_of(const std::string& rule) {
  std::string text = "weight:*";
  Quantizer q;
  q.declare("weight:layers.0.ssm.A");
  q.poles = true;
  const Site site{q.site, q.kind, q.poles};
  q.spec = QuantConfig::parse(text.append(" ").append(rule), "test").resolve({&site, 1}).front();
  return q;
}

/// Planar floats [re | im], and the points they hold.
std::vector<float> planar(Points& points) {
  std::vector<float> x(2 * points.size());
  for (std::size_t p = 0; p < points.size(); ++p) {
    x[p] = static_cast<float>(points[p].re);
    x[points.size() + p] = static_cast<float>(points[p].im);
    points[p] = {double{x[p]}, double{x[points.size() + p]}};
  }
  return x;
}

using Pair = std::array<std::int64_t, 2>;

/// The nearest of the four grid points around z with |c| s <= 1.
Pair grid_point(Point z, double s, std::int64_t bound) {
  const double modulus = std::hypot(z.re, z.im);
  if (modulus > 1.0) z = {z.re / modulus, z.im / modulus};
  Pair best = {0, 0};
  double least = std::numeric_limits<double>::infinity();
  for (const double re : {std::floor(z.re / s), std::ceil(z.re / s)}) {
    for (const double im : {std::floor(z.im / s), std::ceil(z.im / s)}) {
      const double b = static_cast<double>(bound);
      const double c = std::clamp(re, -b, b);
      const double d = std::clamp(im, -b, b);
      if (static_cast<long double>(c * c + d * d) * static_cast<long double>(s) * static_cast<long double>(s) > 1.0L) {
        continue;
      }
      const double distance = std::pow(c * s - z.re, 2.0) + std::pow(d * s - z.im, 2.0);
      if (distance >= least) continue;
      least = distance;
      best = {static_cast<std::int64_t>(c), static_cast<std::int64_t>(d)};
    }
  }
  return best;
}

/// 2^bits equal bins of [smallest, largest], moved by `shift` bins; returns the middles, and the width of a bin.
double bin_middles(std::vector<double>& values, int bits, double shift) {
  const double first = *std::min_element(values.begin(), values.end());
  const double last = *std::max_element(values.begin(), values.end());
  const double width = (last - first) / static_cast<double>(std::int64_t{1} << bits);
  if (width == 0.0) return 0.0;
  for (double& v : values) {
    const double most = static_cast<double>((std::int64_t{1} << bits) - 1);
    const double bin = std::max(0.0, std::min(std::floor((v - first) / width - shift), most));
    v = first + (bin + shift + 0.5) * width;
  }
  return width;
}

/// What the tables hold: modulus and angle of each eigenvalue, and the widths of the bins they are the middles of.
struct Levels {
  std::vector<double> modulus, angle;
  double modulus_bin, angle_bin;
};

Levels levels_of(const Points& points, const QuantSpec& spec, bool conj_sym) {
  const bool log_modulus = spec.pole.form == PoleSpec::Form::log_polar;
  const bool log_angle = spec.pole.spacing == PoleSpec::Spacing::log;
  Levels l;
  for (const auto& z : points) {
    const double m = std::min(1.0, std::hypot(z.re, z.im));
    const double a = std::fabs(std::atan2(z.im, z.re));
    l.modulus.push_back(log_modulus ? std::log(std::clamp(-std::log(m), 0x1.0p-20, 0x1.0p7)) : m);
    l.angle.push_back(log_angle ? std::log(std::max(a, 0x1.0p-20)) : a);
  }
  l.modulus_bin = bin_middles(l.modulus, spec.pole.magnitude, 0.0);
  l.angle_bin = bin_middles(l.angle, spec.pole.phase - (conj_sym ? 0 : 1), spec.pole.grid_shift);
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (log_modulus) l.modulus[p] = std::exp(-std::exp(l.modulus[p]));
    if (log_angle) l.angle[p] = std::exp(l.angle[p]);
    if (conj_sym || points[p].im < 0.0) l.angle[p] = -l.angle[p];
  }
  return l;
}

/// Eigenvalues as S5's: below the real axis with conj_sym, decays over three decades, angles over two.
Points s5_like(std::size_t count, bool conj_sym, std::uint64_t stream) {
  const Random random{31, stream};
  Points points;
  for (std::size_t p = 0; p < count; ++p) {
    const double modulus = std::exp(-std::exp(-7.0 + 6.0 * random.uniform(3 * p)));
    const double angle = std::exp(-4.0 + 5.0 * random.uniform(3 * p + 1));
    const bool above = !conj_sym && random.uniform(3 * p + 2) < 0.5;
    points.push_back({modulus * std::cos(angle), (above ? 1.0 : -1.0) * modulus * std::sin(angle)});
  }
  return points;
}

/// Anything: moduli from 0 to far above 1, exactly 1 and just below, all angles, real ones of both signs.
Points any(std::size_t count, std::uint64_t stream) {
  const Random random{32, stream};
  Points points = {{1.0, 0.0},         {-1.0, 0.0},       {-1.0, -0.0}, {0.0, -1.0}, {0.0, 1.0},
                   {0.6, -0.8},        {0.5, 0.0},        {-0.5, 0.0},  {0.5, 1e-9}, {0.5, -0.0},
                   {1.0 - 1e-7, 1e-4}, {1.0 - 1e-7, 0.0}, {1e-30, 0.0}};
  for (std::size_t p = points.size(); p < count; ++p) {
    const double u = random.uniform(2 * p);
    const double angle = (2.0 * random.uniform(2 * p + 1) - 1.0) * pi;
    double modulus = p % 3 == 0 ? std::sqrt(u) : (p % 3 == 1 ? 1.0 + 0.1 * u : std::exp(20.0 * (u - 0.5)));
    if (p % 17 == 0) modulus = 1.0;
    if (p % 19 == 0) modulus = 1.0 - 1e-7;
    points.push_back({modulus * std::cos(angle), modulus * std::sin(angle)});
  }
  return points;
}

/// The pairs that the op yields, after checks that hold for every form: inside the disk, within the bound, shadows.
std::vector<Pair> pairs_of(const Quantizer& site, Points& points, bool conj_sym) {
  const auto x = planar(points);
  const std::size_t n = points.size();
  Lane lane;
  const Computed y =
      computed(lane.tape, ops::quantize_lambda(lane.tape, lane.tape.input(1, 2 * n, x.data()), site, conj_sym));
  REQUIRE(y.has_codes());
  REQUIRE(y.layout == kernels::ScaleLayout::per_tensor);
  const long double s = y.scale[0];
  std::vector<Pair> pairs(n);
  for (std::size_t p = 0; p < n; ++p) {
    pairs[p] = {y.codes[p], y.codes[n + p]};
    const long double re = static_cast<long double>(y.codes[p]) * s;
    const long double im = static_cast<long double>(y.codes[n + p]) * s;
    REQUIRE(re * re + im * im <= 1.0L);
    REQUIRE(std::max(std::abs(pairs[p][0]), std::abs(pairs[p][1])) <= y.bound);
    REQUIRE(y.value[p] == static_cast<float>(y.codes[p]) * y.scale[0]);
    REQUIRE(y.value[n + p] == static_cast<float>(y.codes[n + p]) * y.scale[0]);
  }
  if (site.spec.pole.is_lookup()) {
    REQUIRE(y.scale[0] == std::ldexp(1.0F, 1 - site.spec.pole.width));
    REQUIRE(y.bound == largest_code(site.spec.pole.width));
  }
  return pairs;
}

const std::vector<std::string> splits = {
    "8 magnitude=1", "8 magnitude=4",   "8", "8 magnitude=13",    "4 magnitude=3",     "3",
    "2 magnitude=2", "12 magnitude=10", "5", "4 grid_shift=-0.5", "5 grid_shift=0.375"};

TEST_CASE("lambda forms: polar and log-polar pairs are the own implementation's, for all splits and widths") {
  for (const std::string form : {"polar", "polar spacing=log", "log-polar", "log-polar spacing=linear"}) {
    for (const auto& split : splits) {
      for (const std::string width : {"8", "12", "16"}) {
        for (const bool conj_sym : {true, false}) {
          CAPTURE(form);
          CAPTURE(split);
          CAPTURE(width);
          CAPTURE(conj_sym);
          const Quantizer site = site_of(std::string(split).append(" width=" + width + " form=" + form));
          for (auto points : {s5_like(160, conj_sym, 1), any(160, 2)}) {
            const auto pairs = pairs_of(site, points, conj_sym);
            const Levels l = levels_of(points, site.spec, conj_sym);
            const double s = std::ldexp(1.0, 1 - site.spec.pole.width);
            for (std::size_t p = 0; p < points.size(); ++p) {
              const Point z{l.modulus[p] * std::cos(l.angle[p]), l.modulus[p] * std::sin(l.angle[p])};
              REQUIRE(pairs[p] == grid_point(z, s, largest_code(site.spec.pole.width)));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("lambda forms: disk takes the nearest grid point inside, with every kind of scale") {
  for (const std::string scale : {"", "edge=half", "scale=pow2", "range=mse", "range=fixed value=1"}) {
    for (const int bits : {2, 3, 4, 8, 12, 16}) {
      CAPTURE(scale);
      CAPTURE(bits);
      const Quantizer site = site_of(std::to_string(bits) + " form=disk " + scale);
      for (auto points : {s5_like(200, true, 3), any(200, 4)}) {
        const auto x = planar(points);
        Lane lane;
        const float s =
            lane.tape[ops::quantize_lambda(lane.tape, lane.tape.input(1, x.size(), x.data()), site, true)].scale[0];
        if (scale.empty()) {  // as cartesian: the largest component
          float largest = 0.0F;
          for (const float v : x) largest = std::max(largest, std::fabs(v));
          CHECK(s == largest / static_cast<float>(largest_code(bits)));
        }
        const auto pairs = pairs_of(site, points, true);
        for (std::size_t p = 0; p < points.size(); ++p) {
          REQUIRE(pairs[p] == grid_point(points[p], double{s}, largest_code(bits)));
        }
      }
    }
  }
}

/// The nearest point of form=delta by a look at all of them; the order of what is equally near is the op's.
Pair nearest_delta(Point z, int bits) {
  const double modulus = std::hypot(z.re, z.im);
  if (modulus > 1.0) z = {z.re / modulus, z.im / modulus};
  std::set<std::int64_t> steps;
  for (std::int64_t m = -largest_code(bits); m <= largest_code(bits); ++m) {
    for (int k = 0; k <= 15; ++k) steps.insert(m * (std::int64_t{1} << (15 - k)));
  }
  Pair best{};
  double least = 1e300;
  const std::array<Pair, 4> turns = {{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}};
  for (const auto& [c, s] : turns) {
    for (const std::int64_t im : steps) {
      for (const std::int64_t re : steps) {
        const std::int64_t x = 32768 + re;
        if (x * x + im * im >= std::int64_t{1} << 30) continue;
        const Pair point{c * x - s * im, s * x + c * im};
        const double off_re = static_cast<double>(point[0]) - 32768.0 * z.re;
        const double off_im = static_cast<double>(point[1]) - 32768.0 * z.im;
        if (off_re * off_re + off_im * off_im >= least) continue;
        least = off_re * off_re + off_im * off_im;
        best = point;
      }
    }
  }
  return best;
}

TEST_CASE("lambda forms: delta takes the nearest of all its points") {
  for (const int bits : {2, 3, 4, 6}) {
    CAPTURE(bits);
    const Quantizer site = site_of(std::to_string(bits) + " form=delta");
    CHECK(site.spec.pole.stored_bits(bits, true) == 2 * bits + 10);
    CHECK(site.spec.multiplier_bits() == bits);
    for (auto points : {s5_like(bits < 6 ? 40 : 8, true, 5), any(bits < 6 ? 40 : 16, 6)}) {
      const auto pairs = pairs_of(site, points, true);
      for (std::size_t p = 0; p < points.size(); ++p) {
        CAPTURE(p);
        CHECK(pairs[p] == nearest_delta(points[p], bits));
      }
    }
  }
}

TEST_CASE("lambda forms: of equally near points the disk takes the first, floor before ceil") {
  const Quantizer site = site_of("4 form=disk scale=pow2 range=fixed value=1");  // 1/7 -> s = 1/4
  Points points = {{0.125, 0.125}, {-0.125, 0.125}, {0.125, -0.125}, {-0.875, 0.0}, {0.75, 0.0}, {0.7, 0.7}};
  CHECK(pairs_of(site, points, true) == std::vector<Pair>{{0, 0}, {-1, 0}, {0, -1}, {-4, 0}, {3, 0}, {2, 3}});
}

TEST_CASE("lambda forms: 10,000 eigenvalues of any modulus and angle all end inside the unit disk") {
  for (const std::string form : {"disk", "delta", "polar", "log-polar", "log-polar spacing=linear"}) {
    for (const std::string width : {"8", "9", "10", "11", "12", "13", "14", "15", "16"}) {
      const std::string options = form == "disk" || form == "delta" ? form : form + " width=" + width;
      for (const bool conj_sym : {true, false}) {
        auto points = any(10000 / 18, std::stoul(width) + (conj_sym ? 100 : 0));
        (void)pairs_of(site_of("6 form=" + options), points, conj_sym);
      }
    }
    for (const bool conj_sym : {true, false}) {
      auto points = any(10000, 7);
      (void)pairs_of(site_of("8 form=" + form), points, conj_sym);
    }
  }
}

TEST_CASE("lambda forms: an eigenvalue of modulus 0 leaves the others where they are") {
  for (const std::string form : {"polar", "log-polar"}) {
    const Quantizer site = site_of("8 magnitude=8 form=" + form);
    Points points = s5_like(50, true, 5);
    points.push_back({0.0, 0.0});
    points.push_back({0.0, -0.0});
    const auto pairs = pairs_of(site, points, true);
    const Levels l = levels_of(points, site.spec, true);
    for (std::size_t p = 0; p < points.size(); ++p) {
      const double modulus =
          std::ldexp(std::hypot(static_cast<double>(pairs[p][0]), static_cast<double>(pairs[p][1])), -15);
      CHECK(modulus == doctest::Approx(l.modulus[p]).epsilon(1e-3));
      if (p < 50) CHECK(modulus > 0.5);
    }
  }
}

TEST_CASE("lambda forms: there are as many levels as the bits give, and all are used") {
  for (const std::string form : {"polar", "log-polar"}) {
    for (const int magnitude : {1, 2, 3, 5}) {
      for (const bool conj_sym : {true, false}) {
        CAPTURE(magnitude);
        CAPTURE(conj_sym);
        const Quantizer site = site_of("4 form=" + form + " magnitude=" + std::to_string(magnitude));
        Points radial, circle;
        for (int k = 0; k < 4000; ++k) {
          const double at = (k + 0.5) / 4000.0;
          radial.push_back({0.05 + 0.9 * at, 0.0});
          const double angle = conj_sym ? -pi * at : pi * (2.0 * at - 1.0);
          circle.push_back({1.5 * std::cos(angle), 1.5 * std::sin(angle)});
        }
        const auto moduli = pairs_of(site, radial, conj_sym);
        const auto angles = pairs_of(site, circle, conj_sym);
        CHECK(std::set<Pair>(moduli.begin(), moduli.end()).size() == std::size_t{1} << magnitude);
        const std::size_t angle_levels = std::set<Pair>(angles.begin(), angles.end()).size();
        CHECK(angle_levels <= std::size_t{1} << (8 - magnitude));  // no angle is in the smallest bins of a logarithm
        if (site.spec.pole.spacing == PoleSpec::Spacing::linear)
          CHECK(angle_levels == std::size_t{1} << (8 - magnitude));
      }
    }
  }
}

TEST_CASE("lambda forms: the pair is within half a bin of the eigenvalue, and a step of the grid") {
  for (const std::string form : {"polar", "log-polar", "log-polar spacing=linear"}) {
    for (const std::string split : {"8 magnitude=8", "8 magnitude=5", "6 magnitude=6"}) {
      CAPTURE(form);
      CAPTURE(split);
      const Quantizer site = site_of(std::string(split).append(" form=" + form));
      Points points;
      for (const auto& z : s5_like(300, true, 6)) {  // angles below pi, so that the arc is monotone
        if (std::atan2(z.im, z.re) < 0.0) points.push_back(z);
      }
      const auto pairs = pairs_of(site, points, true);
      const Levels l = levels_of(points, site.spec, true);
      for (std::size_t p = 0; p < points.size(); ++p) {
        const Point y{std::ldexp(static_cast<double>(pairs[p][0]), -15),
                      std::ldexp(static_cast<double>(pairs[p][1]), -15)};
        const double modulus = std::hypot(points[p].re, points[p].im);
        const double angle = std::fabs(std::atan2(points[p].im, points[p].re));
        // half a bin of a logarithm multiplies the decay rate or the angle by up to exp(bin / 2)
        const double stretch = std::expm1(0.5 * l.modulus_bin);
        const double radial = site.spec.pole.form == PoleSpec::Form::polar
                                  ? 0.5 * l.modulus_bin
                                  : modulus - std::exp(std::log(modulus) * (1.0 + stretch));
        const double inward = site.spec.pole.form == PoleSpec::Form::polar ? radial : -std::log(modulus) * stretch;
        const double arc = site.spec.pole.spacing == PoleSpec::Spacing::log ? angle * std::expm1(0.5 * l.angle_bin)
                                                                            : 0.5 * l.angle_bin;
        const double allowed = std::max(radial, inward) + arc + std::sqrt(2.0) * 0x1.0p-15;
        REQUIRE(std::hypot(y.re - points[p].re, y.im - points[p].im) <= allowed * (1.0 + 1e-9));
      }
    }
  }
}

TEST_CASE(
    "lambda forms: with conjugate symmetry all levels are below the real axis, without it on the side of the value") {
  for (const std::string form : {"polar", "log-polar"}) {
    const Quantizer site = site_of("8 magnitude=8 form=" + form);
    Points points = {{0.9, -0.01}, {0.8, -0.3}, {0.7, -0.6}, {-0.5, -0.1}, {-0.9, 0.0}};
    const auto pairs = pairs_of(site, points, true);
    for (const auto& pair : pairs) CHECK(pair[1] <= 0);
    CHECK(pairs[0][0] > 0);
    CHECK(pairs[4][0] < 0);  // on the negative axis: pi, not 0
    Points above = points;
    above[0].im = 0.01;
    const auto signs = pairs_of(site, above, false);
    CHECK(signs[0][1] >= 0);
    for (const std::size_t p : {1, 2, 3}) CHECK(signs[p][1] < 0);
  }
}

TEST_CASE("lambda forms: the gradient goes straight through") {
  for (const std::string form : {"disk", "polar", "log-polar"}) {
    Points points = any(50, 8);
    const Parameter lambda = parameter_of(1, 100, planar(points));
    const auto seed = normal_values(100, 1.0, 8);
    const Quantizer site = site_of("4 form=" + form);
    Lane lane(training_pass(true));
    lane.tape.backward(ops::quantize_lambda(lane.tape, lane.tape.parameter(lambda), site, true), seed);
    CHECK(std::vector<float>(lane.gradient.begin(), lane.gradient.begin() + 100) == seed);
  }
}

TEST_CASE("lambda forms: one phase bit is too few without conjugate symmetry") {
  const std::vector<float> x = {0.5F, -0.5F};
  const Quantizer site = site_of("3 form=polar phase=1");
  Lane lane;
  const Value lambda = lane.tape.input(1, 2, x.data());
  CHECK_NOTHROW(ops::quantize_lambda(lane.tape, lambda, site, true));
  CHECK_THROWS_WITH_AS(
      ops::quantize_lambda(lane.tape, lambda, site, false),
      "[quantize] weight:layers.0.ssm.A has 1 phase bits; without conj_sym one of them is the sign, so "
      "at least 2 are needed",
      UsageError);
}

TEST_CASE("lambda forms: a NaN or an infinity is an error that names the site") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::string form : {"cartesian", "disk", "polar", "log-polar"}) {
      for (const std::size_t at : {0, 3}) {
        std::vector<float> x(4, 0.25F);
        x[at] = bad;
        Lane lane;
        const Value lambda = lane.tape.input(1, 4, x.data());
        const Quantizer site = site_of("8 form=" + form);
        CHECK_THROWS_WITH_AS(ops::quantize_lambda(lane.tape, lambda, site, true),
                             "[quantize] weight:layers.0.ssm.A holds a NaN or an infinity", DivergedError);
      }
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::lambda_forms_test

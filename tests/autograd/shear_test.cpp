// The state of form=shear against docs/numerics.md, section 6: the choice of codes by a look at all of them, the float
// recurrence and its gradients against the complex one, and the rounded one against plain loops.
#include "core/shear.h"
#include "autograd/ops.h"
#include "core/error.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <numbers>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests::shear_test {
namespace {

using Complex = std::complex<double>;
using ops::Direction;
using Rounding = QuantSpec::Rounding;

constexpr double pi = std::numbers::pi;

/// The row of a state matrix: its rule as a user writes it.
Quantizer site_of(const std::string& rule) {
  Quantizer q;
  q.declare("weight:layers.0.ssm.A");
  q.poles = true;
  const Site site{q.site, q.kind, q.poles};
  q.spec = QuantConfig::parse("weight:* " + rule, "test").resolve({&site, 1}).front();
  return q;
}

/// Moduli from 0 to above 1, all angles; the first ones are on axes and circles.
std::vector<Complex> any(std::size_t count) {
  const Random random{41, 0};
  std::vector<Complex> all = {{1.0, 0.0}, {-1.0, 0.0},  {0.0, -1.0},  {0.0, 1.0},    {0.0, 0.0},     {0.5, 0.0},
                              {0.75, 0},  {0.25, 0.25}, {-0.5, -0.5}, {0.999, 1e-6}, {-0.999, -1e-6}};
  for (std::size_t p = all.size(); p < count; ++p) {
    const double modulus =
        p % 3 == 0 ? 1.2 * random.uniform(2 * p) : std::exp(-std::exp(-9.0 + 9.0 * random.uniform(2 * p)));
    all.push_back(std::polar(modulus, pi * (2.0 * random.uniform(2 * p + 1) - 1.0)));
  }
  return all;
}

std::vector<float> planar(const std::vector<Complex>& points) {
  std::vector<float> x;
  for (const Complex z : points) x.push_back(static_cast<float>(z.real()));
  for (const Complex z : points) x.push_back(static_cast<float>(z.imag()));
  return x;
}

/// m 2^(15 - k)
std::set<std::int64_t> products(std::int64_t first, std::int64_t last) {
  std::set<std::int64_t> all;
  for (std::int64_t m = first; m <= last; ++m) {
    for (int k = 0; k <= 15; ++k) all.insert(m << (15 - k));
  }
  return all;
}

/// The first row of the matrix, of all codes that there are.
std::array<std::int64_t, 2> nearest(Complex z, int bits, int magnitude, bool conj_sym) {
  const double decay = 32768.0 * (1.0 - std::min(std::abs(z), 1.0));
  std::int64_t a = 0;
  double least = 1e300;
  for (const std::int64_t d : products(1, (1 << magnitude) - 1)) {
    const double off = std::fabs(static_cast<double>(d) - decay);
    if (d > 24576 || off >= least) continue;
    least = off;
    a = 32768 - d;
  }
  double angle = std::fabs(std::arg(z));
  const std::int64_t g = angle > pi / 2.0 ? -1 : 1;
  std::int64_t best = 0;
  least = 1e300;
  for (const std::int64_t e : products(0, (1 << (bits - 1)) - 1)) {
    if (e * e >= a * 131072) continue;
    const double turn =
        2.0 * std::asin(static_cast<double>(e) / (65536.0 * std::sqrt(static_cast<double>(a) / 32768.0)));
    const double off = std::fabs(turn - (g < 0 ? pi - angle : angle));
    if (off >= least) continue;
    least = off;
    best = e;
  }
  return {g * a, conj_sym || z.imag() < 0.0 ? -best : best};
}

TEST_CASE(
    "shear: the codes are the nearest of all, and the shadow is the eigenvalue of their matrix, inside the disk") {
  for (const int bits : {2, 3, 4, 6, 9}) {
    for (const int magnitude : {1, 2, 5}) {
      const Quantizer site = site_of(std::to_string(bits) + " form=shear magnitude=" + std::to_string(magnitude));
      for (const bool conj_sym : {true, false}) {
        const std::vector<float> x = planar(any(300));
        Lane lane;
        const Computed y = computed(
            lane.tape, ops::quantize_lambda(lane.tape, lane.tape.input(1, x.size(), x.data()), site, conj_sym));
        CHECK(y.scale[0] == 0x1.0p-15F);
        for (std::size_t p = 0; p < 300; ++p) {
          CAPTURE(bits);
          CAPTURE(magnitude);
          CAPTURE(p);
          const Complex z{x[p], x[300 + p]};
          const auto expected = nearest(z, bits, magnitude, conj_sym);
          CHECK(y.codes[p] == expected[0]);
          CHECK(y.codes[300 + p] == expected[1]);
          // trace g (2 a - e^2), determinant a^2
          const double a = std::abs(y.codes[p]) / 32768.0;
          const double e = y.codes[300 + p] / 32768.0;
          const Complex shadow{y.value[p], y.value[300 + p]};
          CHECK(std::abs(shadow) == doctest::Approx(a).epsilon(1e-6));
          CHECK(2.0 * shadow.real() ==
                doctest::Approx((y.codes[p] < 0 ? -1.0 : 1.0) * (2.0 * a - e * e)).epsilon(1e-5));
          CHECK(a <= 1.0 - 0x1.0p-15);
          if (conj_sym) CHECK(shadow.imag() <= 0.0);
          if (!conj_sym && shadow.imag() != 0.0) CHECK(std::signbit(shadow.imag()) == std::signbit(z.imag()));
        }
      }
    }
  }
}

TEST_CASE("shear: every first row has one set of codes, with odd numbers, and comes back from them") {
  for (const Shear s :
       {Shear{1, 1, 15, 0, 0}, Shear{-1, 3, 2, -5, 7}, Shear{1, 1, 1, 32767, 15}, Shear{-1, 7, 9, 1, 0}}) {
    CHECK(Shear::of(s.straight(), s.crossed()) == s);
  }
  const Shear even{1, 6, 5, -4, 3};
  CHECK(Shear::of(even.straight(), even.crossed()) == Shear{1, 3, 4, -1, 1});
}

TEST_CASE("shear: stored and multiplied bits are those of the codes") {
  Quantizer site = site_of("6 form=shear");
  site.numbers = 10;  // 5 eigenvalues
  site.conj_sym = true;
  CHECK(site.stored_bits() == 5 * 14);  // g 1, k 4, n 5, j 4
  CHECK(site.spec.multiplier_bits() == 6);
  CHECK(site.spec.products() == 2);
  site.conj_sym = false;
  CHECK(site.stored_bits() == 5 * 15);
  site.spec.pole.magnitude = 3;
  CHECK(site.stored_bits() == 5 * 18);
  CHECK(site.spec.multiplier_bits() == 6);
  site.spec.pole.magnitude = 7;
  CHECK(site.spec.multiplier_bits() == 8);
}

constexpr std::size_t P = 5;
constexpr std::size_t H = 3;
constexpr std::size_t rows_total = 150;
const std::vector<std::size_t> rows = {90, 1, 59};  // more than a block of rows
const Sequences sequences{rows, rows, 0};

std::vector<Complex> eigenvalues(double largest = 0.99) {
  std::vector<Complex> all;
  for (std::size_t p = 0; p < P; ++p) {
    all.push_back(std::polar(largest - 0.1 * static_cast<double>(p), -0.05 - 0.7 * static_cast<double>(p)));
  }
  return all;
}

/// The layer's state-space model: y = R scan(lambda, B u), with parameters at 0, 100 and 200 of the flat gradient.
struct Ssm {
  Parameter lambda = parameter_of(1, 2 * P, planar(eigenvalues()), 0);
  Parameter b = parameter_of(2 * P, H, normal_values(2 * P * H, 0.5, 71), 100);
  Parameter c = parameter_of(2, 2 * P, normal_values(4 * P, 0.5, 72), 200);
  std::vector<float> u = normal_values(rows_total * H, 1.0, 73);

  Value run(Lane& lane, const Quantizer* shear, Direction direction, const Quantizer* state = nullptr) const {
    Tape& t = lane.tape;
    Value l = t.parameter(lambda);
    Value b_bar = t.parameter(b);
    Value r = ops::readout(t, t.parameter(c), true);
    if (shear != nullptr) {
      l = ops::quantize_lambda(t, l, *shear, true);
      b_bar = ops::shear_b(t, b_bar, l);
      r = ops::shear_readout(t, r, l);
    }
    const Value bu = ops::linear(t, t.input(rows_total, H, u.data()), b_bar);
    const Value x = (shear != nullptr ? ops::scan_shear : ops::scan)(t, l, bu, sequences, direction, state);
    return ops::linear(t, x, r);
  }
};

TEST_CASE("shear: in float the outputs and all gradients are those of the complex recurrence with the same lambda") {
  const auto seed = normal_values(rows_total * 2, 1.0, 74);
  for (const char* const rule : {"6 form=shear", "4 form=shear magnitude=4"}) {
    const Quantizer site = site_of(rule);
    for (const Direction direction : {Direction::forward, Direction::backward}) {
      Ssm ssm;
      Lane sheared(training_pass(true));
      const Value y = ssm.run(sheared, &site, direction);
      const Computed found = computed(sheared.tape, y);
      sheared.tape.backward(y, seed);
      Lane other;
      const Value of_shear = ops::quantize_lambda(other.tape, other.tape.parameter(ssm.lambda), site, true);
      ssm.lambda.value.data = computed(other.tape, of_shear).value;
      Lane complex(training_pass(true));
      const Value z = ssm.run(complex, nullptr, direction);
      const Computed expected = computed(complex.tape, z);
      complex.tape.backward(z, seed);
      const auto close = [](float a, float b, double size) { return std::fabs(double{a} - double{b}) <= 2e-5 * size; };
      for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(close(found.value[i], expected.value[i], 10.0));
      for (std::size_t i = 0; i < 300; ++i) {
        CAPTURE(i);
        const std::size_t first = i / 100 * 100;
        float largest = 0.0F;
        for (std::size_t k = first; k < first + 100; ++k) largest = std::max(largest, std::fabs(complex.gradient[k]));
        CHECK(close(sheared.gradient[i], complex.gradient[i], double{largest}));
        if (i == first) CHECK(complex.gradient[i] != 0.0F);
      }
    }
  }
}

/// A state under test: how it is rounded, and whether from codes.
struct How {
  Rounding rounding;
  bool integers;
  Direction direction;
  int bits;
};

/// The recurrence of one op, with gradients at 0 (lambda) and 64 (Bu).
struct Rounded {
  Parameter lambda;
  Parameter bu;
  Quantizer site = site_of("6 form=shear magnitude=2");
  Quantizer state, acc;
  Value l, b, x;

  Rounded(Lane& lane, const How& how, double size, double largest = 0.99) {
    lambda = parameter_of(1, 2 * P, planar(eigenvalues(largest)), 0);
    auto values = normal_values(rows_total * 2 * P, size, 75);
    for (std::size_t i = 0; i < values.size(); i += 41) values[i] = i % 2 == 0 ? 3.0F : -3.0F;  // far beyond the range
    bu = parameter_of(rows_total, 2 * P, values, 64);
    acc = quantizer_of("acc:bu", 14, std::vector<float>(2 * P, 4.0F));
    state = quantizer_of("state:layers.0.ssm", how.bits, {1.0F, 1.3F, 0.8F, 1.1F, 0.9F});
    state.spec.rounding = how.rounding;
    state.offset = 32;
    l = ops::quantize_lambda(lane.tape, lane.tape.parameter(lambda), site, true);
    b = lane.tape.parameter(bu);
    if (how.integers) b = ops::quantize(lane.tape, b, acc);
    x = ops::scan_shear(lane.tape, l, b, sequences, how.direction, &state);
  }
};

/// Calls step(row, first of its sequence) in the order of the recurrence.
template <class Step>
void for_each_step(Direction direction, Step step) {
  std::size_t first = 0;
  for (const std::size_t length : rows) {
    for (std::size_t i = 0; i < length; ++i) {
      step((first + (direction == Direction::forward ? i : length - 1 - i)) * 2 * P, i == 0);
    }
    first += length;
  }
}

/// z of one component before its clamp, in units of the state's codes: from the codes before and, for y, of the new x.
double exact_z(const Rounded& r, const Computed& l, const Computed& b, const Computed& x, const double* before,
               std::size_t row, std::size_t c) {
  const double g = l.codes[c % P] < 0 ? -1.0 : 1.0;
  const double ga = l.codes[c % P] / 32768.0;
  const double e = g * l.codes[P + c % P] / 32768.0;
  const double u = b.value[row + c] / double{r.state.grid(c % P).scale};
  if (c < P) return ga * before[c] - g * e * before[P + c] + u;
  return ga * before[c] + e * x.codes[row + c - P] + u;
}

TEST_CASE("shear: each code is the rounded sum of the codes before it, and y reads the new x") {
  for (const Rounding rounding : {Rounding::nearest, Rounding::feedback, Rounding::stochastic}) {
    for (const bool integers : {true, false}) {
      for (const Direction direction : {Direction::forward, Direction::backward}) {
        for (const int bits : {4, 8, 16}) {
          CAPTURE(integers);
          CAPTURE(bits);
          CAPTURE(static_cast<int>(rounding));
          Lane lane(training_pass());
          const Rounded r(lane, {rounding, integers, direction, bits}, 0.2);
          const Computed l = computed(lane.tape, r.l), b = computed(lane.tape, r.b), x = computed(lane.tape, r.x);
          CHECK(x.rounded_float == !integers);
          const auto q = static_cast<double>(largest_code(bits));
          std::vector<double> before(2 * P), residue(2 * P), seen(P);
          std::size_t clamped = 0;
          for_each_step(direction, [&](std::size_t row, bool first) {
            if (first) std::fill(before.begin(), before.end(), 0.0), std::fill(residue.begin(), residue.end(), 0.0);
            std::vector<double> next(2 * P);
            for (std::size_t c = 0; c < 2 * P; ++c) {
              const double z = exact_z(r, l, b, x, before.data(), row, c) + residue[c];
              const double code = x.codes[row + c];
              // the input is rounded to 2^-15, which residues add up; float sums are off by some 2^-22 of the largest
              const double slack = integers ? 3e-3 : 1e-6 * (q + std::fabs(z));
              const double reach = (rounding == Rounding::stochastic ? 1.0 : 0.5) + slack;
              const bool cut = std::fabs(z) > q + reach;
              clamped += cut ? 1 : 0;
              REQUIRE(std::fabs(code - std::clamp(z, -q, q)) <= reach);
              seen[c % P] = std::max(seen[c % P], std::fabs(z) * double{r.state.grid(c % P).scale});
              residue[c] = rounding == Rounding::feedback && !cut ? z - code : 0.0;
              next[c] = code;
            }
            before = next;
          });
          CHECK(clamped > 20);
          for (std::size_t p = 0; p < P; ++p) {
            CHECK(double{lane.observed[32 + p]} == doctest::Approx(seen[p]).epsilon(1e-3));
          }
        }
      }
    }
  }
}

TEST_CASE("shear: stochastic rounding has the right mean, and draws other numbers at another step") {
  std::vector<double> sum(2 * P, 0.0), exact(2 * P, 0.0);
  std::vector<std::int32_t> first;
  std::size_t other = 0;
  constexpr int draws = 400;
  for (int k = 0; k < draws; ++k) {
    Pass pass = training_pass();
    pass.step = static_cast<std::uint64_t>(k);
    Lane lane(pass);
    const Rounded r(lane, {Rounding::stochastic, true, Direction::forward, 8}, 0.2);
    const Computed l = computed(lane.tape, r.l), b = computed(lane.tape, r.b), x = computed(lane.tape, r.x);
    const std::vector<double> before(2 * P, 0.0);
    for (std::size_t c = 1; c < 2 * P; ++c) {  // of the first row; component 0 and what reads it is clamped
      sum[c] += x.codes[c];
      exact[c] += exact_z(r, l, b, x, before.data(), 0, c);
    }
    if (k == 0) first = x.codes;
    other += x.codes == first ? 0 : 1;
  }
  for (std::size_t c = 1; c < 2 * P; ++c) {
    if (c % P != 0) CHECK(sum[c] / draws == doctest::Approx(exact[c] / draws).scale(1.0).epsilon(0.1));
  }
  CHECK(other == draws - 1);
}

TEST_CASE("shear: gradients of a rounded state are the adjoint of section 7, masked where a clamp acted") {
  const auto seed = normal_values(rows_total * 2 * P, 1.0, 76);
  for (const Rounding rounding : {Rounding::nearest, Rounding::feedback, Rounding::stochastic}) {
    for (const bool integers : {true, false}) {
      for (const Direction direction : {Direction::forward, Direction::backward}) {
        CAPTURE(integers);
        Lane lane(training_pass(true));
        const Rounded r(lane, {rounding, integers, direction, 8}, 0.02, 0.8);
        const Computed l = computed(lane.tape, r.l), x = computed(lane.tape, r.x);
        lane.tape.backward(r.x, seed);
        std::vector<std::size_t> order;
        std::vector<bool> begins;
        for_each_step(direction, [&](std::size_t row, bool first) {
          order.push_back(row);
          begins.push_back(first);
        });
        std::vector<double> s(x.size(), 0.0), dlambda(2 * P, 0.0);
        std::size_t clamped = 0;
        for (std::size_t i = order.size(); i-- > 0;) {
          const bool last = i + 1 == order.size() || begins[i + 1];
          for (std::size_t p = 0; p < P; ++p) {
            const double g = l.codes[p] < 0 ? -1.0 : 1.0;
            const double a = g * l.codes[p] / 32768.0;
            const double e = g * l.codes[P + p] / 32768.0;
            const double q = std::sqrt(a - e * e / 4.0);
            const std::size_t at = order[i] + p;
            const double after_x = last ? 0.0 : s[order[i + 1] + p];
            const double after_y = last ? 0.0 : s[order[i + 1] + P + p];
            const auto kept = [&](std::size_t k) { return std::abs(x.codes[k]) == 127 ? 0.0 : 1.0; };
            clamped += 2 - static_cast<std::size_t>(kept(at) + kept(at + P));
            s[at + P] = kept(at + P) * (seed[at + P] + g * (a * after_y - e * after_x));
            s[at] = kept(at) * (seed[at] + g * a * after_x + e * s[at + P]);
            REQUIRE(double{lane.gradient[64 + at]} == doctest::Approx(s[at]).scale(1.0).epsilon(1e-4));
            REQUIRE(double{lane.gradient[64 + at + P]} == doctest::Approx(s[at + P]).scale(1.0).epsilon(1e-4));
            if (begins[i]) continue;
            const double x_before = x.value[order[i - 1] + p];
            const Complex z{x_before, (x.value[order[i - 1] + P + p] - e / 2.0 * x_before) / q};
            const Complex adjoint{s[at] - e / 2.0 * s[at + P], q * s[at + P]};
            const Complex product = adjoint * std::conj(z);
            dlambda[p] += product.real();
            dlambda[P + p] += product.imag();
          }
        }
        CHECK(clamped > 20);
        CHECK(ops::count_clamped(lane.tape, r.x) == clamped);
        for (std::size_t c = 0; c < 2 * P; ++c) {
          CHECK(double{lane.gradient[c]} == doctest::Approx(dlambda[c]).scale(1.0).epsilon(1e-3));
        }
      }
    }
  }
}

TEST_CASE("shear: each scan refuses the lambda of the other, and the matrices need codes") {
  const Quantizer site = site_of("6 form=shear");
  const std::vector<float> x(4, 0.25F), bu(4, 1.0F);
  const std::vector<std::size_t> one = {1};
  const Sequences single{one, one, 0};
  Lane lane;
  Tape& t = lane.tape;
  const Value plain = t.input(1, 4, x.data()), b = t.input(1, 4, bu.data());
  const Value sheared = ops::quantize_lambda(t, plain, site, true);
  CHECK_THROWS_WITH_AS(ops::scan(t, sheared, b, single, Direction::forward),
                       "[scan] weight:layers.0.ssm.A has form=shear, which is for scan_shear", Error);
  CHECK_THROWS_WITH_AS(ops::scan_shear(t, plain, b, single, Direction::forward),
                       "[scan_shear] lambda_bar has no codes of form=shear", Error);
  Quantizer state = quantizer_of("state:layers.0.ssm", 8, {1.0F});
  state.spec.rounding = QuantSpec::Rounding::decayed;
  CHECK_THROWS_WITH_AS(
      ops::scan_shear(t, sheared, b, single, Direction::forward, &state),
      "[scan_shear] state:layers.0.ssm has rounding=decayed, which form=shear does not know; use feedback", UsageError);
  CHECK_THROWS_WITH_AS(ops::shear_b(t, t.input(4, 1, bu.data()), plain),
                       "[shear_b] 2 states need as many codes of form=shear", Error);
  CHECK_THROWS_WITH_AS(ops::shear_readout(t, t.input(2, 2, bu.data()), sheared),
                       "[shear_readout] 1 states need as many codes of form=shear", Error);
}

}  // namespace
}  // namespace bitstate::tests::shear_test

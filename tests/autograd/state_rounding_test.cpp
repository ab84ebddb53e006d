// The four roundings of the state against plain loops of docs/numerics.md, section 6; the random one by its
// statistics.
#include "autograd/ops.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::state_rounding_test {
namespace {

using ops::Direction;
using Rounding = QuantSpec::Rounding;

constexpr std::size_t P = 3;
constexpr std::size_t width = 2 * P;

/// One way to compute a recurrence.
struct How {
  Rounding rounding = Rounding::nearest;
  bool power_of_two = true;  ///< the scale of lambda
  bool integers = true;      ///< else B u has no codes: a float recurrence
  Direction direction = Direction::forward;
  int lambda_bits = 12;
  int state_bits = 8;
  std::vector<float> range = {1.0F};
};

/// A recurrence on a tape.
struct Run {
  Value lambda, bu, x;
};

Quantizer state_of(const How& how, const std::string& name = "state:layers.0.ssm") {
  Quantizer state = quantizer_of(name, how.state_bits, how.range);
  state.spec.rounding = how.rounding;
  state.offset = 32;  // behind what the site of B u sees
  return state;
}

Run run(Lane& lane, const How& how, const Quantizer& state, const Parameter& lambda, const Parameter& bu,
        const Sequences& sequences) {
  Tape& t = lane.tape;
  Quantizer a = quantizer_of("weight:A", how.lambda_bits);
  a.spec.scale_kind = how.power_of_two ? QuantSpec::Scale::pow2 : QuantSpec::Scale::free;
  Quantizer acc = quantizer_of("acc:bu", 14, {4.0F, 3.0F, 5.0F, 4.5F, 3.5F, 4.1F});
  Run r;
  r.lambda = ops::quantize(t, t.parameter(lambda), a);
  r.bu = t.parameter(bu);
  if (how.integers) r.bu = ops::quantize(t, r.bu, acc);
  r.x = ops::scan(t, r.lambda, r.bu, sequences, how.direction, &state);
  return r;
}

struct Expected {
  Codes codes = {};
  std::vector<bool> clamped = {};
  std::vector<float> largest = std::vector<float>(width, 0.0F);  ///< |z| of each component before it is rounded

  /// What the site sees: the largest of all, or of both components of each state.
  [[nodiscard]] std::vector<float> observed(const How& how) const {
    std::vector<float> seen(how.range.size(), 0.0F);
    for (std::size_t c = 0; c < width; ++c) {
      float& channel = seen[seen.size() == 1 ? 0 : c % P];
      channel = std::max(channel, largest[c]);
    }
    return seen;
  }
};

std::vector<float> state_scales(const How& how) {
  std::vector<float> scale(width);
  for (std::size_t c = 0; c < width; ++c) {
    scale[c] = how.range[how.range.size() == 1 ? 0 : c % P] / static_cast<float>(largest_code(how.state_bits));
  }
  return scale;
}

/// Calls step(row of codes) for the steps of all sequences in the order of the recurrence; begin() before each
/// sequence.
template <class Begin, class Step>
void for_each_step(const std::vector<std::size_t>& rows, Direction direction, Begin begin, Step step) {
  std::size_t first = 0;
  for (const std::size_t length : rows) {
    begin();
    for (std::size_t i = 0; i < length; ++i) {
      step((first + (direction == Direction::forward ? i : length - 1 - i)) * width);
    }
    first += length;
  }
}

Expected plain_integers(const How& how, const Computed& lambda, const Computed& bu,
                        const std::vector<std::size_t>& rows) {
  const auto scale = state_scales(how);
  const std::int64_t q = largest_code(how.state_bits);
  const int k = how.power_of_two ? static_cast<int>(std::lround(-std::log2(lambda.scale[0]))) : 0;
  const Wide one = 1;
  const std::int64_t reach = how.rounding == Rounding::decayed ? 5 : 4;
  const Wide limit = how.power_of_two ? (static_cast<Wide>(reach * q) << k) : one << 30;
  const auto scaled = [&](std::int64_t z) -> std::int64_t {
    if (!how.power_of_two) return rescaled(z, double{lambda.scale[0]});
    return k == 0 ? z : static_cast<std::int64_t>(floor_quotient(z + (one << (k - 1)), one << k));
  };
  Expected result;
  result.codes.resize(bu.size());
  result.clamped.resize(bu.size());
  Codes before, residue;
  const auto begin = [&] {
    before.assign(width, 0);
    residue.assign(width, 0);
  };
  for_each_step(rows, how.direction, begin, [&](std::size_t row) {
    Codes z(width);
    const Codes left = residue;
    for (std::size_t c = 0; c < width; ++c) {
      const auto times_lambda = [&](const Codes& v) {
        return lambda.codes[c % P] * v[c] + (c < P ? -1 : 1) * lambda.codes[P + c % P] * v[(c + P) % width];
      };
      const double inner = double{lambda.scale[0] * scale[c]};
      const Wide u = rescaled(bu.codes[row + c], double{bu.scale[c]} / inner);
      z[c] = static_cast<std::int64_t>(std::clamp(u, -limit, limit)) + times_lambda(before);
      z[c] += how.rounding == Rounding::decayed ? scaled(times_lambda(left)) : left[c];
    }
    for (std::size_t c = 0; c < width; ++c) {
      const float magnitude = static_cast<float>(std::abs(z[c])) * (lambda.scale[0] * scale[c]);
      result.largest[c] = std::max(result.largest[c], magnitude);
      const std::int64_t rounded = scaled(z[c]);
      before[c] = std::clamp(rounded, -q, q);
      result.codes[row + c] = before[c];
      result.clamped[row + c] = before[c] != rounded;
      if (how.rounding == Rounding::nearest) continue;
      const std::int64_t back =
          how.power_of_two ? before[c] * (std::int64_t{1} << k) : rescaled(before[c], 1.0 / double{lambda.scale[0]});
      residue[c] = result.clamped[row + c] ? 0 : z[c] - back;
    }
  });
  return result;
}

Expected plain_floats(const How& how, const Computed& lambda, const Computed& bu,
                      const std::vector<std::size_t>& rows) {
  const auto scale = state_scales(how);
  const auto q = static_cast<float>(largest_code(how.state_bits));
  Expected result;
  result.codes.resize(bu.size());
  result.clamped.resize(bu.size());
  std::vector<float> before, residue;
  const auto begin = [&] {
    before.assign(width, 0.0F);
    residue.assign(width, 0.0F);
  };
  for_each_step(rows, how.direction, begin, [&](std::size_t row) {
    std::vector<float> z(width);
    for (std::size_t c = 0; c < width; ++c) {
      const float re = lambda.value[c % P];
      const float im = lambda.value[P + c % P];
      const float other = before[(c + P) % width];
      z[c] = std::fma(re, before[c], std::fma(c < P ? -im : im, other, bu.value[row + c])) + residue[c];
    }
    for (std::size_t c = 0; c < width; ++c) {
      result.largest[c] = std::max(result.largest[c], std::fabs(z[c]));
      const float rounded = std::floor(z[c] * (1.0F / scale[c]) + 0.5F);
      const float code = std::clamp(rounded, -q, q);
      before[c] = code * scale[c];
      result.codes[row + c] = static_cast<std::int64_t>(code);
      result.clamped[row + c] = code != rounded;
      if (how.rounding == Rounding::feedback) residue[c] = code == rounded ? z[c] - before[c] : 0.0F;
      if (how.rounding == Rounding::decayed && code == rounded) before[c] = z[c];
    }
  });
  return result;
}

Parameter eigenvalues(double modulus) {
  std::vector<float> lambda(width);
  for (std::size_t p = 0; p < P; ++p) {
    const double angle = 0.02 + 0.6 * static_cast<double>(p);
    lambda[p] = static_cast<float>(modulus * std::cos(angle));
    lambda[P + p] = static_cast<float>(-modulus * std::sin(angle));
  }
  return parameter_of(1, width, lambda);
}

TEST_CASE("state rounding: codes and observed maxima are those of the plain loops, in integers and floats") {
  const std::vector<std::size_t> rows = {130, 1, 67};  // more than a block of rows
  const Sequences sequences{rows, rows, 0};
  for (const Rounding rounding : {Rounding::nearest, Rounding::feedback, Rounding::decayed}) {
    for (const Direction direction : {Direction::forward, Direction::backward}) {
      for (const bool integers : {true, false}) {
        for (const bool power_of_two : {true, false}) {
          for (const int lambda_bits : {2, 4, 8, 12}) {
            for (const int state_bits : {2, 4, 8, 12, 16}) {
              How how{rounding, power_of_two, integers, direction, lambda_bits, state_bits, {1.0F}};
              if (lambda_bits != 4) how.range = {1.0F, 1.3F, 0.8F};
              CAPTURE(integers);
              CAPTURE(power_of_two);
              CAPTURE(lambda_bits);
              CAPTURE(state_bits);
              const Parameter lambda = eigenvalues(0.97);
              const Parameter bu = parameter_of(198, width, normal_values(198 * width, 0.3, 61), width);
              const Quantizer state = state_of(how);
              Lane lane(training_pass());
              const Run r = run(lane, how, state, lambda, bu, sequences);
              const Computed l = computed(lane.tape, r.lambda);
              const Computed b = computed(lane.tape, r.bu);
              const Computed x = computed(lane.tape, r.x);
              const auto plain = integers ? plain_integers(how, l, b, rows) : plain_floats(how, l, b, rows);
              CHECK(codes_of(lane.tape, r.x) == plain.codes);
              const auto seen = plain.observed(how);
              CHECK(std::equal(seen.begin(), seen.end(), lane.observed.begin() + 32));
              CHECK(std::count(plain.clamped.begin(), plain.clamped.end(), true) > 0);
              const auto scale = state_scales(how);
              for (std::size_t i = 0; i < x.size(); ++i) {
                REQUIRE(x.value[i] == static_cast<float>(x.codes[i]) * scale[i % width]);
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("state rounding: a decayed residue leaves the float recurrence, of which the codes are those") {
  const std::vector<std::size_t> rows = {130, 1, 67};
  const Sequences sequences{rows, rows, 0};
  const Parameter lambda = eigenvalues(0.98);
  const Parameter bu = parameter_of(198, width, normal_values(198 * width, 0.01, 61), width);
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    const How how{Rounding::decayed, true, false, direction, 12, 6, {1.0F}};
    Pass pass = training_pass(true);
    Lane lane(pass);
    const Quantizer state = state_of(how);
    const Run r = run(lane, how, state, lambda, bu, sequences);
    const Computed x = computed(lane.tape, r.x);
    Quantizer none = state;
    none.spec = {};
    const Value real = run(lane, how, none, lambda, bu, sequences).x;
    std::size_t nonzero = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float code = lane.tape.value(real)[i] * 31.0F;
      nonzero += x.codes[i] != 0 ? 1 : 0;
      REQUIRE(std::fabs(static_cast<float>(x.codes[i]) - code) <= 0.5001F);
    }
    CHECK(nonzero > x.size() / 2);
  }
}

TEST_CASE("state rounding: gradients are the adjoint with the clamped components masked, for all four roundings") {
  const std::vector<std::size_t> rows = {90, 9};  // more than a block of rows
  const Sequences sequences{rows, rows, 0};
  // a state that is clamped is so by far, so that the codes tell, also those of the random rounding
  auto values = normal_values(99 * width, 0.03, 62);
  for (std::size_t i = 0; i < values.size(); i += 7) values[i] = i % 2 == 0 ? 3.0F : -3.0F;
  const Parameter lambda = eigenvalues(0.6);
  const Parameter bu = parameter_of(99, width, values, width);
  const auto seed = normal_values(99 * width, 1.0, 63);
  for (const Rounding rounding : {Rounding::nearest, Rounding::feedback, Rounding::decayed, Rounding::stochastic}) {
    for (const Direction direction : {Direction::forward, Direction::backward}) {
      for (const int kind : {0, 1, 2, 3}) {
        const bool integers = kind % 2 == 0;
        const bool training = kind < 2;
        CAPTURE(kind);
        const How how{rounding, true, integers, direction, 12, 8, {1.0F}};
        const Quantizer state = state_of(how);
        Pass pass = training_pass(true);
        pass.training = training;  // without: a pass of inspect
        Lane lane(pass);
        const Run r = run(lane, how, state, lambda, bu, sequences);
        const Computed x = computed(lane.tape, r.x);
        const std::vector<double> l(lane.tape.value(r.lambda), lane.tape.value(r.lambda) + width);
        lane.tape.backward(r.x, seed);

        std::vector<double> adjoint(x.size()), dlambda(width, 0.0);
        std::vector<std::size_t> order, start;
        for_each_step(
            rows, direction, [&] { start.push_back(order.size()); }, [&](std::size_t row) { order.push_back(row); });
        std::size_t clamped = 0;
        for (std::size_t i = order.size(); i-- > 0;) {
          const std::size_t row = order[i];
          const bool last = i + 1 == order.size() || std::count(start.begin(), start.end(), i + 1) > 0;
          const bool first = std::count(start.begin(), start.end(), i) > 0;
          for (std::size_t c = 0; c < width; ++c) {
            double s = seed[row + c];  // g + conj(lambda) s_{l+1}
            if (!last) {
              const double* const next = adjoint.data() + order[i + 1];
              s += l[c % P] * next[c] + (c < P ? 1.0 : -1.0) * l[P + c % P] * next[(c + P) % width];
            }
            const bool cut = std::abs(x.codes[row + c]) == 127;
            clamped += cut ? 1 : 0;
            adjoint[row + c] = cut ? 0.0 : s;
            REQUIRE(lane.gradient[width + row + c] == doctest::Approx(adjoint[row + c]).epsilon(1e-4));
          }
          if (first) continue;
          const float* const before = x.value.data() + order[i - 1];
          for (std::size_t p = 0; p < P; ++p) {
            const double re = adjoint[row + p];
            const double im = adjoint[row + P + p];
            dlambda[p] += re * before[p] + im * before[P + p];
            dlambda[P + p] += im * before[p] - re * before[P + p];
          }
        }
        CHECK(clamped > 15);
        CHECK(ops::count_clamped(lane.tape, r.x) == clamped);
        for (std::size_t c = 0; c < width; ++c) CHECK(lane.gradient[c] == doctest::Approx(dlambda[c]).epsilon(1e-3));
      }
    }
  }
}

TEST_CASE("state rounding: error feedback removes the dead band") {
  const std::vector<std::size_t> rows = {9000};
  const Sequences sequences{rows, rows, 0};
  for (const bool integers : {true, false}) {
    for (const bool power_of_two : {true, false}) {
      for (const Rounding rounding : {Rounding::nearest, Rounding::feedback, Rounding::decayed}) {
        CAPTURE(integers);
        How how{rounding, power_of_two, integers, Direction::forward, 14, 12, {4.0F}};
        const float code = 4.0F / 2047.0F;
        Parameter lambda = parameter_of(1, width, {0.999F, 0.9985F, -0.5F, 0.0F, -0.02F, 0.0F});
        const Parameter bu = parameter_of(9000, width, std::vector<float>(9000 * width, 0.3F * code));
        const Quantizer state = state_of(how);
        Lane lane;
        const Run r = run(lane, how, state, lambda, bu, sequences);
        const Computed x = computed(lane.tape, r.x);
        const float* const l = lane.tape.value(r.lambda);
        const float* const b = lane.tape.value(r.bu);
        std::vector<double> exact(width, 0.0);
        double worst = 0.0;
        for (std::size_t row = 0; row < x.size(); row += width) {
          const auto before = exact;
          for (std::size_t c = 0; c < width; ++c) {
            exact[c] =
                l[c % P] * before[c] + (c < P ? -1.0 : 1.0) * l[P + c % P] * before[(c + P) % width] + b[row + c];
            worst = std::max(worst, std::fabs(x.codes[row + c] - exact[c] / double{code}));
          }
        }
        const double end = exact[0] / double{code};
        CHECK(end > 200.0);
        CHECK(end < 500.0);
        if (rounding == Rounding::feedback) CHECK(worst <= 2.0);
        if (rounding == Rounding::nearest) CHECK(x.codes[x.size() - width] == 0);
      }
    }
  }
}

TEST_CASE("state rounding: a clamp drops the residue, a new sequence begins without one") {
  const std::vector<std::size_t> rows = {5, 2};
  const Sequences sequences{rows, rows, 0};
  for (const bool integers : {true, false}) {
    const How how{Rounding::feedback, true, integers, Direction::forward, 14, 8, {1.0F}};
    std::vector<float> values(7 * width, 0.0F);
    const std::vector<float> codes = {400.0F, 5.3F, 5.3F, 5.3F, 5.3F, 5.3F, 5.3F};
    for (std::size_t i = 0; i < codes.size(); ++i) values[i * width] = codes[i] / 127.0F;
    const Parameter bu = parameter_of(7, width, values);
    // the first state has lambda = 0; the largest component of the others makes the scale 2^-12
    const Parameter lambda = parameter_of(1, width, {0.0F, 0.999F, 0.0F, 0.0F, 0.0F, 0.0F});
    const Quantizer state = state_of(how);
    Lane lane;
    const Run r = run(lane, how, state, lambda, bu, sequences);
    Codes first;
    for (std::size_t i = 0; i < 7; ++i) first.push_back(computed(lane.tape, r.x).codes[i * width]);
    CHECK(first == Codes{127, 5, 6, 5, 5, 5, 6});  // residues 0, 0.3, -0.4, -0.1, 0.2; 0.3
  }
}

}  // namespace
}  // namespace bitstate::tests::state_rounding_test

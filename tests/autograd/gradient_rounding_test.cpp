// Q-S5's backward of products, against sums over elements that were rounded group by group.
#include "autograd/ops.h"
#include "core/error.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/dynamic_rounding.h"

#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

namespace bitstate::tests::gradient_rounding_test {
namespace {

constexpr std::array<std::size_t, 2> rows = {3, 2};  // of two sequences
constexpr std::size_t steps = 5;
const Sequences sequences{rows, rows};

/// x [rows, cols] with the numbers of each group rounded together; group_of(row, column) names it.
template <class GroupOf>
Row in_groups(const Row& x, std::size_t cols, int bits, GroupOf group_of) {
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t group = group_of(i / cols, i % cols);
    if (groups.size() <= group) groups.resize(group + 1);
    groups[group].push_back(i);
  }
  Row y(x.size());
  for (const auto& group : groups) {
    Row part;
    for (const std::size_t i : group) part.push_back(x[i]);
    part = rounded(part, bits, Edge::half);
    for (std::size_t k = 0; k < group.size(); ++k) y[group[k]] = part[k];
  }
  return y;
}

/// The group of a step: its sequence, or itself.
std::size_t part_of(std::size_t row, bool by_sample) { return by_sample ? (row < rows[0] ? 0 : 1) : row; }

struct LinearCase {
  const char* what;
  bool by_sample;
  std::size_t x_plane, y_plane;
};

constexpr std::size_t inputs = 8;
constexpr std::size_t outputs = 6;

struct LinearGradients {
  Row dx = Row(steps * inputs, 0.0F), dw = Row(outputs * inputs, 0.0F), db = Row(outputs, 0.0F);
};

LinearGradients expected_of(const LinearCase& test, int bits, const Row& x, const Row& w, const Row& g) {
  const auto plane = [](std::size_t i, std::size_t size) { return size == 0 ? 0 : i / size % 2; };
  const Row qx = in_groups(x, inputs, bits, [&](std::size_t t, std::size_t i) {
    return 2 * part_of(t, test.by_sample) + plane(i, test.x_plane);
  });
  const Row qg = in_groups(g, outputs, bits, [&](std::size_t t, std::size_t o) {
    return 2 * part_of(t, test.by_sample) + plane(o, test.y_plane);
  });
  const Row qw = in_groups(w, inputs, bits, [&](std::size_t o, std::size_t i) {
    return 2 * plane(o, test.y_plane) + plane(i, test.x_plane);
  });
  LinearGradients to;
  for (std::size_t t = 0; t < steps; ++t) {
    for (std::size_t o = 0; o < outputs; ++o) {
      to.db[o] += g[t * outputs + o];
      for (std::size_t i = 0; i < inputs; ++i) {
        to.dx[t * inputs + i] += qg[t * outputs + o] * qw[o * inputs + i];
        to.dw[o * inputs + i] += qg[t * outputs + o] * qx[t * inputs + i];
      }
    }
  }
  return to;
}

TEST_CASE("gradient rounding: linear rounds its gradient and both operands, by steps, sequences and parts") {
  constexpr std::array<LinearCase, 5> cases = {{{"a dense layer", true, 0, 0},
                                                {"one step for itself", false, 0, 0},
                                                {"B", false, 0, 3},
                                                {"C", false, 4, 0},
                                                {"C of two directions", false, 2, 0}}};
  const Row x = random_values(steps * inputs, -1.0, 2.0, 1);
  const Row w = random_values(outputs * inputs, -1.0, 1.0, 2);
  const Row b = random_values(outputs, -1.0, 1.0, 3);
  const Row g = random_values(steps * outputs, -1.0, 1.0, 4);
  for (const LinearCase& test : cases) {
    for (const int bits : {1, 2, 4, 8}) {
      CAPTURE(test.what);
      CAPTURE(bits);
      Bench bench;
      Tape& tape = bench.tape;
      const std::array leaves = {bench.leaf(steps, x), bench.leaf(outputs, w), bench.leaf(1, b)};
      const ops::GradientRounding rounding{bits, test.by_sample ? &sequences : nullptr, test.x_plane, test.y_plane};
      const Value y = ops::linear(tape, leaves[0], leaves[1], leaves[2], rounding);
      const Value plain = ops::linear(tape, leaves[0], leaves[1], leaves[2]);
      CHECK(difference(computed(tape, plain).value, tape.value(y)) == 0.0);
      tape.backward(y, g);
      const LinearGradients expected = expected_of(test, bits, x, w, g);
      CHECK(difference(expected.dx, tape[leaves[0]].gradient) < 1e-5);
      CHECK(difference(expected.dw, tape[leaves[1]].gradient) < 1e-5);
      CHECK(difference(expected.db, tape[leaves[2]].gradient) < 1e-5);
    }
  }
}

TEST_CASE("gradient rounding: product rounds its gradient and both operands") {
  constexpr std::size_t cols = 7;
  const Row a = random_values(steps * cols, -1.0, 2.0, 1);
  const Row g = random_values(steps * cols, -1.0, 1.0, 3);
  for (const bool by_sample : {false, true}) {
    for (const std::size_t b_rows : {steps, std::size_t{1}}) {
      CAPTURE(b_rows);
      CAPTURE(by_sample);
      const Row b = random_values(b_rows * cols, -1.0, 1.0, 2);
      Bench bench;
      Tape& tape = bench.tape;
      const std::array leaves = {bench.leaf(steps, a), bench.leaf(b_rows, b)};
      const Value y = ops::product(tape, leaves[0], leaves[1], {4, by_sample ? &sequences : nullptr});
      tape.backward(y, g);
      const auto group = [&](std::size_t t, std::size_t /*column*/) { return part_of(t, by_sample); };
      const Row qa = in_groups(a, cols, 4, group);
      const Row qg = in_groups(g, cols, 4, group);
      const Row qb = b_rows == 1 ? rounded(b, 4, Edge::half) : in_groups(b, cols, 4, group);
      Row da(a.size()), db(b.size(), 0.0F);
      for (std::size_t i = 0; i < a.size(); ++i) {
        da[i] = qg[i] * qb[i % qb.size()];
        db[i % db.size()] += qg[i] * qa[i];
      }
      CHECK(difference(da, tape[leaves[0]].gradient) < 1e-6);
      CHECK(difference(db, tape[leaves[1]].gradient) < 1e-6);
    }
  }
}

Quantizer with_parts(const char* site, QuantSpec::Granularity granularity, Planes planes) {
  Quantizer q = dynamic(site, 4);
  q.spec.granularity = granularity;
  q.spec.parts = QuantSpec::Parts::separate;
  q.planes = planes;
  return q;
}

TEST_CASE("parts: real and imaginary parts of B, C and of the operand of C have ranges of their own") {
  using enum QuantSpec::Granularity;
  constexpr std::size_t height = 6;
  constexpr std::size_t width = 8;
  Row x = random_values(height * width, -1.0, 1.0, 5);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= (i % width < 2 ? 3.0F : 1.0F) * (i / width < 3 ? 5.0F : 1.0F);
  Bench bench;
  Tape& tape = bench.tape;
  const Value v = bench.leaf(height, x);
  const auto check = [&](const Quantizer& q, auto group_of) {
    CAPTURE(q.site);
    const Value y = ops::quantize(tape, v, q);
    CHECK(difference(in_groups(x, width, 4, group_of), tape.value(y)) < 1e-6);
    return tape[y].has_codes();
  };
  CHECK(check(with_parts("weight:ssm.B", tensor, {3, 0}), [](std::size_t r, std::size_t) { return r / 3 % 2; }));
  CHECK(check(with_parts("weight:ssm.C", tensor, {0, 2}), [](std::size_t, std::size_t c) { return c / 2 % 2; }));
  CHECK_FALSE(
      check(with_parts("act:ssm.x", step, {0, 4}), [](std::size_t r, std::size_t c) { return 2 * r + c / 4 % 2; }));
}

TEST_CASE("parts: what is not finite stops the run, naming the site") {
  Row x(8, 1.0F);
  x[5] = std::numeric_limits<float>::infinity();
  Bench bench;
  const Value v = bench.leaf(2, x);
  for (const Quantizer& q : {with_parts("act:ssm.x", QuantSpec::Granularity::step, {0, 2}),
                             with_parts("weight:ssm.C", QuantSpec::Granularity::tensor, {0, 2})}) {
    CHECK_THROWS_WITH_AS(ops::quantize(bench.tape, v, q),
                         ("[quantize] " + q.site + " holds a NaN or an infinity").c_str(), DivergedError);
  }
}

}  // namespace
}  // namespace bitstate::tests::gradient_rounding_test

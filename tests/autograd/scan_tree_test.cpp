// Q-S5's scan against a literal reference: the recursion of jax.lax.associative_scan over elements that remember their
// parents, walked back element by element.
#include "autograd/ops.h"
#include "core/error.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/dynamic_rounding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

namespace bitstate::tests::scan_tree_test {
namespace {

struct Complex {
  Row re, im;
};

Complex complex_of(const float* planar, std::size_t states) {
  return {{planar, planar + states}, {planar + states, planar + 2 * states}};
}

/// One (A, b) of the tree, what it was made of, and the gradients that flow into it.
struct Element {
  Complex a, b;
  std::size_t i = 0, j = 0;
  bool leaf = true;
  Complex da, db;
};

struct Reference {
  int a_bits;
  int state_bits;
  Edge edge = Edge::half;
  std::vector<Element> all = {};

  [[nodiscard]] Complex q(const Complex& x, int bits) const {
    return {rounded(x.re, bits, edge), rounded(x.im, bits, edge)};
  }

  std::size_t combine(std::size_t i, std::size_t j) {
    const Complex aj = q(all[j].a, a_bits);
    const Complex ai = q(all[i].a, a_bits);
    const Complex bi = q(all[i].b, state_bits);
    const Row zero(aj.re.size(), 0.0F);
    Element e;
    e.i = i;
    e.j = j;
    e.leaf = false;
    e.da = e.db = {zero, zero};
    e.a = {plus(times(aj.re, ai.re), times(aj.im, ai.im), -1.0F), plus(times(aj.re, ai.im), times(aj.im, ai.re))};
    e.b = {plus(plus(times(aj.re, bi.re), times(aj.im, bi.im), -1.0F), all[j].b.re),
           plus(plus(times(aj.re, bi.im), times(aj.im, bi.re)), all[j].b.im)};
    all.push_back(e);
    return all.size() - 1;
  }

  std::vector<std::size_t> scan(const std::vector<std::size_t>& elems) {
    if (elems.size() < 2) return elems;
    std::vector<std::size_t> reduced;
    for (std::size_t m = 0; m + 1 < elems.size(); m += 2) reduced.push_back(combine(elems[m], elems[m + 1]));
    const auto odd = scan(reduced);
    std::vector<std::size_t> even = {elems[0]};
    for (std::size_t m = 2; m < elems.size(); m += 2) even.push_back(combine(odd[m / 2 - 1], elems[m]));
    std::vector<std::size_t> result;
    for (std::size_t m = 0; m < elems.size(); ++m) result.push_back(m % 2 == 0 ? even[m / 2] : odd[m / 2]);
    return result;
  }

  /// Where g flows into the product of x and y: g y into dx, g x into dy, with the sign of the product.
  void flow(const Row& g, float sign, const Row& x, const Row& y, Row& dx, Row& dy) const {
    dx = plus(dx, times(g, y), sign);
    dy = plus(dy, times(g, x), sign);
  }

  void flow(const Complex& g, const Complex& x, const Complex& y, Complex& dx, Complex& dy) const {
    flow(g.re, 1.0F, x.re, y.re, dx.re, dy.re);
    flow(g.re, -1.0F, x.im, y.im, dx.im, dy.im);
    flow(g.im, 1.0F, x.re, y.im, dx.re, dy.im);
    flow(g.im, 1.0F, x.im, y.re, dx.im, dy.re);
  }

  void backward(bool quantize_gradients) {
    const auto again = [&](const Complex& g, int bits) {
      return quantize_gradients ? Complex{rounded(g.re, bits, Edge::half), rounded(g.im, bits, Edge::half)} : g;
    };
    const int b_bits = std::max(a_bits, state_bits);
    for (std::size_t n = all.size(); n-- > 0;) {
      if (all[n].leaf) continue;
      const Element e = all[n];
      Element& left = all[e.i];
      Element& right = all[e.j];
      const Complex aj = q(right.a, a_bits);
      flow(again(e.da, a_bits), again(aj, a_bits), again(q(left.a, a_bits), a_bits), right.da, left.da);
      flow(again(e.db, b_bits), again(aj, b_bits), again(q(left.b, state_bits), b_bits), right.da, left.db);
      right.db = {plus(right.db.re, e.db.re), plus(right.db.im, e.db.im)};
    }
  }
};

struct Expected {
  std::vector<float> x, dlambda, dbu;
};

/// One sequence forward and back; g is the gradient of x.
Expected reference(Reference tree, const std::vector<float>& lambda, const std::vector<float>& bu,
                   const std::vector<float>& g, ops::Direction direction, bool quantize_gradients) {
  const std::size_t width = lambda.size();
  const std::size_t states = width / 2;
  const std::size_t length = bu.size() / width;
  const auto row = [&](std::size_t t) { return width * (direction == ops::Direction::forward ? t : length - 1 - t); };
  const Row zero(states, 0.0F);
  std::vector<std::size_t> elems;
  for (std::size_t t = 0; t < length; ++t) {
    Element e;
    e.a = complex_of(lambda.data(), states);
    e.b = complex_of(bu.data() + row(t), states);
    e.da = e.db = {zero, zero};
    tree.all.push_back(e);
    elems.push_back(t);
  }
  const auto results = tree.scan(elems);
  Expected expected{std::vector<float>(bu.size()), std::vector<float>(width, 0.0F), std::vector<float>(bu.size())};
  const auto store = [&](const Complex& from, float* to) {
    std::copy(from.re.begin(), from.re.end(), to);
    std::copy(from.im.begin(), from.im.end(), to + states);
  };
  for (std::size_t t = 0; t < length; ++t) {
    store(tree.all[results[t]].b, expected.x.data() + row(t));
    Complex& db = tree.all[results[t]].db;
    const Complex seed = complex_of(g.data() + row(t), states);
    db = {plus(db.re, seed.re), plus(db.im, seed.im)};
  }
  tree.backward(quantize_gradients);
  for (std::size_t t = 0; t < length; ++t) {
    store(tree.all[t].db, expected.dbu.data() + row(t));
    for (std::size_t p = 0; p < states; ++p) {
      expected.dlambda[p] += tree.all[t].da.re[p];
      expected.dlambda[states + p] += tree.all[t].da.im[p];
    }
  }
  return expected;
}

constexpr std::size_t states = 3;
constexpr std::array directions = {ops::Direction::forward, ops::Direction::backward};

void check_against_reference(std::size_t length, const Quantizer& a, const Quantizer& state, ops::Direction direction,
                             bool quantize_gradients) {
  CAPTURE(length);
  CAPTURE(a.spec.bits);
  CAPTURE(state.spec.bits);
  CAPTURE(quantize_gradients);
  const auto lambda = random_values(2 * states, -0.8, 0.8, 1);
  const auto bu = random_values(2 * states * length, -1.0, 1.0, 2);
  const auto g = random_values(2 * states * length, -1.0, 1.0, 3);
  const std::array rows = {length};
  const Expected expected =
      reference({a.spec.bits, state.spec.bits, a.spec.edge}, lambda, bu, g, direction, quantize_gradients);
  Bench bench;
  Tape& tape = bench.tape;
  const Value l = bench.leaf(1, lambda);
  const Value b = bench.leaf(length, bu);
  const Value x = ops::scan_tree(tape, l, b, {rows, rows}, {direction, a, state, quantize_gradients});
  CHECK(difference(expected.x, tape.value(x)) == 0.0);
  tape.backward(x, g);
  CHECK(difference(expected.dbu, tape[b].gradient) < 1e-5);
  CHECK(difference(expected.dlambda, tape[l].gradient) < 1e-5 * static_cast<double>(length));
}

TEST_CASE("scan_tree: without quantizers it is the scan") {
  const auto lambda = random_values(2 * states, -0.7, 0.7, 1);
  const auto bu = random_values(2 * states * 45, -1.0, 1.0, 2);
  const auto g = random_values(2 * states * 45, -1.0, 1.0, 3);
  constexpr std::array<std::size_t, 4> rows = {1, 37, 5, 2};
  const Sequences sequences{rows, rows};
  for (const auto direction : directions) {
    Bench bench;
    Tape& tape = bench.tape;
    const std::array leaves = {bench.leaf(1, lambda), bench.leaf(45, bu), bench.leaf(1, lambda), bench.leaf(45, bu)};
    const Value tree = ops::scan_tree(tape, leaves[0], leaves[1], sequences, {direction, {}, {}, false});
    const Value scan = ops::scan(tape, leaves[2], leaves[3], sequences, direction);
    const std::vector<float> x(tape.value(scan), tape.value(scan) + tape[scan].size());
    CHECK(difference(x, tape.value(tree)) < 1e-5);
    tape.backward(scan, g);
    tape.backward(tree, g);
    for (std::size_t i = 0; i < 2; ++i) {
      const Computed plain = computed(tape, leaves[2 + i]);
      CHECK(difference({plain.gradient, plain.gradient + plain.size()}, tape[leaves[i]].gradient) < 5e-5);
    }
  }
}

TEST_CASE("scan_tree: values and gradients are those of the associative scan of the rounded operator") {
  constexpr std::array<std::array<int, 2>, 9> widths = {
      {{8, 8}, {4, 4}, {2, 2}, {4, 8}, {2, 8}, {0, 8}, {8, 0}, {0, 0}, {1, 1}}};
  for (const auto& [a, state] : widths) {
    for (const std::size_t length : {1, 2, 3, 7, 8, 37}) {
      for (const auto direction : directions) {
        check_against_reference(length, dynamic("weight:a", a), dynamic("state:x", state), direction, false);
      }
    }
  }
  check_against_reference(37, dynamic("weight:a", 4, Edge::center), dynamic("state:x", 4, Edge::center),
                          ops::Direction::forward, false);
}

TEST_CASE("scan_tree: with quantized gradients every product rounds what flows into it") {
  constexpr std::array<std::array<int, 2>, 7> widths = {{{8, 8}, {4, 4}, {2, 2}, {4, 8}, {2, 8}, {0, 8}, {8, 0}}};
  for (const auto& [a, state] : widths) {
    for (const std::size_t length : {1, 2, 5, 8, 37}) {
      for (const auto direction : directions) {
        check_against_reference(length, dynamic("weight:a", a), dynamic("state:x", state), direction, true);
      }
    }
  }
}

TEST_CASE("scan_tree: sequences are independent, and a gradient nobody needs changes no other") {
  const auto lambda = random_values(2 * states, -0.8, 0.8, 1);
  const auto bu = random_values(2 * states * 12, -1.0, 1.0, 2);
  const auto g = random_values(2 * states * 12, -1.0, 1.0, 3);
  constexpr std::array<std::size_t, 3> rows = {4, 7, 1};
  const Quantizer a = dynamic("weight:a", 4);
  const Quantizer state = dynamic("state:x", 8);
  for (const auto direction : directions) {
    std::vector<float> dlambda(2 * states, 0.0F);
    std::vector<float> dbu, x;
    std::size_t i = 0;
    for (const std::size_t length : rows) {
      const auto part = [&](const std::vector<float>& all) {
        return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(i * 2 * states),
                                  all.begin() + static_cast<std::ptrdiff_t>((i + length) * 2 * states));
      };
      const Expected expected = reference({4, 8}, lambda, part(bu), part(g), direction, true);
      x.insert(x.end(), expected.x.begin(), expected.x.end());
      dbu.insert(dbu.end(), expected.dbu.begin(), expected.dbu.end());
      dlambda = plus(dlambda, expected.dlambda);
      i += length;
    }
    for (const auto& [to_lambda, to_bu] : {std::pair{true, true}, {true, false}, {false, true}, {false, false}}) {
      Bench bench;
      Tape& tape = bench.tape;
      const Value l = bench.leaf(1, lambda, to_lambda);
      const Value b = bench.leaf(12, bu, to_bu);
      const Value y = ops::scan_tree(tape, l, b, {rows, rows}, {direction, a, state, true});
      CHECK(difference(x, tape.value(y)) == 0.0);
      tape.backward(y, g);
      if (to_lambda) CHECK(difference(dlambda, tape[l].gradient) < 1e-4);
      if (to_bu) CHECK(difference(dbu, tape[b].gradient) < 1e-5);
      CHECK((tape[l].gradient != nullptr) == to_lambda);
      CHECK((tape[b].gradient != nullptr) == to_bu);
    }
  }
}

TEST_CASE("scan_tree: a state that is not finite stops the run, naming it") {
  const std::vector<float> lambda(2, 0.5F);
  constexpr std::array<std::size_t, 1> rows = {3};
  for (const int bits : {0, 1, 8}) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> bu(6, 1.0F);
      bu[1] = bad;
      Bench bench;
      const Value l = bench.leaf(1, lambda);
      const Value b = bench.leaf(3, bu);
      const Quantizer state = dynamic("state:x", bits);
      CHECK_THROWS_WITH_AS(ops::scan_tree(bench.tape, l, b, {rows, rows}, {ops::Direction::forward, {}, state, false}),
                           "[scan_tree] the state of state:x is not finite", DivergedError);
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::scan_tree_test

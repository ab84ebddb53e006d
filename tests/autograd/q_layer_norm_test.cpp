// Q-S5's LayerNorm against its formula and its Jacobian, written out.
#include "autograd/ops.h"
#include "core/error.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/dynamic_rounding.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace bitstate::tests::q_layer_norm_test {
namespace {

/// The values of q_layer_norm of one sequence [., h], and the gradients where g flows into them.
struct NormReference {
  std::vector<float> z, dx, dscale, dbias;
};

NormReference norm_reference(const std::vector<float>& x, const std::vector<float>& scale,
                             const std::vector<float>& bias, const std::vector<float>& g, int bits,
                             bool quantize_gradients) {
  const std::size_t h = scale.size();
  const std::size_t steps = x.size() / h;
  Row y(x.size()), m(x.size()), r(steps);
  for (std::size_t t = 0; t < steps; ++t) {
    double mean = 0.0;
    double variance = 0.0;
    for (std::size_t c = 0; c < h; ++c) mean += double{x[t * h + c]} / static_cast<double>(h);
    for (std::size_t c = 0; c < h; ++c) variance += std::pow(double{x[t * h + c]} - mean, 2.0) / static_cast<double>(h);
    r[t] = static_cast<float>(1.0 / std::sqrt(variance + 1e-6));
    for (std::size_t c = 0; c < h; ++c) {
      y[t * h + c] = static_cast<float>(double{x[t * h + c]} - mean);
      m[t * h + c] = r[t] * scale[c];
    }
  }
  const Row qy = rounded(y, bits, Edge::half);
  const Row qm = rounded(m, bits, Edge::half);
  const auto again = [&](const Row& row) { return quantize_gradients ? rounded(row, bits, Edge::half) : row; };
  const Row qg = again(g);
  const Row qqy = again(qy);
  const Row qqm = again(qm);
  NormReference result{times(qy, qm), Row(x.size(), 0.0F), Row(h, 0.0F), Row(h, 0.0F)};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % h;
    const std::size_t t = i / h;
    result.z[i] += bias.empty() ? 0.0F : bias[c];
    result.dbias[c] += g[i];
    result.dscale[c] += qg[i] * qqy[i] * r[t];
    for (std::size_t d = 0; d < h; ++d) {  // dy_c / dx_d and dr / dx_d
      const std::size_t j = t * h + d;
      const double centring = (c == d ? 1.0 : 0.0) - 1.0 / static_cast<double>(h);
      const double dr = -std::pow(double{r[t]}, 3.0) * double{y[j]} / static_cast<double>(h);
      result.dx[j] += static_cast<float>(double{qg[i]} * (double{qqm[i]} * centring + double{qqy[i]} * scale[c] * dr));
    }
  }
  return result;
}

TEST_CASE("q_layer_norm: values and straight-through gradients are those of its definition") {
  constexpr std::size_t h = 11;
  constexpr std::array<std::size_t, 2> rows = {5, 3};
  const auto x = random_values(8 * h, -2.0, 3.0, 4);
  const auto scale = random_values(h, 0.5, 1.5, 5);
  const auto offset = random_values(h, -1.0, 1.0, 6);
  const auto g = random_values(8 * h, -1.0, 1.0, 7);
  for (const int bits : {0, 1, 2, 4, 8}) {
    for (const int variant : {0, 1, 2, 3}) {
      const bool with_bias = variant % 2 == 1;
      const bool quantize_gradients = variant >= 2;
      CAPTURE(bits);
      CAPTURE(quantize_gradients);
      Bench bench;
      Tape& tape = bench.tape;
      const Value xv = bench.leaf(8, x);
      const Value sv = bench.leaf(1, scale);
      const Value bv = with_bias ? bench.leaf(1, offset) : Value{};
      const Value z = ops::q_layer_norm(tape, xv, sv, bv, dynamic("act:norm", bits), {rows, rows}, quantize_gradients);
      tape.backward(z, g);
      Row dscale(h, 0.0F), dbias(h, 0.0F);
      std::size_t first = 0;
      for (const std::size_t length : rows) {
        const auto part = [&](const Row& all) { return Row(&all[first], &all[first] + length * h); };
        const auto expected =
            norm_reference(part(x), scale, with_bias ? offset : Row{}, part(g), bits, quantize_gradients);
        CHECK(difference(expected.z, tape.value(z) + first) < 1e-5);
        CHECK(difference(expected.dx, tape[xv].gradient + first) < 1e-5);
        dscale = plus(dscale, expected.dscale);
        dbias = plus(dbias, expected.dbias);
        first += length * h;
      }
      CHECK(difference(dscale, tape[sv].gradient) < 2e-5);
      if (with_bias) CHECK(difference(dbias, tape[bv].gradient) < 1e-5);
    }
  }
}

TEST_CASE("q_layer_norm: what is not finite stops the run, naming the site") {
  std::vector<float> x(4, 1.0F);
  x[2] = std::numeric_limits<float>::quiet_NaN();
  constexpr std::array<std::size_t, 1> rows = {2};
  Bench bench;
  const Value xv = bench.leaf(2, x);
  const std::vector<float> scale(2, 1.0F);
  const Value sv = bench.leaf(1, scale);
  CHECK_THROWS_WITH_AS(ops::q_layer_norm(bench.tape, xv, sv, {}, dynamic("act:norm", 8), {rows, rows}),
                       "[q_layer_norm] act:norm holds a NaN or an infinity", DivergedError);
}

}  // namespace
}  // namespace bitstate::tests::q_layer_norm_test

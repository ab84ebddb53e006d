// The chunked form of Mamba-2's recurrence against the recurrence.
#include "autograd/kernels/chunked_scan.h"
#include "core/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace bitstate::tests::chunked_scan_test {
namespace {

using kernels::ChunkedScan;
using kernels::SelectiveScan;
using kernels::SelectiveShape;

std::vector<float> drawn(std::size_t count, std::uint64_t stream) {
  const Random random{3, stream};
  std::vector<float> x(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<float>(random.normal(i));
  return x;
}

struct Gradients {
  std::vector<float> u, delta, b, c, a, h0;
};

/// A sequence with its operands, and what a scan makes of it and of gradients into y and the final state.
struct Sequence {
  SelectiveShape shape;
  std::size_t length;
  std::vector<float> u, delta, b, c, a, h0, dy, dfinal;
  std::vector<float> y, final;
  Gradients gradients;

  Sequence(const SelectiveShape& of, std::size_t steps, float fastest) : shape(of), length(steps) {
    u = drawn(length * shape.channels, 1);
    delta = drawn(length * shape.heads, 2);
    for (float& d : delta) d = 0.01F + 0.1F * std::fabs(d);
    b = drawn(length * shape.groups * shape.states, 3);
    c = drawn(length * shape.groups * shape.states, 4);
    a.resize(shape.heads);
    for (std::size_t k = 0; k < a.size(); ++k)
      a[k] = -fastest * static_cast<float>(k + 1) / static_cast<float>(a.size());
    h0 = drawn(shape.channels * shape.states, 5);
    dy = drawn(u.size(), 6);
    dfinal = drawn(h0.size(), 7);
    y.resize(u.size());
    final.resize(h0.size());
    gradients = {std::vector<float>(u.size()), std::vector<float>(delta.size()), std::vector<float>(b.size()),
                 std::vector<float>(c.size()), std::vector<float>(a.size()),     std::vector<float>(h0.size())};
  }
  void run(auto scan) {
    const kernels::SelectiveInputs in{length, u.data(), delta.data(), b.data(), c.data(), a.data(), h0.data()};
    std::vector<float> starts(scan.kept(length));
    CHECK(scan.forward(in, y.data(), final.data(), starts.data()));
    Gradients& g = gradients;
    scan.backward(in, starts.data(), dy.data(), dfinal.data(),
                  {g.u.data(), g.delta.data(), g.b.data(), g.c.data(), g.a.data(), g.h0.data()});
  }
};

float difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0.0F;
  float most = 0.0F;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::fabs(a[i]));
    most = std::max(most, std::fabs(a[i] - b[i]));
  }
  return most / largest;
}

void check_equal(const SelectiveShape& shape, std::size_t length, float fastest, std::size_t chunk) {
  CAPTURE(length);
  CAPTURE(chunk);
  CAPTURE(fastest);
  Sequence expected(shape, length, fastest);
  Sequence got = expected;
  expected.run(SelectiveScan(shape));
  got.run(ChunkedScan(shape, chunk));
  CHECK(difference(expected.y, got.y) <= 2e-6F);
  CHECK(difference(expected.final, got.final) <= 2e-6F);
  CHECK(difference(expected.gradients.u, got.gradients.u) <= 2e-6F);
  CHECK(difference(expected.gradients.delta, got.gradients.delta) <= 1e-5F);
  CHECK(difference(expected.gradients.b, got.gradients.b) <= 2e-6F);
  CHECK(difference(expected.gradients.c, got.gradients.c) <= 2e-6F);
  CHECK(difference(expected.gradients.a, got.gradients.a) <= 1e-5F);
  CHECK(difference(expected.gradients.h0, got.gradients.h0) <= 2e-6F);
}

TEST_CASE("chunked scan: it has the values and gradients of the recurrence") {
  for (const auto direction : {kernels::Direction::forward, kernels::Direction::backward}) {
    for (const std::size_t groups : {1, 2}) {
      const SelectiveShape shape{24, 7, 4, groups, false, direction};
      check_equal(shape, 96, 1.0F, 32);
      check_equal(shape, 75, 1.0F, 32);  // the last chunk is shorter
      check_equal(shape, 5, 1.0F, 32);
    }
  }
}

TEST_CASE("chunked scan: decays of which nothing is left within a chunk do no harm") {
  const SelectiveShape shape{16, 8, 2, 1, false};
  check_equal(shape, 300, 100.0F, 128);
  check_equal(shape, 300, 2000.0F, 128);
}

}  // namespace
}  // namespace bitstate::tests::chunked_scan_test

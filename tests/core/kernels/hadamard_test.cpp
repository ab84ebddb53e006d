#include "core/kernels/hadamard.h"

#include "core/error.h"
#include "tests/support/mamba_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::tests::hadamard_test {
namespace {

TEST_CASE("hadamard: matrices and transforms of integers are those of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("hadamard", {"symmetric"});
  CHECK(cases.size() == 13);
  for (const auto& at : cases) {
    CAPTURE(at);
    const auto expected = golden.integers(at + "/H");
    const auto x = golden.integers(at + "/x_int");
    const std::size_t n = x.size();
    const Hadamard hadamard(n, "test");
    REQUIRE(hadamard.size() == n);
    bool symmetric = true;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        wrong += hadamard.entry(i, j) == expected[i * n + j] ? 0 : 1;
        symmetric = symmetric && hadamard.entry(i, j) == hadamard.entry(j, i);
      }
    }
    CHECK(wrong == 0);
    CHECK(symmetric == golden.flag(at, "symmetric"));
    std::vector<std::int32_t> codes(x.begin(), x.end());
    std::vector<std::int32_t> scratch(n);
    hadamard.apply(codes, scratch);
    CHECK(std::vector<std::int64_t>(codes.begin(), codes.end()) == golden.integers(at + "/y_int"));
  }
}

TEST_CASE("hadamard: the rows are orthogonal, and the fast transforms are the products with the matrix") {
  for (const std::size_t n : {1U, 2U, 16U, 12U, 20U, 28U, 40U, 56U, 80U, 192U, 112U, 160U}) {
    CAPTURE(n);
    const Hadamard hadamard(n, "test");
    std::vector<std::int32_t> x(n);
    std::vector<float> back(n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = static_cast<std::int32_t>(i * 7919 % 65535) - 32767;
      back[i] = static_cast<float>(x[i] % 1000);  // their sums are exact
    }
    const std::vector<float> from = back;
    std::vector<std::int32_t> y = x;
    std::vector<std::int32_t> scratch(n);
    hadamard.apply(y, scratch);
    std::vector<float> room(n);
    hadamard.apply_transposed(back, room);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i) {
      std::int64_t sum = 0;
      float transposed = 0.0F;
      for (std::size_t j = 0; j < n; ++j) {
        sum += std::int64_t{hadamard.entry(i, j)} * x[j];
        transposed += static_cast<float>(hadamard.entry(j, i)) * from[j];
        int product = 0;
        for (std::size_t k = 0; k < n; ++k) product += hadamard.entry(i, k) * hadamard.entry(j, k);
        wrong += product == (i == j ? static_cast<int>(n) : 0) ? 0 : 1;
      }
      wrong += y[i] == sum && back[i] == transposed ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("hadamard: the largest sums of 16-bit codes are exact") {
  const std::size_t n = std::size_t{1} << 15;
  const Hadamard hadamard(n, "test");
  std::vector<std::int32_t> x(n, -32767);
  std::vector<std::int32_t> scratch(n);
  hadamard.apply(x, scratch);
  CHECK(x[0] == -32767 * 32768);
  CHECK(std::all_of(x.begin() + 1, x.end(), [](std::int32_t y) { return y == 0; }));
}

TEST_CASE("hadamard: a width without a matrix is refused with the nearest that have one") {
  const std::string rest = " rows here: expected 2^k, 12, 20, 28 or 40 times 2^k, such as ";
  const auto refused = [&](std::size_t n, const char* nearest) {
    const std::string sentence = "[out_proj] there is no Hadamard matrix of " + std::to_string(n) + rest + nearest;
    CHECK_THROWS_WITH_AS(Hadamard(n, "out_proj"), sentence.c_str(), UsageError);
  };
  refused(36, "32 or 40");
  refused(6, "4 or 8");
  refused(100, "96 or 112");
  refused(0, "1 or 1");
  std::vector<float> x(8);
  std::vector<float> scratch(7);
  CHECK_THROWS_AS(Hadamard(8, "out_proj").apply(x, scratch), Error);
}

}  // namespace
}  // namespace bitstate::tests::hadamard_test

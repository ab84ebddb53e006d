#include "core/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

namespace bitstate {
namespace {

TEST_CASE("random: the generator is Philox4x32-10 with its published known answers") {
  // Random123's kat_vectors: counter and key all zero
  CHECK(random_words(0, 0, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(random_words(ones, ones, ones) == std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("random: moments of the distributions") {
  const Random random{3, 4};
  constexpr std::uint64_t n = 200000;
  double uniform = 0.0, normal = 0.0, normal2 = 0.0, truncated = 0.0, truncated2 = 0.0, largest = 0.0;
  for (std::uint64_t i = 0; i < n; ++i) {
    uniform += random.uniform(i);
    const double z = random.normal(i);
    normal += z;
    normal2 += z * z;
    const double t = random.truncated_normal(i);
    truncated += t;
    truncated2 += t * t;
    largest = std::fmax(largest, std::fabs(t));
  }
  CHECK(uniform / n == doctest::Approx(0.5).epsilon(0.005));
  CHECK(std::fabs(normal / n) < 0.01);
  CHECK(normal2 / n == doctest::Approx(1.0).epsilon(0.02));
  CHECK(std::fabs(truncated / n) < 0.01);
  CHECK(truncated2 / n == doctest::Approx(0.87962566103423978 * 0.87962566103423978).epsilon(0.02));
  CHECK(largest < 2.0);
}

TEST_CASE("random: streams, seeds and indices give different values, equal ones the same") {
  std::set<double> seen;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    for (std::uint64_t stream = 0; stream < 5; ++stream) {
      for (std::uint64_t index = 0; index < 5; ++index) seen.insert(Random{seed, stream}.uniform(index));
    }
  }
  CHECK(seen.size() == 125);
  CHECK(Random{1, 2}.uniform(3) == Random{1, 2}.uniform(3));
  CHECK(random_stream("a") != random_stream("b"));
  CHECK(random_stream("a", 1) != random_stream("a", 2));
}

TEST_CASE("random: below(n) stays below n and reaches everything") {
  const Random random{5, 6};
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto v = random.below(7, i);
    REQUIRE(v < 7);
    seen.insert(v);
  }
  CHECK(seen.size() == 7);
}

}  // namespace
}  // namespace bitstate

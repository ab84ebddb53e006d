#include "core/fixed_point.h"

#include "core/error.h"
#include "core/random.h"

#include <doctest/doctest.h>

#include <cmath>

namespace bitstate {
namespace {

TEST_CASE("fixed point: a real becomes a 31-bit multiplier and a shift, to 2^-31 relative") {
  const Random random{1, 0};
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const double real =
        std::ldexp(0.5 + 0.5 * random.uniform(2 * i), static_cast<int>(random.below(60, 2 * i + 1)) - 30);
    const FixedPoint f = to_fixed_point(real, "test");
    REQUIRE(f.multiplier >= std::int64_t{1} << 30);
    REQUIRE(f.multiplier < std::int64_t{1} << 31);
    REQUIRE(f.shift >= 1);
    REQUIRE(f.shift <= 62);
    REQUIRE(std::fabs(std::ldexp(static_cast<double>(f.multiplier), -static_cast<int>(f.shift)) / real - 1.0) <=
            0x1.0p-31);
  }
}

TEST_CASE("fixed point: a value just below a power of two keeps the multiplier in range") {
  const FixedPoint f = to_fixed_point(std::nextafter(1.0, 0.0), "test");
  CHECK(f.multiplier == std::int64_t{1} << 30);
  CHECK(f.shift == 30);
}

TEST_CASE("rescale: rounds half up, also below zero") {
  const FixedPoint half = to_fixed_point(0.5, "test");
  CHECK(rescale(3, half) == 2);    // 1.5
  CHECK(rescale(-3, half) == -1);  // -1.5
  CHECK(rescale(-5, half) == -2);  // -2.5
  CHECK(rescale(2, half) == 1);
  CHECK(rescale(0, half) == 0);
}

TEST_CASE("rescale: the largest operand and the smallest factor do not overflow") {
  const FixedPoint smallest = to_fixed_point(0x1.0p-31, "test");
  CHECK(smallest.shift <= 62);
  CHECK(rescale(3 * (std::int64_t{1} << 30), smallest) == 2);  // 1.5
  CHECK(rescale(-3 * (std::int64_t{1} << 30), smallest) == -1);
  CHECK(rescale(3 * (std::int64_t{1} << 30), to_fixed_point(std::nextafter(0x1.0p29, 0.0), "test")) > 0);
}

TEST_CASE("rescale: equals the exact product, rounded, for random operands") {
  const Random random{2, 0};
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const auto a =
        static_cast<std::int64_t>(random.below(3 * (std::uint64_t{1} << 31) + 1, 3 * i)) - 3 * (std::int64_t{1} << 30);
    const FixedPoint f = to_fixed_point(
        std::ldexp(1.0 + random.uniform(3 * i + 1), static_cast<int>(random.below(40, 3 * i + 2)) - 35), "test");
    __extension__ using Wide = __int128;
    const Wide doubled = (static_cast<Wide>(a) * f.multiplier * 2 + (static_cast<Wide>(1) << f.shift));
    REQUIRE(rescale(a, f) == static_cast<std::int64_t>(doubled >> (f.shift + 1)));
  }
}

TEST_CASE("fixed point: what has no multiplier is refused by name, what is too small is zero") {
  CHECK(rescale(2147483647, to_fixed_point(0x1.0p-32, "test")) == 0);
  CHECK_THROWS_WITH_AS(to_fixed_point(0.0, "act:x"), doctest::Contains("act:x"), Error);
  CHECK_THROWS_AS(to_fixed_point(std::nan(""), "act:x"), Error);
  CHECK(rescale(1, to_fixed_point(1e300, "act:x")) >= 32767);
  CHECK(rescale(-1, to_fixed_point(1e300, "act:x")) <= -32767);
}

}  // namespace
}  // namespace bitstate

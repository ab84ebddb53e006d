// What instructions say of themselves, and that planning a program takes a time that grows as its length.
#include "core/program/program.h"
#include "core/program/run/buffers.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "tests/support/plain_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

namespace bitstate::tests {
namespace {

using namespace program;  // NOLINT(google-build-using-namespace): the instructions

/// A time that counts how often it is looked at.
struct CountedTime {
  std::size_t time = 0;
  static inline std::size_t looks = 0;

  operator std::size_t() const {  // NOLINT(google-explicit-constructor): as an integer
    ++looks;
    return time;
  }
};

/// Each value is read a few operations after it was written; one in 50 to the end.
std::vector<Life<CountedTime>> random_lives(std::size_t count) {
  const Random random{1, 0};
  std::vector<Life<CountedTime>> lives;
  for (std::size_t v = 0; v < count; ++v) {
    const std::size_t last_read = random.below(50, 2 * v) == 0 ? count : v + random.below(9, 2 * v + 1);
    lives.push_back({{v}, {last_read}});
  }
  return lives;
}

TEST_CASE("instructions: the sharing of buffers looks at each value a fixed number of times") {
  for (const std::size_t count : {500U, 8000U}) {
    CAPTURE(count);
    const auto lives = random_lives(count);
    CountedTime::looks = 0;
    shared_buffers(lives, count);
    CHECK(CountedTime::looks <= 8 * count);
  }
}

TEST_CASE("instructions: values that are needed at the same time have different buffers, and there are no more") {
  constexpr std::size_t count = 700;
  const auto lives = random_lives(count);
  const auto buffers = shared_buffers(lives, count);
  std::size_t most = 0;
  for (std::size_t now = 0; now < count; ++now) {
    std::multiset<std::size_t> held;
    for (std::size_t v = 0; v < count; ++v) {
      if (lives[v].written.time <= now && lives[v].last_read.time >= now) held.insert(buffers[v]);
    }
    const std::set<std::size_t> different(held.begin(), held.end());
    REQUIRE(different.size() == held.size());
    most = std::max(most, held.size());
  }
  CHECK(*std::max_element(buffers.begin(), buffers.end()) + 1 == most);
}

TEST_CASE("instructions: a value that is not written needs no buffer") {
  const std::vector<Life<std::size_t>> lives{{0, 1}, {9, 9}, {1, 2}, {2, 9}};
  CHECK(shared_buffers(lives, 3) == std::vector<std::size_t>{0, 0, 1, 0});
}

/// Three instructions per block; every fifth block's value is read by five blocks.
Program long_program(std::size_t blocks) {
  Program p;
  p.input.cols = 3;
  p.input.grid = {1.0F, -100, 100};
  p.output.scale = {1.0F};
  const FixedPoint one{1 << 30, 30}, half{1 << 30, 31};
  Ref x = 0, early = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto added = static_cast<std::int32_t>(b % 17) - 8;
    p.instructions.emplace_back(Sum{x, early, {half}, {half}});
    p.instructions.emplace_back(AddRow{static_cast<Ref>(3 * b + 1), {half}, {added, 3 * added, -added}});
    p.instructions.emplace_back(Rescale{static_cast<Ref>(3 * b + 2), {one}, {-100}, {100}});
    x = static_cast<Ref>(3 * b + 3);
    if (b % 5 == 0) early = x;
  }
  return p;
}

TEST_CASE("instructions: a program of some thousand of them runs") {
  const Program p = long_program(2000);
  const std::vector<std::int32_t> input{100, -100, 7, 1, 0, -1, -55, 99, 3};
  CHECK(Runner(p).run(input) == plain_run(p, input));
}

template <class... I>
std::set<std::string_view> names_of(const std::variant<I...>*) {
  return {I::traits.name...};
}

TEST_CASE("instructions: names tell them apart") {
  CHECK(names_of(static_cast<const Instruction*>(nullptr)).size() == std::variant_size_v<Instruction>);
}

TEST_CASE("instructions: operands, order, and what is kept") {
  Scan scan;
  scan.x = 7;
  CHECK(operands_of(Concatenate{3, 5}) == std::vector<Ref>{3, 5});
  CHECK(operands_of(scan) == std::vector<Ref>{7});
  CHECK(order_of(scan) == Order::forward);
  scan.backward = true;
  CHECK(order_of(scan) == Order::backward);
  ScanShear shear;
  shear.x = 6;
  shear.backward = true;
  CHECK(operands_of(shear) == std::vector<Ref>{6});
  CHECK(order_of(shear) == Order::backward);
  CHECK(kept_of(shear, 6) == Kept{6, 6});
  CHECK(order_of(Last{}) == Order::any);
  CHECK(kept_of(scan, 6) == Kept{6, 6});
  CHECK(kept_of(MeanPool{}, 6) == Kept{0, 6});
  CHECK(kept_of(Last{}, 6) == Kept{6, 0});
  CHECK(kept_of(Sign{}, 6) == Kept{});
}

}  // namespace
}  // namespace bitstate::tests

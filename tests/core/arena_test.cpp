#include "core/arena.h"

#include <doctest/doctest.h>

#include <cstdint>

namespace bitstate {
namespace {

TEST_CASE("arena: arrays are 64-byte aligned and do not overlap") {
  Arena arena;
  auto* const a = arena.array<char>(3);
  auto* const b = arena.array<double>(100);
  auto* const c = arena.array<char>(1);
  CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(b) % 64 == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(c) % 64 == 0);
  for (int i = 0; i < 100; ++i) b[i] = i;
  a[2] = 'x';
  c[0] = 'y';
  CHECK(b[99] == 99.0);
}

TEST_CASE("arena: after a reset an equal pass gets the same memory and the peak stays") {
  Arena arena;
  const auto pass = [&] {
    arena.reset();
    void* const first = arena.array<float>(1000);
    for (int i = 0; i < 100; ++i) arena.array<float>(100000);
    return first;
  };
  pass();
  void* const second = pass();
  const auto peak = arena.peak_bytes();
  CHECK(pass() == second);
  CHECK(arena.peak_bytes() == peak);
  CHECK(peak >= 100 * 100000 * sizeof(float));
}

}  // namespace
}  // namespace bitstate

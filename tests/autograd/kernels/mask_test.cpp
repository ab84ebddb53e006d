#include "autograd/kernels/mask.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace bitstate::tests {
namespace {

TEST_CASE("mask: numbers are kept where a bit is set, and what lies behind them stays") {
  for (std::size_t n = 0; n <= 70; ++n) {
    std::vector<std::uint8_t> bits(n / 8 + 1), marked(n + 1);
    for (std::size_t i = 0; i < n; ++i) marked[i] = (i * i + n) % 5 < 2 ? 1 : 0;
    kernels::pack_bits(n, marked.data(), bits.data());
    std::vector<float> g(n + 9, -3.0F);
    std::size_t dropped = 0;
    kernels::keep_marked(n, bits.data(), g.data());
    for (std::size_t i = 0; i < g.size(); ++i) {
      const bool kept = i >= n || marked[i] != 0;
      CHECK(g[i] == (kept ? -3.0F : 0.0F));
      dropped += kept ? 0 : 1;
    }
    CHECK(kernels::count_unmarked(n, bits.data()) == dropped);
  }
}

}  // namespace
}  // namespace bitstate::tests

#include "experiments/allocation/evolution.h"

#include "core/random.h"
#include "experiments/allocation/mixed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

/// A loss that falls by what each wide block is worth, and by pairs of neighbours.
struct Worth {
  Random random;
  std::vector<double> alone;
  std::set<WideBlocks> seen;
  std::size_t calls = 0;
  std::size_t most_wide = 0;

  explicit Worth(std::uint64_t seed, std::size_t blocks) : random{seed, 7} {
    for (std::size_t b = 0; b < blocks; ++b) alone.push_back(random.uniform(b));
  }
  [[nodiscard]] double loss(const WideBlocks& blocks) const {
    double sum = 10.0;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (blocks[b]) sum -= alone[b];
      if (b > 0 && blocks[b] && blocks[b - 1]) sum -= 0.3 * random.uniform(1000 + b);
    }
    return sum;
  }
  MeasureBlocks measure() {
    return [this](const WideBlocks& blocks, std::size_t) -> Measured {
      ++calls;
      seen.insert(blocks);
      most_wide = std::max(most_wide, count_wide(blocks));
      return Figures{loss(blocks), loss(blocks)};
    };
  }
};

TEST_CASE("evolution: never more wide blocks than it may have, and as many measurements as published") {
  for (const std::size_t most : {1U, 3U, 12U}) {
    Worth worth(1, 12);
    const auto all = evolve(12, most, Metric::mse, {}, worth.measure());
    CHECK(worth.calls == 40 + 5 * 20);
    CHECK(worth.most_wide == most);
    CHECK(all.size() == 40);
    CHECK(std::is_sorted(all.begin(), all.end(),
                         [](const Individual& a, const Individual& b) { return a.measured->loss < b.measured->loss; }));
  }
}

TEST_CASE("evolution: it finds better blocks than as many random ones") {
  std::size_t better = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Worth evolved(seed, 24);
    const double best = evolve(24, 6, Metric::mse, {.seed = seed}, evolved.measure()).front().measured->loss;
    Worth drawn(seed, 24);
    const EvolutionOptions random{.population = 140, .generations = 0, .seed = seed};
    better += best < evolve(24, 6, Metric::mse, random, drawn.measure()).front().measured->loss ? 1 : 0;
  }
  CHECK(better >= 18);
}

TEST_CASE("evolution: a seed gives the same blocks again, and another seed draws others") {
  const auto blocks_with = [](std::uint64_t seed) {
    Worth worth(3, 10);
    (void)evolve(10, 4, Metric::mse, {.seed = seed}, worth.measure());
    return worth.seen;
  };
  CHECK(blocks_with(5) == blocks_with(5));
  CHECK(blocks_with(5) != blocks_with(6));
}

TEST_CASE(
    "evolution: what diverges comes last, of equals the fewest wide blocks come first, and few blocks are enough") {
  const MeasureBlocks measure = [](const WideBlocks& blocks, std::size_t) -> Measured {
    if (blocks[0]) return std::nullopt;
    return Figures{1.0, 1.0};
  };
  const auto all = evolve(2, 2, Metric::mse, {}, measure);
  CHECK(all.front().blocks == WideBlocks{false, false});
  CHECK_FALSE(all.back().measured.has_value());
}

TEST_CASE("mixed: rules for activations and states are those of one block") {
  const std::string rules =
      "# text\n"
      "weight:*             4\n"
      "act:*               16   range=ema          # all\n"
      "?act:*_conv          12\n"
      "act:*.mixer*.u       12   range=ema\n"
      "state:*              16   granularity=channel\n"
      "?act:lm_head.y     none\n";
  CHECK(rules_of_block(rules, "layers.3") ==
        "?act:layers.3.*               16   range=ema\n"
        "?act:layers.3.*_conv          12\n"
        "?act:layers.3.mixer*.u       12   range=ema\n"
        "?state:layers.3.*              16   granularity=channel\n");
  CHECK(blocks_of({"weight:embedding", "act:layers.0.mixer.u", "weight:layers.0.norm", "act:layers.10.residual"}) ==
        std::vector<std::string>{"layers.0", "layers.10"});
}

}  // namespace
}  // namespace bitstate::experiments

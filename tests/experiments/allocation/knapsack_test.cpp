#include "experiments/allocation/knapsack.h"

#include "core/error.h"
#include "core/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace bitstate::experiments {
namespace {

using Items = std::vector<std::vector<Choice>>;

/// Up to five items of up to four choices; the sizes are multiples of 3, and some costs are equal or infinite.
Items made_up(std::uint64_t seed) {
  const Random random{1, seed};
  std::uint64_t next = 0;
  Items items(1 + random.below(5, next++));
  for (auto& item : items) {
    item.resize(1 + random.below(4, next++));
    for (Choice& choice : item) {
      choice.size = 3 * random.below(40, next++);
      choice.cost = static_cast<double>(random.below(12, next++));
      if (choice.cost == 11.0) choice.cost = std::numeric_limits<double>::infinity();
    }
    item.front().cost = std::isfinite(item.front().cost) ? item.front().cost : 20.0;
  }
  return items;
}

/// The least cost of all selections within `size`; infinite where none fits.
double brute_force(const Items& items, std::uint64_t size, std::size_t first = 0) {
  if (first == items.size()) return 0.0;
  double best = std::numeric_limits<double>::infinity();
  for (const Choice& choice : items[first]) {
    if (choice.size <= size) best = std::min(best, choice.cost + brute_force(items, size - choice.size, first + 1));
  }
  return best;
}

void check_sums(const Items& items, const Selection& selection, std::uint64_t size) {
  Selection sums;
  for (std::size_t i = 0; i < items.size(); ++i) {
    sums.size += items[i][selection.chosen[i]].size;
    sums.cost += items[i][selection.chosen[i]].cost;
  }
  CHECK(sums.size == selection.size);
  CHECK(sums.cost == selection.cost);
  CHECK(selection.size <= size);
}

}  // namespace

TEST_CASE("knapsack: no selection within a size is cheaper, and costs fall as sizes grow") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const Items items = made_up(seed);
    const Knapsack knapsack(items);
    double before = std::numeric_limits<double>::infinity();
    for (std::uint64_t size = 0; size < 620; size += 1 + seed % 7) {
      const auto best = knapsack.best(size);
      const double least = brute_force(items, size);
      REQUIRE(best.has_value() == std::isfinite(least));
      CHECK(best.has_value() == (size >= knapsack.least()));
      if (!best) continue;
      CHECK(best->cost == least);
      CHECK(best->cost <= before);
      before = best->cost;
      check_sums(items, *best, size);
    }
  }
}

TEST_CASE("knapsack: in coarse units a selection fits, and loses less than a unit per item") {
  constexpr std::size_t units = 20;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const Items items = made_up(seed);
    const Knapsack knapsack(items, units);
    const std::uint64_t unit = std::uint64_t{5} * 120 / units;  // or less
    for (std::uint64_t size = knapsack.least(); size < 620; size += 13) {
      const auto best = knapsack.best(size);
      REQUIRE(best.has_value());
      check_sums(items, *best, size);
      CHECK(best->cost >= brute_force(items, size));
      const std::uint64_t lost = items.size() * unit;
      if (size >= lost) CHECK(best->cost <= brute_force(items, size - lost));
    }
  }
}

TEST_CASE("knapsack: the front begins with the least size, and no point is both smaller and as cheap as another") {
  const Items items{{{8, 0.0}, {4, 1.0}, {2, 5.0}}, {{16, 0.0}, {8, 3.0}, {4, 3.0}}};
  const Knapsack knapsack(items);
  std::vector<std::uint64_t> sizes;
  std::vector<double> costs;
  for (std::size_t i = 0; i < knapsack.front_size(); ++i) {
    sizes.push_back(knapsack.front(i).size);
    costs.push_back(knapsack.front(i).cost);
  }
  CHECK(sizes == std::vector<std::uint64_t>{6, 8, 12, 20, 24});
  CHECK(costs == std::vector<double>{8.0, 4.0, 3.0, 1.0, 0.0});
}

TEST_CASE("knapsack: an item that can have no choice is an error") {
  const double never = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(Knapsack({{{1, never}}}), "[knapsack] an item has no choice of finite cost", Error);
}

}  // namespace bitstate::experiments

#include "experiments/allocation/knapsack.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

namespace bitstate::experiments {
namespace {

/// The smallest and the largest choice of finite cost.
std::pair<std::uint64_t, std::uint64_t> sizes_of(const std::vector<Choice>& item) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t largest = 0;
  for (const Choice& choice : item) {
    if (!std::isfinite(choice.cost)) continue;
    least = std::min(least, choice.size);
    largest = std::max(largest, choice.size);
  }
  require(least <= largest, "knapsack", "an item has no choice of finite cost");
  return {least, largest};
}

}  // namespace

Knapsack::Knapsack(const std::vector<std::vector<Choice>>& items, std::size_t most_units) : items_(items) {
  std::uint64_t divisor = 0;
  std::uint64_t range = 0;
  for (const auto& item : items_) {
    const auto [least, largest] = sizes_of(item);
    least_ += least;
    range += largest - least;
    for (const Choice& choice : item) {
      if (std::isfinite(choice.cost)) divisor = std::gcd(divisor, choice.size - least);
    }
  }
  unit_ = std::max<std::uint64_t>({1, divisor, (range + most_units - 1) / most_units});
  stages_.push_back({State{}});
  for (const auto& item : items_) add(item);
}

void Knapsack::add(const std::vector<Choice>& item) {
  const std::uint64_t least = sizes_of(item).first;
  std::vector<State> reached;
  const auto& before = stages_.back();
  for (std::size_t parent = 0; parent < before.size(); ++parent) {
    for (std::size_t c = 0; c < item.size(); ++c) {
      if (!std::isfinite(item[c].cost)) continue;
      const std::uint64_t units = (item[c].size - least + unit_ - 1) / unit_;
      reached.push_back({before[parent].units + units, before[parent].cost + item[c].cost, parent, c});
    }
  }
  std::sort(reached.begin(), reached.end(), [](const State& a, const State& b) {
    return std::tie(a.units, a.cost, a.parent, a.choice) < std::tie(b.units, b.cost, b.parent, b.choice);
  });
  std::vector<State> kept;
  for (const State& state : reached) {
    if (kept.empty() || state.cost < kept.back().cost) kept.push_back(state);
  }
  stages_.push_back(std::move(kept));
}

std::optional<Selection> Knapsack::best(std::uint64_t size) const {
  if (size < least_) return std::nullopt;
  const auto& last = stages_.back();
  const auto beyond = std::upper_bound(last.begin(), last.end(), (size - least_) / unit_,
                                       [](std::uint64_t units, const State& state) { return units < state.units; });
  return front(static_cast<std::size_t>(beyond - last.begin()) - 1);
}

Selection Knapsack::front(std::size_t index) const {
  Selection selection;
  selection.chosen.resize(items_.size());
  selection.cost = stages_.back()[index].cost;
  for (std::size_t i = items_.size(); i-- > 0;) {
    const State& state = stages_[i + 1][index];
    selection.chosen[i] = state.choice;
    selection.size += items_[i][state.choice].size;
    index = state.parent;
  }
  return selection;
}

}  // namespace bitstate::experiments

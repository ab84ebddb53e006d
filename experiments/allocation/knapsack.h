// The multiple-choice knapsack: one choice of each item, so that the sum of the costs is least within a size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace bitstate::experiments {

struct Choice {
  std::uint64_t size = 0;
  double cost = 0.0;  ///< at least 0; infinite: never taken
};

struct Selection {
  std::vector<std::size_t> chosen;  ///< index of the choice of each item
  std::uint64_t size = 0;
  double cost = 0.0;
};

/// Dynamic programming over sizes, which gives the best selections of all sizes at once. It is exact where all sizes
/// that a selection can have above the least one are fewer than `most_units` multiples of their greatest common
/// divisor. Else sizes are counted in coarser units, rounded up: a selection always fits, and per item less than a unit
/// is left unused.
class Knapsack {
 public:
  /// Throws Error for an item that has no choice of finite cost.
  explicit Knapsack(const std::vector<std::vector<Choice>>& items, std::size_t most_units = std::size_t{1} << 15U);

  /// The least size of a selection.
  [[nodiscard]] std::uint64_t least() const { return least_; }
  /// The cheapest selection of at most this size; nothing below the least one.
  [[nodiscard]] std::optional<Selection> best(std::uint64_t size) const;
  /// The selections for which no other is both smaller and as cheap, from the least on.
  [[nodiscard]] std::size_t front_size() const { return stages_.back().size(); }
  [[nodiscard]] Selection front(std::size_t index) const;

 private:
  /// A selection of the first items: that of the stage before, and a choice.
  struct State {
    std::uint64_t units = 0;
    double cost = 0.0;
    std::size_t parent = 0;
    std::size_t choice = 0;
  };
  void add(const std::vector<Choice>& item);

  const std::vector<std::vector<Choice>> items_;
  std::uint64_t least_ = 0;
  std::uint64_t unit_ = 1;
  std::vector<std::vector<State>> stages_;  // of each: the units grow and the costs fall
};

}  // namespace bitstate::experiments

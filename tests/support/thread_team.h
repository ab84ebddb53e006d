// Threads as a team: what MPI does between processes, within one.
#pragma once

#include "experiments/training/team.h"

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace bitstate::tests {

class ThreadTeam final : public Team {
 public:
  /// What the ranks show each other.
  struct Table {
    explicit Table(std::size_t size) : ranks(size), meet(static_cast<std::ptrdiff_t>(size)) {}
    struct Shown {
      std::span<const std::byte> bytes;
      std::span<const std::size_t> begins;
    };
    std::vector<Shown> ranks;
    std::barrier<> meet;
  };

  ThreadTeam(std::shared_ptr<Table> table, std::size_t rank) : table_(std::move(table)), rank_(rank) {}
  [[nodiscard]] std::size_t rank() const override { return rank_; }
  [[nodiscard]] std::size_t size() const override { return table_->ranks.size(); }

 private:
  void gather_bytes(std::span<std::byte> all, std::span<const std::size_t> begins) override {
    table_->ranks[rank_] = {all, begins};
    table_->meet.arrive_and_wait();
    for (std::size_t r = 0; r < size(); ++r) {
      if (r == rank_) continue;
      const auto part = table_->ranks[r].bytes.subspan(begins[r], begins[r + 1] - begins[r]);
      std::copy(part.begin(), part.end(), all.begin() + static_cast<std::ptrdiff_t>(begins[r]));
    }
    table_->meet.arrive_and_wait();
  }
  void scatter_bytes(std::span<const std::byte> own, std::span<const std::size_t> begins,
                     std::span<std::byte> parts) override {
    table_->ranks[rank_] = {own, begins};
    table_->meet.arrive_and_wait();
    auto to = parts.begin();
    for (const auto& other : table_->ranks) {
      const auto part = other.bytes.subspan(begins[rank_], begins[rank_ + 1] - begins[rank_]);
      to = std::copy(part.begin(), part.end(), to);
    }
    table_->meet.arrive_and_wait();
  }

  std::shared_ptr<Table> table_;
  std::size_t rank_;
};

/// Calls f with each rank of a team, on a thread of its own; f must not throw.
inline void with_team(std::size_t size, const std::function<void(std::shared_ptr<Team>)>& f) {
  const auto table = std::make_shared<ThreadTeam::Table>(size);
  std::vector<std::thread> ranks;
  for (std::size_t r = 0; r < size; ++r) ranks.emplace_back([&, r] { f(std::make_shared<ThreadTeam>(table, r)); });
  for (auto& rank : ranks) rank.join();
}

}  // namespace bitstate::tests

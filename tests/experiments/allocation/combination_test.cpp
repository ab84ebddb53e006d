#include "experiments/allocation/combination.h"

#include "core/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace bitstate::experiments {
namespace {

using Chosen = std::vector<std::size_t>;

/// Four sites of 8, 4 and 2 bits, of sizes 8, 16, 24 and 32 times that.
Problem four_sites(const Random& random) {
  Problem problem{Metric::mse, std::vector<std::vector<Choice>>(4)};
  for (std::size_t i = 0; i < 4; ++i) {
    double cost = 0.0;
    for (const std::uint64_t bits : {8U, 4U, 2U}) {
      problem.sites[i].push_back({bits * 8 * (i + 1), cost});
      cost += random.uniform(8 * i + bits);
    }
  }
  return problem;
}

double additive(const Problem& problem, const Chosen& chosen) {
  double cost = 0.0;
  for (std::size_t i = 0; i < chosen.size(); ++i) cost += problem.sites[i][chosen[i]].cost;
  return cost;
}

std::uint64_t size_of(const Problem& problem, const Chosen& chosen) {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) size += problem.sites[i][chosen[i]].size;
  return size;
}

Measured figures(double value) { return Figures{value, value}; }

/// The smallest value of all 81 combinations that fit.
double best_value(const Problem& problem, std::uint64_t size, const Measure& measure) {
  double best = 1e9;
  for (std::size_t code = 0; code < 81; ++code) {
    const Chosen chosen{code % 3, code / 3 % 3, code / 9 % 3, code / 27};
    if (size_of(problem, chosen) <= size) best = std::min(best, measure(chosen)->metric);
  }
  return best;
}

const Combination& best_of(const Answer& answer) { return answer.uniform_wins ? *answer.uniform : answer.allocated; }

}  // namespace

TEST_CASE("combination: where costs are additive the answer is the best of all combinations") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Problem problem = four_sites({2, seed});
    const Measure measure = [&](const Chosen& chosen) { return figures(additive(problem, chosen)); };
    for (std::uint64_t size = 160; size <= 640; size += 60) {
      const Answer answer = within_size(problem, size, measure);
      CHECK(best_of(answer).measured->metric == doctest::Approx(best_value(problem, size, measure)));
      CHECK(best_of(answer).size == size_of(problem, best_of(answer).chosen));
      CHECK(best_of(answer).size <= size);
    }
  }
}

TEST_CASE("combination: whatever widths do together, the answer fits and is never worse than a uniform width") {
  std::size_t uniform_wins = 0;
  std::size_t corrected = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const Random random{3, seed};
    const Problem problem = four_sites(random);
    std::set<Chosen> asked;
    const Measure measure = [&](const Chosen& chosen) -> Measured {  // nothing to do with the costs
      asked.insert(chosen);
      const std::uint64_t code = chosen[0] + 3 * chosen[1] + 9 * chosen[2] + 27 * chosen[3];
      if (random.below(10, 1000 + code) == 0) return std::nullopt;
      return figures(random.uniform(2000 + code));
    };
    const std::uint64_t size = 160 + random.below(480, 500);
    const Answer answer = within_size(problem, size, measure);
    CHECK(best_of(answer).size <= size);
    CHECK(best_of(answer).size == size_of(problem, best_of(answer).chosen));
    CHECK(asked.size() <= 3 + 5 + 1 + 3 * 8);
    for (std::size_t width = 0; width < 3; ++width) {
      const Combination same = uniform(problem, width, measure);
      if (same.size <= size) CHECK_FALSE(is_better(problem.metric, same.measured, best_of(answer).measured));
    }
    for (const Combination& point : along_front(problem, measure)) {
      if (point.size <= size) CHECK_FALSE(is_better(problem.metric, point.measured, best_of(answer).measured));
    }
    uniform_wins += answer.uniform_wins ? 1 : 0;
    corrected += answer.allocated.chosen != Knapsack(problem.sites).best(size)->chosen ? 1 : 0;
  }
  CHECK(uniform_wins > 10);  // both happen
  CHECK(uniform_wins < 290);
  CHECK(corrected > 100);
}

TEST_CASE("combination: the widths for a goal reach it, and no uniform width that does is smaller") {
  std::size_t none = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const Random random{4, seed};
    const Problem problem = four_sites(random);
    const double chance = seed % 2 == 0 ? 0.0 : 1.0;
    const Measure measure = [&](const Chosen& chosen) {
      const std::uint64_t code = chosen[0] + 3 * chosen[1] + 9 * chosen[2] + 27 * chosen[3];
      return figures(0.1 + additive(problem, chosen) + chance * random.uniform(2000 + code));
    };
    const double goal = 1.5 * random.uniform(900);
    const auto answer = reaching(problem, goal, measure);
    none += answer ? 0 : 1;
    for (std::size_t width = 0; width < 3; ++width) {
      const Combination same = uniform(problem, width, measure);
      if (!reaches(problem.metric, same.measured, goal)) continue;
      REQUIRE(answer.has_value());
      CHECK(best_of(*answer).size <= same.size);
    }
    if (!answer) continue;
    CHECK(measure(best_of(*answer).chosen)->metric <= goal);
    CHECK(best_of(*answer).size == size_of(problem, best_of(*answer).chosen));
  }
  CHECK(none > 10);
  CHECK(none < 150);
}

TEST_CASE("combination: the better metric counts, of equal ones the lower loss, and to diverge is worst") {
  CHECK(is_better(Metric::accuracy, Figures{2.0, 0.9}, Figures{1.0, 0.8}));
  CHECK(is_better(Metric::mse, Figures{2.0, 0.8}, Figures{1.0, 0.9}));
  CHECK(is_better(Metric::accuracy, Figures{1.0, 0.9}, Figures{2.0, 0.9}));
  CHECK_FALSE(is_better(Metric::accuracy, Figures{1.0, 0.9}, Figures{1.0, 0.9}));
  CHECK(is_better(Metric::mse, Figures{9.0, 9.0}, std::nullopt));
  CHECK_FALSE(is_better(Metric::mse, std::nullopt, std::nullopt));
  CHECK(reaches(Metric::accuracy, Figures{1.0, 0.9}, 0.9));
  CHECK_FALSE(reaches(Metric::accuracy, Figures{1.0, 0.9}, 0.91));
  CHECK_FALSE(reaches(Metric::mse, std::nullopt, 0.91));
}

}  // namespace bitstate::experiments

#include "experiments/allocation/combination.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace bitstate::experiments {
namespace {

constexpr std::size_t most_rounds = 3;
constexpr std::size_t most_tries = 8;  // of a round

/// Another combination, and what it should cost more than the one it is made from, if costs were additive.
struct Move {
  std::vector<std::size_t> chosen;
  std::uint64_t size = 0;
  double cost = 0.0;
};

/// `from` with another width of a site; a cost that is not finite where the width is never taken.
Move moved(const Problem& problem, const Move& from, std::size_t site, std::size_t width) {
  Move move = from;
  const Choice& before = problem.sites[site][from.chosen[site]];
  const Choice& after = problem.sites[site][width];
  move.chosen[site] = width;
  move.size = from.size - before.size + after.size;
  move.cost = from.cost + after.cost - before.cost;
  return move;
}

/// The most promising first.
std::vector<Move> most_promising(std::vector<Move> moves) {
  std::erase_if(moves, [](const Move& move) { return !std::isfinite(move.cost); });
  std::sort(moves.begin(), moves.end(), [](const Move& a, const Move& b) {
    return std::tie(a.cost, a.size, a.chosen) < std::tie(b.cost, b.size, b.chosen);
  });
  moves.resize(std::min(moves.size(), most_tries));
  return moves;
}

/// One site a step wider, and as many of the others, one by one, a step narrower, as it takes to fit: none or one.
std::vector<Move> exchanges(const Problem& problem, const Combination& from, std::uint64_t size) {
  const Move start{from.chosen, from.size, 0.0};
  std::vector<Move> moves;
  for (std::size_t wider = 0; wider < problem.sites.size(); ++wider) {
    if (from.chosen[wider] == 0) continue;
    const Move widened = moved(problem, start, wider, from.chosen[wider] - 1);
    if (widened.size <= size) moves.push_back(widened);
    for (std::size_t other = 0; other < problem.sites.size(); ++other) {
      if (other == wider || from.chosen[other] + 1 >= problem.sites[other].size()) continue;
      Move move = moved(problem, widened, other, from.chosen[other] + 1);
      if (move.size <= size) moves.push_back(std::move(move));
    }
  }
  return moves;
}

/// One site a step narrower.
std::vector<Move> narrowings(const Problem& problem, const Combination& from) {
  std::vector<Move> moves;
  for (std::size_t site = 0; site < problem.sites.size(); ++site) {
    if (from.chosen[site] + 1 >= problem.sites[site].size()) continue;
    Move move = moved(problem, {from.chosen, from.size, 0.0}, site, from.chosen[site] + 1);
    if (move.size < from.size) moves.push_back(std::move(move));
  }
  return moves;
}

Combination exchanged(const Problem& problem, Combination best, std::uint64_t size, const Measure& measure) {
  for (std::size_t round = 0; round < most_rounds; ++round) {
    Combination next = best;
    for (const Move& move : most_promising(exchanges(problem, best, size))) {
      const Measured measured = measure(move.chosen);
      if (is_better(problem.metric, measured, next.measured)) next = {move.chosen, move.size, measured};
    }
    if (next.chosen == best.chosen) break;
    best = std::move(next);
  }
  return best;
}

Combination narrowed(const Problem& problem, Combination best, double goal, const Measure& measure) {
  for (bool found = true; found;) {
    found = false;
    for (const Move& move : most_promising(narrowings(problem, best))) {
      const Measured measured = measure(move.chosen);
      if (!reaches(problem.metric, measured, goal)) continue;
      best = {move.chosen, move.size, measured};
      found = true;
      break;
    }
  }
  return best;
}

/// The uniform combinations, the widest first.
std::vector<Combination> uniform_ones(const Problem& problem, const Measure& measure) {
  std::vector<Combination> all;
  for (std::size_t w = 0; w < problem.sites.front().size(); ++w) all.push_back(uniform(problem, w, measure));
  return all;
}

Combination combined(const Selection& selection, const Measure& measure) {
  return {selection.chosen, selection.size, measure(selection.chosen)};
}

}  // namespace

Combination uniform(const Problem& problem, std::size_t width, const Measure& measure) {
  Combination combination;
  combination.chosen.assign(problem.sites.size(), width);
  for (const auto& site : problem.sites) combination.size += site[width].size;
  combination.measured = measure(combination.chosen);
  return combination;
}

std::vector<Combination> along_front(const Problem& problem, const Measure& measure) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t w = 0; w < problem.sites.front().size(); ++w) {
    std::uint64_t size = 0;
    for (const auto& site : problem.sites) size += site[w].size;
    if (w > 0) sizes.push_back((sizes.back() + size) / 2);
    sizes.push_back(size);
  }
  const Knapsack knapsack(problem.sites);
  std::vector<Combination> all;
  for (const std::uint64_t size : sizes) {
    const auto selection = knapsack.best(size);
    if (!selection || (!all.empty() && all.back().chosen == selection->chosen)) continue;
    all.push_back(combined(*selection, measure));
  }
  return all;
}

Answer within_size(const Problem& problem, std::uint64_t size, const Measure& measure) {
  Answer answer;
  for (Combination& row : uniform_ones(problem, measure)) {
    if (row.size > size) continue;
    if (!answer.uniform || is_better(problem.metric, row.measured, answer.uniform->measured)) {
      answer.uniform = std::move(row);
    }
  }
  Combination start = combined(*Knapsack(problem.sites).best(size), measure);
  for (Combination& point : along_front(problem, measure)) {
    if (point.size <= size && is_better(problem.metric, point.measured, start.measured)) start = std::move(point);
  }
  answer.allocated = exchanged(problem, std::move(start), size, measure);
  answer.uniform_wins =
      answer.uniform && !is_better(problem.metric, answer.allocated.measured, answer.uniform->measured);
  return answer;
}

std::optional<Answer> reaching(const Problem& problem, double goal, const Measure& measure) {
  Answer answer;
  for (Combination& row : uniform_ones(problem, measure)) {
    if (!reaches(problem.metric, row.measured, goal)) continue;
    if (!answer.uniform || row.size < answer.uniform->size) answer.uniform = std::move(row);
  }
  const Knapsack knapsack(problem.sites);
  const auto at = [&](std::size_t index) { return combined(knapsack.front(index), measure); };
  std::size_t last = knapsack.front_size() - 1;  // reaches the goal, if any does
  Combination found = at(last);
  if (!reaches(problem.metric, found.measured, goal)) {
    if (!answer.uniform) return std::nullopt;
    found = *answer.uniform;  // narrowed from there
    last = 0;
  }
  for (std::size_t first = 0; first < last;) {
    const std::size_t middle = first + (last - first) / 2;
    Combination candidate = at(middle);
    if (reaches(problem.metric, candidate.measured, goal)) {
      found = std::move(candidate);
      last = middle;
    } else {
      first = middle + 1;
    }
  }
  for (Combination& point : along_front(problem, measure)) {
    if (point.size < found.size && reaches(problem.metric, point.measured, goal)) found = std::move(point);
  }
  answer.allocated = narrowed(problem, std::move(found), goal, measure);
  answer.uniform_wins = answer.uniform && answer.uniform->size <= answer.allocated.size;
  return answer;
}

}  // namespace bitstate::experiments

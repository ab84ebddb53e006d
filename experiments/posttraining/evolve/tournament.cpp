#include "experiments/posttraining/evolve/tournament.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bitstate {
namespace {

std::vector<double> mutated(const std::vector<double>& parent, const std::vector<double>& steps, bool relative,
                            const std::function<double()>& draw) {
  std::vector<double> child;
  for (std::size_t i = 0; i < parent.size(); ++i) {
    const double move = steps[i] * (2.0 * draw() - 1.0);
    child.push_back(std::fabs(relative ? parent[i] * (1.0 + move) : parent[i] + move));
  }
  return child;
}

/// Ahead of all that are worse; a loss that is no number is the worst.
bool is_better(double loss, double than) { return loss < than || (std::isnan(than) && !std::isnan(loss)); }

}  // namespace

std::vector<Candidate> next_population(const std::vector<Candidate>& population, const std::vector<double>& steps,
                                       const TournamentOptions& options, const TournamentCalls& calls) {
  std::vector<Candidate> grown = population;
  for (std::size_t c = 0; c < options.children; ++c) {
    std::size_t parent = population.size();  // the smallest place: they are sorted
    for (std::size_t i = 0; i < options.picks; ++i) {
      parent = std::min(parent, static_cast<std::size_t>(static_cast<double>(population.size()) * calls.draw()));
    }
    Candidate child{mutated(population[parent].ranges, steps, options.relative, calls.draw)};
    child.loss = calls.loss(child.ranges);
    const auto worse = [&](const Candidate& other) { return is_better(child.loss, other.loss); };
    grown.insert(std::find_if(grown.begin(), grown.end(), worse), std::move(child));
  }
  grown.resize(population.size());
  return grown;
}

Candidate visit_block(const Candidate& start, const std::vector<double>& steps, const TournamentOptions& options,
                      const TournamentCalls& calls) {
  std::vector<Candidate> population(options.population, start);
  for (std::size_t cycle = 0; cycle < options.cycles; ++cycle) {
    population = next_population(population, steps, options, calls);
  }
  return population.front();
}

}  // namespace bitstate

// The evolution of a block's ranges as Evol-Q published it (arXiv 2308.10814): tournaments in a small population that
// begins with copies of the ranges as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace bitstate {

struct TournamentOptions {
  std::size_t population = 15;
  std::size_t picks = 10;    ///< draws with replacement, of which the best becomes the parent
  std::size_t cycles = 3;    ///< of a visit
  std::size_t children = 1;  ///< of a cycle, all of the population before it
  bool relative = true;      ///< child = |r (1 + d u)|, d the knob's step and u uniform in [-1, 1); else |r + d u|
};

/// The ranges of a block and what they lose. A loss that is not finite is that of ranges that make no program.
struct Candidate {
  std::vector<double> ranges;
  double loss = 0.0;
};

struct TournamentCalls {
  std::function<double()> draw;                            ///< uniform in [0, 1), in the order of use
  std::function<double(const std::vector<double>&)> loss;  ///< of ranges; may throw to end the search
};

/// The population after a cycle, as large as before and the best first. Children stand behind their equals, and the
/// worst make room for them. `steps` has one d for each range.
std::vector<Candidate> next_population(const std::vector<Candidate>& population, const std::vector<double>& steps,
                                       const TournamentOptions& options, const TournamentCalls& calls);

/// The best after all cycles of a population that begins with copies of `start`: never worse than it. The start is not
/// evaluated again.
Candidate visit_block(const Candidate& start, const std::vector<double>& steps, const TournamentOptions& options,
                      const TournamentCalls& calls);

}  // namespace bitstate

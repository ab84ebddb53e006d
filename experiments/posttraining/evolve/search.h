// The search for the ranges of a quantized model: passes over its blocks, a visit of each (tournament.h) by what the
// outputs lose (objective.h). The result is the best state that a pass left, by sequences that the search did not see.
#pragma once

#include "core/random.h"
#include "experiments/posttraining/evolve/knobs.h"
#include "experiments/posttraining/evolve/objective.h"
#include "experiments/posttraining/evolve/tournament.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace bitstate {

/// What a visit left.
struct VisitRecord {
  std::size_t pass = 0;
  std::size_t block = 0;
  double evaluations = 0.0;  ///< so far, of the search's sequences
  double loss = 0.0;
  double held_out = std::numeric_limits<double>::quiet_NaN();  ///< behind the last visit of a pass
  double seconds = 0.0;                                        ///< so far
};

/// Where a search stands: what a stopped one goes on from.
struct SearchState {
  std::vector<std::vector<double>> ranges, best;  ///< of each block
  double best_held_out = std::numeric_limits<double>::infinity();
  std::vector<VisitRecord> visits;
};

struct SearchSettings {
  TournamentOptions tournament = {};
  std::size_t passes = 10;
  double step = 0.02;         ///< of a knob: the d of TournamentOptions
  double step_of_few = 0.05;  ///< of activations and states of at most 4 bits
  bool last_first = false;    ///< the order of the blocks
  double seconds = 0.0;       ///< after which it ends; 0: never
  std::uint64_t seed = 0;
};

struct SearchCalls {
  std::function<void(const SearchState&)> visited = {};  ///< after each visit
};

/// Before the first visit.
SearchState start_of(const std::vector<Block>& blocks);

/// Number i of the draws of visit v of a pass is Random{seed, random_stream("evolve", pass * blocks + v)}.uniform(i).
/// Goes on from `state`, which is of the same search. In the end the model has the best ranges. Throws
/// TransformStopped, when the model has those of the last visit, and what the objectives throw.
void search_ranges(const std::vector<Block>& blocks, Objective& objective, Objective& held_out,
                   const SearchSettings& settings, SearchState& state, const SearchCalls& calls = {});

}  // namespace bitstate

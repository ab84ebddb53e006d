// Which blocks of a model get the wider of two formats: an evolution as Quamba2 published it (arXiv 2503.22879).
#pragma once

#include "experiments/allocation/measured.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace bitstate::experiments {

/// For each block whether it is wide.
using WideBlocks = std::vector<bool>;

std::size_t count_wide(const WideBlocks& blocks);

struct EvolutionOptions {
  std::size_t population = 40;
  std::size_t generations = 5;
  std::size_t mutations = 10;   ///< children of a generation that are changed copies of one of the better half
  std::size_t crossovers = 10;  ///< and those that mix two of them; both together at most the worse half
  std::uint64_t seed = 0;
};

struct Individual {
  WideBlocks blocks;
  Measured measured;
};

/// Measures a choice of blocks; may throw to end the search.
using MeasureBlocks = std::function<Measured(const WideBlocks& blocks, std::size_t generation)>;

/// The last population, the best first, of `blocks` blocks of which at most `most` are wide. The first population is
/// drawn; then in each generation the better half stays, and children take the places of the others. Of equals the one
/// with fewer wide blocks is better. Draws depend on the seed and on what is measured.
std::vector<Individual> evolve(std::size_t blocks, std::size_t most, Metric metric, const EvolutionOptions& options,
                               const MeasureBlocks& measure);

}  // namespace bitstate::experiments

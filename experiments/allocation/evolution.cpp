#include "experiments/allocation/evolution.h"

#include "experiments/allocation/draws.h"

#include <algorithm>

namespace bitstate::experiments {
namespace {

constexpr double flip_probability = 0.1;
constexpr std::size_t most_redraws = 20;  // of a child that is there already

class Population {
 public:
  Population(std::size_t blocks, std::size_t most, Metric metric, const EvolutionOptions& options,
             const MeasureBlocks& measure)
      : blocks_(blocks),
        most_(most),
        metric_(metric),
        options_(options),
        measure_(measure),
        draws_(options.seed, "evolution of blocks") {}

  std::vector<Individual> run() {
    add(options_.population, 0, [&] { return drawn(); });
    sort();
    for (std::size_t g = 1; g <= options_.generations; ++g) {
      individuals_.resize(kept());
      add(options_.mutations, g, [&] { return mutated(parent()); });
      add(options_.crossovers, g, [&] { return crossed(parent()); });
      sort();
    }
    return std::move(individuals_);
  }

 private:
  [[nodiscard]] std::size_t kept() const { return std::max<std::size_t>(options_.population / 2, 1); }
  /// One of the better half, which children may follow by now.
  WideBlocks parent() { return individuals_[draws_.below(kept())].blocks; }

  template <class Draw>
  void add(std::size_t count, std::size_t generation, const Draw& draw) {
    for (std::size_t i = 0; i < count; ++i) {
      WideBlocks child = draw();
      for (std::size_t tries = 0; is_there(child) && tries < most_redraws; ++tries) child = draw();
      individuals_.push_back({child, measure_(child, generation)});
    }
  }

  [[nodiscard]] bool is_there(const WideBlocks& blocks) const {
    return std::any_of(individuals_.begin(), individuals_.end(),
                       [&](const Individual& one) { return one.blocks == blocks; });
  }

  /// Of as many wide blocks as there may be.
  WideBlocks drawn() {
    WideBlocks blocks(blocks_, true);
    return narrowed(std::move(blocks));
  }
  WideBlocks mutated(WideBlocks blocks) {
    blocks[draws_.below(blocks_)].flip();
    for (std::size_t b = 0; b < blocks_; ++b) {
      if (draws_.chance(flip_probability)) blocks[b].flip();
    }
    return narrowed(std::move(blocks));
  }
  WideBlocks crossed(WideBlocks blocks) {
    const WideBlocks other = parent();
    for (std::size_t b = 0; b < blocks_; ++b) {
      if (draws_.chance(0.5)) blocks[b] = other[b];
    }
    return narrowed(std::move(blocks));
  }
  /// Without some of the wide blocks, where there are too many.
  WideBlocks narrowed(WideBlocks blocks) {
    for (std::size_t wide = count_wide(blocks); wide > most_; --wide) {
      std::size_t nth = draws_.below(wide);
      for (std::size_t b = 0; b < blocks_; ++b) {
        if (blocks[b] && nth-- == 0) {
          blocks[b] = false;
          break;
        }
      }
    }
    return blocks;
  }

  void sort() {
    std::stable_sort(individuals_.begin(), individuals_.end(), [this](const Individual& a, const Individual& b) {
      if (is_better(metric_, a.measured, b.measured)) return true;
      if (is_better(metric_, b.measured, a.measured)) return false;
      return count_wide(a.blocks) < count_wide(b.blocks);
    });
  }

  std::size_t blocks_, most_;
  Metric metric_;
  const EvolutionOptions& options_;
  const MeasureBlocks& measure_;
  Draws draws_;
  std::vector<Individual> individuals_;
};

}  // namespace

std::size_t count_wide(const WideBlocks& blocks) {
  return static_cast<std::size_t>(std::count(blocks.begin(), blocks.end(), true));
}

std::vector<Individual> evolve(std::size_t blocks, std::size_t most, Metric metric, const EvolutionOptions& options,
                               const MeasureBlocks& measure) {
  return Population(blocks, most, metric, options, measure).run();
}

}  // namespace bitstate::experiments

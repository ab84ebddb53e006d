#include "experiments/posttraining/perturb.h"

#include "core/error.h"
#include "core/random.h"
#include "experiments/posttraining/evolve/knobs.h"

#include <cstdint>

namespace bitstate {

void perturb(const TransformTarget& target, const PerturbOptions& options) {
  constexpr std::size_t one_block = 1;
  const Block block = blocks_of(target.inventory, one_block).front();
  require<UsageError>(!block.empty(), "perturb", "no site of this model keeps a range");
  const Random random{target.seed, random_stream("perturb", options.draw)};
  std::vector<double> ranges = ranges_of(block);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ranges[i] *= (1.0 + options.by) * (1.0 + options.random * (2.0 * random.uniform(i) - 1.0));
  }
  set_ranges(block, ranges);
}

Transform perturb_transform() {
  using P = PerturbOptions;
  OptionTable<P> options("perturb");
  options.real("perturb.by", "PART", &P::by, {-0.99, 1e3}, "all ranges grow by this part of them");
  options.real("perturb.random", "PART", &P::random, {0.0, 0.99}, "each range moves by up to this part of it");
  options.whole("perturb.draw", "N", &P::draw, 0, 1000000, "of the random moves");
  return transform_of({.name = "perturb",
                       .help = "move all ranges at once, to see what depends on them",
                       .needs_calibration = true,
                       .keeps_float_output = true,
                       .after_calibration = true},
                      options, perturb);
}

}  // namespace bitstate

// The transform `evolve`: ranges searched by what the outputs of the quantized model lose against the float model, as
// in Evol-Q (arXiv 2308.10814) and CPT-V (arXiv 2211.09643), with the ranges of activations and states among them.
#pragma once

#include "experiments/posttraining/transform.h"

#include <cstddef>
#include <string>

namespace bitstate {

/// The defaults are those of bitstate; preset evolq has those of the published code.
struct EvolveOptions {
  std::string loss = "mse";  ///< or kl, infonce: of classes only
  std::size_t passes = 10;   ///< over all blocks
  std::size_t cycles = 3;    ///< of a visit of a block
  std::size_t population = 15;
  std::size_t picks = 10;     ///< of a tournament
  std::size_t children = 1;   ///< of a cycle
  double step = 0.02;         ///< largest relative move of a range; absolute unless `relative`
  double step_of_few = 0.05;  ///< of activations and states of at most 4 bits
  bool relative = true;
  std::string ranges = "all";    ///< or weights
  std::string order = "first";   ///< the block that a pass begins with, or last
  std::size_t sequences = 1000;  ///< of the training part, that the search sees; at most two thirds of it
  std::size_t held_out = 500;    ///< further ones, by which it keeps the best
  std::size_t batch = 100;       ///< outputs that infonce compares
  double temperature = 3.0;      ///< of infonce
  double seconds = 0.0;          ///< after which it ends with the best so far; 0: never
};

/// Moves all ranges that the sites keep (search.h). Throws UsageError for a model without kept ranges or with ranges
/// that are taken anew in every pass, for a model without a program, for a loss that the outputs have not, and for a
/// training part of one sequence; TransformStopped; Error for a damaged or another file to go on from.
void evolve(const TransformTarget& target, const EvolveOptions& options);

Transform evolve_transform();

}  // namespace bitstate

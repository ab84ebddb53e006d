// How many floating-point operations the nodes of a tape stand for.
#pragma once

#include "autograd/tape.h"

namespace bitstate::experiments {

/// Of one node: an element of a product of matrices counts 2 for each factor, a complex step of a scan 8, a step of a
/// selective scan 9 for each state, a convolution 2 for each tap, and every other element 1. Backward does as much for
/// each of the first two operands that needs a gradient, and nothing where none does. Codes count as the numbers that
/// they stand for.
struct Flops {
  double forward = 0.0;
  double backward = 0.0;
};

Flops flops_of(const Tape& tape, const Node& node);

}  // namespace bitstate::experiments

// Gradients against central differences of the float forward.
#pragma once

#include "autograd/tape.h"
#include "core/random.h"

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests {

/// Inputs of an op: each a parameter [rows, cols] with random values in [low, high).
struct Leaf {
  std::size_t rows;
  std::size_t cols;
  double low = -1.0;
  double high = 1.0;
};

/// One op on some leaves. `build` appends the op to the tape and returns the value whose gradient is checked.
struct GradientCase {
  std::string op;  ///< the file of autograd/ops that it checks
  std::string what;
  std::vector<Leaf> leaves;
  std::function<Value(Tape&, const std::vector<Value>&)> build;
  double step = 0.01;       ///< of the differences; small against the distance to any kink
  double tolerance = 1e-3;  ///< relative to the largest derivative of the leaf
};

/// The largest |analytic - numeric| of all leaves' elements, relative to the largest numeric derivative of the leaf;
/// the derivatives are those of a random linear function of the output. The numeric ones are Richardson's extrapolation
/// of steps h and h / 2.
double gradient_error(const GradientCase& test);

}  // namespace bitstate::tests

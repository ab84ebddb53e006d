// How parameters begin, whatever layer they belong to. Double precision, rounded once to float.
#pragma once

#include "core/random.h"
#include "core/tensor.h"

#include <cstddef>

namespace bitstate {

/// The factor of Random::truncated_normal() that gives numbers of this variance.
double truncated_normal_factor(double variance);

/// Weight [out, in] of a dense layer: truncated normal of variance 1 / in (LeCun), by row-major element index.
Tensor lecun_normal(std::size_t out, std::size_t in, const Random& random);

/// [rows, cols], uniform in [-limit, limit), by row-major element index.
Tensor uniform(std::size_t rows, std::size_t cols, double limit, const Random& random);

}  // namespace bitstate

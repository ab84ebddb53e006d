// How far the outputs of a quantized model are from those of the float model: rows [n, cols], row-major, of the first
// (q) and of the second (k).
#pragma once

#include <cstddef>
#include <span>

namespace bitstate {

struct InfoNce {
  double temperature = 3.0;
  bool normalise = true;  ///< rows are brought to length 1; one of length 0 stays
  bool factor = true;     ///< the loss is multiplied by 2 T
};

/// 2T mean_i (logsumexp_j l_ij - l_ii), l_ij = q_i . k_j / T: each row of q is to be most like its own row of k, of all
/// n (Evol-Q, arXiv 2308.10814). `gradient` of q gets the gradient, where it is not empty. Throws Error for spans that
/// do not hold the same whole number of rows.
double info_nce(std::span<const double> q, std::span<const double> k, std::size_t cols, const InfoNce& options = {},
                std::span<double> gradient = {});

/// The mean of (q - k)^2.
double mean_squared_error(std::span<const double> q, std::span<const double> k);

/// The mean over the rows of the Kullback-Leibler divergence of softmax(q) from softmax(k). Throws as info_nce().
double kl_divergence(std::span<const double> q, std::span<const double> k, std::size_t cols);

}  // namespace bitstate

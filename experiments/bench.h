// How fast a training step is, as a fraction of what matrix products reach on this machine in the same run.
#pragma once

#include "datasets/dataset.h"
#include "experiments/run_config.h"

#include <string>
#include <vector>

namespace bitstate::experiments {

/// Figures of one configuration; the names are those of --json.
struct BenchResult {
  std::string recipe;
  std::string quant;               ///< "none" or the configuration
  double step_seconds = 0.0;       ///< fastest training step: forward, backward, optimiser
  double tokens_per_second = 0.0;  ///< of that step
  double gemm_gflops = 0.0;        ///< single-precision matrix product on the same threads, measured between the steps
  double fraction_of_gemm =
      0.0;  ///< useful FLOPs of the model (matrix products, scan, ~20 H elementwise) over that rate
  std::uint64_t peak_rss_bytes = 0;  ///< of the process so far: with two results, the second includes the first
};

/// Times training steps of the recipe on random data of its shape: of `config.quant`, or of float and w8a8 when it is
/// none.
std::vector<BenchResult> bench(const RunConfig& config);

/// The shape of a recipe's data, without the files of those that need some.
datasets::Splits shape_of(const RunConfig& config);

/// One line of JSON: the figures of the first result, and all of them under "runs".
std::string to_json(const std::vector<BenchResult>& results);

/// FLOPs of forward and backward for one token (S5: complex products of B and C, recurrence, GLU, elementwise work).
double training_flops_per_token(const RunConfig& config);

}  // namespace bitstate::experiments

// How fast a training step is, as a fraction of what matrix products reach on this machine in the same run, and how
// fast an evaluation is.
#pragma once

#include "experiments/bench/inference.h"

#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct RunConfig;

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The machines that run_hours are given for.
inline constexpr std::array<std::size_t, 3> projected_cores = {2, 16, 64};

/// Figures of one configuration; the names are those of --json.
struct BenchResult {
  std::string recipe;
  std::string quant;                            ///< "none" or the configuration
  double step_seconds = 0.0;                    ///< fastest training step: forward, backward, optimiser
  double tokens_per_second = 0.0;               ///< of that step
  double evaluated_sequences_per_second = 0.0;  ///< in the fastest evaluation of as many sequences as a batch has
  double gemm_gflops = 0.0;  ///< single-precision matrix product on the same threads, measured between the steps
  double fraction_of_gemm =
      0.0;  ///< useful FLOPs of the model (matrix products, scan, ~20 H elementwise) over that rate
  /// Of a full training: see projected_hours().
  std::array<double, 3> run_hours{};
  InferenceSpeed float_inference;  ///< of a float model of this size, on one thread
  InferenceSpeed inference;        ///< of the integer program in the same run; 0 where there is none
  std::uint64_t peak_rss_bytes =
      0;  ///< of the process before products are measured; a second result includes the first
};

/// Times training steps and evaluations of the recipe on random data of its shape: of `config.quantization.quant`, or
/// of float and w8a8 when it is none.
std::vector<BenchResult> bench(const RunConfig& config);

/// Hours of training for all epochs on the official data set (without what val_split and limit_train take away, and
/// without evaluation) on projected_cores, where a step takes step_seconds on `threads`: the step's time over the
/// number of cores, as evenly as lanes (at least one per core, at most bsz) can be dealt to them.
std::array<double, 3> projected_hours(const RunConfig& config, double step_seconds, std::size_t threads);

/// One line of JSON: the figures of the first result, and all of them under "runs".
std::string to_json(const std::vector<BenchResult>& results);

}  // namespace bitstate::experiments

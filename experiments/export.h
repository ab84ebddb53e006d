// From a trained run to the integer program that is shipped, and the proof that both are one function.
#pragma once

#include "core/program/program.h"
#include "experiments/run_config.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// A code of the program that is not that of the quantized forward.
struct Difference {
  std::size_t sequence = 0;
  std::size_t output = 0;  ///< of the sequence: step * outputs + column
  std::int32_t expected = 0;
  std::int32_t found = 0;
};

/// The program against the quantized forward, on sequences of the test part.
struct Parity {
  std::size_t sequences = 0;
  std::size_t codes = 0;                ///< compared
  std::vector<Difference> differences;  ///< the first of each sequence that has one
  std::string metric;                   ///< "accuracy", "mse" or "smape", of each of:
  double in_float = 0.0;                ///< the weights without any quantizer,
  double quantized = 0.0;               ///< the forward that was trained,
  double integer = 0.0;                 ///< the program
};

/// Input codes of a sequence and what comes out, for tests of what is written from a program.
struct Sample {
  std::vector<std::int32_t> input;
  std::vector<std::int32_t> output;
};

struct Exported {
  program::Program program;
  Parity parity;
  std::vector<Sample> samples;  ///< of the first sequences
  std::size_t max_length = 0;   ///< of a sequence of the data set
};

/// Traces the best weights of the run in `run` and compares the program on the first `sequences` sequences of its test
/// part. Throws Error, saying which site and what to do, when something of it is float or a range is dynamic, and for a
/// run that has no best.h5.
Exported export_run(const RunConfig& config, const std::filesystem::path& run, std::size_t sequences,
                    std::size_t samples);

/// Several lines about a program without differences: accuracies, sizes, work of a step.
std::string export_text(const Exported& exported);
/// The same as one line of JSON.
std::string to_json(const Exported& exported);

}  // namespace bitstate::experiments

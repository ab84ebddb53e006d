// From a trained run to the integer program that is shipped, and the proof that both are one function.
#pragma once

#include "core/program/program.h"
#include "core/tuning/head.h"
#include "core/tuning/layer.h"
#include "models/inventory.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct RunConfig;

/// A code of the program that is not that of the quantized forward.
struct Difference {
  std::size_t sequence = 0;
  std::size_t output = 0;  ///< of the sequence: step * outputs + column
  std::int32_t expected = 0;
  std::int32_t found = 0;
};

/// The program against the quantized forward, on sequences of the test part.
struct Parity {
  std::size_t sequences = 0;            ///< the first ones,
  std::size_t of_sequences = 0;         ///< of so many
  std::size_t codes = 0;                ///< compared
  std::vector<Difference> differences;  ///< the first of each sequence that has one
  std::string metric;                   ///< "accuracy", "mse" or "smape", of each of:
  double in_float = 0.0;                ///< the weights without any quantizer,
  double quantized = 0.0;               ///< the forward that was trained,
  double integer = 0.0;                 ///< the program
};

/// A sequence and what the program makes of it, for tests of what is written from a program.
struct Sample {
  std::vector<float> x;              ///< standardised numbers [steps, cols]; empty for tokens
  std::vector<std::int32_t> input;   ///< their codes, or token ids
  std::vector<std::int32_t> output;  ///< of Runner::run
};

struct Exported {
  program::Program program;
  Parity parity;
  std::function<Sample(std::size_t)> sample;  ///< a sequence of the test part; may be called on any thread
  std::size_t max_length = 0;                 ///< of a sequence of the data set
  std::size_t threads = 0;                    ///< of the run's settings
  /// That the C trains further; nothing unless whoever exports sets it.
  std::optional<program::TrainableHead> head = {};
  std::optional<program::TrainableLayer> layer = {};
};

/// Sees a program, with the longest sequence of the data set but nothing of the comparison, the model's sites and the
/// scales of its weights.
using AcceptProgram = std::function<void(const Exported&, const Inventory&, const std::vector<program::WeightScales>&)>;

/// Traces the best weights of the run in `run` and compares the program on the first `sequences` sequences of its test
/// part. Throws Error, saying which site and what to do, when something of it is float or a range is dynamic, and for a
/// run that has no best.h5. `accept` sees the program before it is compared, to throw what would only come later.
Exported export_run(const RunConfig& config, const std::filesystem::path& run, std::size_t sequences,
                    const AcceptProgram& accept = {});

/// The program alone, without a comparison. Throws as export_run() does.
program::Program program_of_run(const RunConfig& config, const std::filesystem::path& run);

/// "test rmse", or, where a part of the sequences was compared, "rmse of the first 3 of 200 test sequences".
std::string metric_text(const Parity& parity);

/// Several lines about a program without differences: accuracies, sizes, work of a step.
std::string export_text(const Exported& exported);
/// The same as one line of JSON, with how what was written is proven: proof_text(), on `proven` sequences.
std::string to_json(const Exported& exported, const std::string& proof, std::size_t proven);

}  // namespace bitstate::experiments

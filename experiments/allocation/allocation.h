// Bits for each weight of a trained model, within a size or for a metric.
#pragma once

#include "experiments/allocation/combination.h"
#include "experiments/allocation/measured_run.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct AllocationOptions {
  MeasurementOptions measurement;
  // one of the two
  std::optional<std::uint64_t> budget;         ///< bytes of weights and biases, as size_bits() counts them
  std::optional<double> goal;                  ///< validation metric
  bool goal_is_accuracy = false;               ///< the goal was given as an accuracy
  std::optional<std::size_t> finetune_epochs;  ///< none: a third of those of the run
  std::filesystem::path out;
};

/// A model of a size.
struct FrontRow {
  std::string label;
  std::uint64_t bits = 0;
  std::optional<double> metric;  ///< on the validation part; none where it diverges
  std::string kind;              ///< run, uniform or allocated, or with "-finetuned"
};

/// label,bytes,metric,kind; the smallest first. Where a row diverges its metric is empty.
std::string front_csv(std::vector<FrontRow> rows);

/// The command: measures, chooses, fine-tunes below options.out, writes pareto.csv there and prints the table. Returns
/// the exit code. Throws UsageError for a goal or a budget that cannot be met, and as MeasuredRun and train() do.
int run_allocation(const AllocationOptions& options, bool json);

}  // namespace bitstate::experiments

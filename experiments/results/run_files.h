// The tables that a run leaves beside its result: what its sites did, the eigenvalues of its layers, the instructions
// of its C.
#pragma once

#include "experiments/run_folder/test_details.h"

#include <complex>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct SiteRecord {
  std::string site;
  double bits = 0.0;
  double low = 0.0;  ///< of the values that it saw
  double high = 0.0;
  double saturated = 0.0;  ///< the share of them that was clamped
};

struct EigenvalueRecord {
  std::string layer;
  std::complex<double> before;
  std::complex<double> rounded;
};

/// What the functions of a kind take of a streaming step.
struct FunctionRecord {
  std::string function;
  double instructions = 0.0;  ///< estimated for a Cortex-M4
};

/// A model that `bitstate allocate` measured.
struct AllocatedModel {
  std::string label;
  double bytes = 0.0;
  double metric = 0.0;  ///< on validation data
  std::string kind;     ///< run, uniform or allocated, or with "-finetuned"
};

/// Of sites.csv and eigenvalues.csv in the folder of a run; nothing without the file. A line that is torn or holds no
/// finite numbers is passed over.
std::vector<SiteRecord> read_sites(const std::filesystem::path& run);
std::vector<EigenvalueRecord> read_eigenvalues(const std::filesystem::path& run);

/// Of instructions.csv, likewise; all of a step comes last, under the name "in all".
std::vector<FunctionRecord> read_instructions(const std::filesystem::path& run);
/// All of a step; nothing without the file, or without an estimate of all its functions.
std::optional<double> instructions_per_step(const std::filesystem::path& run);

/// Of result.json in the folder of a run; empty where it has none, or where it is damaged.
TestDetails read_test_details(const std::filesystem::path& run);

/// Whether `bitstate allocate` has made the run: its folder is beside a pareto.csv.
bool is_allocated(const std::filesystem::path& run);

/// Of pareto.csv in the folder of `bitstate allocate`, likewise; models that diverged are none of them.
std::vector<AllocatedModel> read_allocation(const std::filesystem::path& folder);

}  // namespace bitstate::experiments

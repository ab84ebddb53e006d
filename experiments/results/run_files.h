// The tables that a run leaves beside its result: what its sites did, and the eigenvalues of its layers.
#pragma once

#include "experiments/run_folder/test_details.h"

#include <complex>
#include <filesystem>
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

/// Of result.json in the folder of a run; empty where it has none, or where it is damaged.
TestDetails read_test_details(const std::filesystem::path& run);

/// Whether `bitstate allocate` has made the run: its folder is beside a pareto.csv.
bool is_allocated(const std::filesystem::path& run);

/// Of pareto.csv in the folder of `bitstate allocate`, likewise; models that diverged are none of them.
std::vector<AllocatedModel> read_allocation(const std::filesystem::path& folder);

}  // namespace bitstate::experiments

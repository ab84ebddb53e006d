// What each site of a trained model costs alone, at each width.
#pragma once

#include "experiments/allocation/measured_run.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// A site, or a group of sites, with bits of its own; all else is as in the run.
struct SensitivityRow {
  std::string site;
  std::string kind;           ///< weight, bias, act, acc, state, or group
  std::uint64_t numbers = 0;  ///< stored, or of one time step
  int bits = 0;
  std::uint64_t stored_bits = 0;
  std::string rules;  ///< one per line
  Measured measured;
  std::optional<double> finetuned = {};  ///< validation metric after training with these bits
};

struct Sensitivity {
  Metric metric = Metric::accuracy;
  Measured base;  ///< of the run as it is
  std::vector<SensitivityRow> rows;

  /// How much the loss of the row exceeds that of the base; infinite where it diverges.
  [[nodiscard]] double loss_difference(const SensitivityRow& row) const;
  /// Indices of the rows of single sites, what costs most first.
  [[nodiscard]] std::vector<std::size_t> most_sensitive() const;
};

/// The places among the rows of the table of `sites`: "weight:encoder" for each of its widths, "weight:encoder:4" for
/// one, and groups likewise ("weights A:4"). Each once. Throws UsageError naming what there is not.
std::vector<std::size_t> chosen_rows(const SiteTable& table, const std::vector<std::string>& sites);

/// sensitivity.csv: a line per row, the first is of the run as it is; metric, loss and their differences are empty
/// where the model diverges.
std::string sensitivity_csv(const Sensitivity& sensitivity);

/// A table for a terminal: metric by site and width, what costs most first, then the groups.
std::string sensitivity_text(const Sensitivity& sensitivity);

/// Measures all sites and groups, and writes sensitivity.csv into `folder` at the end and when it is stopped. Throws
/// Stopped, and Error where the run itself diverges.
Sensitivity measure_sensitivity(MeasuredRun& run, const std::filesystem::path& folder);

struct SensitivityOptions {
  MeasurementOptions measurement;
  std::size_t finetune = 0;                      ///< how many of the most sensitive sites and widths
  std::optional<std::size_t> finetune_epochs;    ///< none: a third of those of the run
  std::vector<std::string> finetune_sites = {};  ///< or these, as chosen_rows() takes them
};

/// The command: measures, fine-tunes in folders below options.measurement.measured, prints the table. Returns the exit
/// code. Throws as MeasuredRun and train() do.
int run_sensitivity(const SensitivityOptions& options, bool json);

}  // namespace bitstate::experiments

// What a run left in its folder: its settings, its result and its metrics per epoch.
#pragma once

#include "experiments/ini.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// A finished, diverged or missing run.
struct RunRecord {
  enum class Status { done, diverged, missing };

  std::filesystem::path folder;
  Settings settings;  ///< of settings.ini
  Status status = Status::missing;
  std::string reason;                                                    ///< why it diverged, or why there is no result
  std::string metric;                                                    ///< "accuracy", "mse" or "smape"
  std::map<std::string, double> figures;                                 ///< every finite number of result.json
  std::map<std::string, std::vector<std::pair<double, double>>> curves;  ///< of metrics.jsonl: (epoch, value)

  /// The value of a setting, or "".
  [[nodiscard]] std::string setting(std::string_view name) const;
};

/// Reads one folder. A result that cannot be read counts as missing and says why. Throws Error without settings.ini.
RunRecord read_run(const std::filesystem::path& folder);

/// All runs in `dir` and in `dir`/runs, by folder name. Throws UsageError if there is none.
std::vector<RunRecord> read_runs(const std::filesystem::path& dir);

/// Whether `folder` holds a complete result.json (status done or diverged).
bool has_result(const std::filesystem::path& folder);

/// The settings that are not the same in all runs, `seed` left out, in the order of settings().
std::vector<std::string> varying_settings(const std::vector<RunRecord>& runs);

/// The options that quantize: quant, the *_bits flags, bits.
bool is_quant_setting(std::string_view name);

}  // namespace bitstate::experiments

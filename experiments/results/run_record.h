// What a run left in its folder: its settings, its result and its metrics per epoch.
#pragma once

#include "experiments/settings/ini.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

struct RunRecord {
  enum class Status { done, diverged, given_up, running, missing };

  std::filesystem::path folder;
  std::string label;                 ///< of its row in the plan of its sweep, or empty
  std::string stage;                 ///< likewise
  std::optional<std::size_t> place;  ///< of that row among those of all plans
  std::size_t planned = 0;           ///< seeds of that row in the plan of its sweep
  Settings settings;                 ///< of settings.ini, and `extended_from`, if it is not empty
  std::filesystem::path from;        ///< the folder of the run that it started from; empty: from none
  std::string source;  ///< digest of the weights that it started from; empty: from none, or they are not known
  std::string rules;   ///< all its quantization rules; empty: it has none, or they are not known
  Status status = Status::missing;
  std::string reason;         ///< why it diverged or was given up, or why there is no result
  std::string program;        ///< the version that ended it, or empty
  std::string date;           ///< of its end, or empty
  std::string machine;        ///< that ended it, "CPU, 2 cores", or empty
  std::string extended_from;  ///< "2 epochs": how long the run was trained that it went on from; empty: from none
  std::string metric;         ///< as metric_name() has it
  std::map<std::string, double> figures;                                 ///< every finite number of result.json
  std::map<std::string, std::vector<std::pair<double, double>>> curves;  ///< of metrics.jsonl, and the loss of
                                                                         ///< curves.csv: (epoch, value)

  /// The value of a setting; that of a run which does not say is the option's default, or "".
  [[nodiscard]] std::string setting(std::string_view name) const;

  /// Its label; that of an extended run says so: "W8A8, extended from 2 epochs".
  [[nodiscard]] std::string name() const;

  /// "done", "diverged", ...
  [[nodiscard]] std::string_view status_text() const;

  /// Whether nothing is quantized.
  [[nodiscard]] bool is_float() const;

  /// Its figure on the test part; nothing unless it is done.
  [[nodiscard]] std::optional<double> test() const;
};

/// Reads one folder. A result that cannot be read counts as missing and says why; without a result the run is running
/// while a process holds its lock. Throws Error without settings.ini.
RunRecord read_run(const std::filesystem::path& folder);

/// All runs in these folders and below, each once, by the names of their folders; behind them what those of `bitstate
/// allocate` started from. One source has one name in all of
/// them, that of the first run. Throws UsageError for a folder without a run, Error for one that cannot be read.
std::vector<RunRecord> read_runs(const std::vector<std::filesystem::path>& dirs);

/// "CPU, 2 cores"; empty where the CPU is not known.
std::string machine_text(const std::string& cpu, std::size_t cores);

/// What the result.json of `folder` says; missing without a complete one.
RunRecord::Status status_of(const std::filesystem::path& folder);

/// The settings of all runs without `seed`, in two parts. The order is that of the table of options, whatever the order
/// of the runs: those that it does not have stand behind, where the data are last. `extended_from` always counts as one
/// that varies, so that no table hides it.
struct ComparedSettings {
  std::vector<std::string> varying;  ///< not the same in all runs; of the data, among the runs that say where they are
  Settings common;
};
ComparedSettings compare_settings(const std::vector<RunRecord>& runs);

}  // namespace bitstate::experiments

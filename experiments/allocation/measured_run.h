// A trained run whose weights are evaluated with other rules, without training.
#pragma once

#include "datasets/dataset.h"
#include "experiments/allocation/measurements.h"
#include "experiments/allocation/site_table.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/run_config.h"
#include "models/model.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// A wish to stop has arrived. All that was measured is kept.
struct Stopped {};

/// What is asked of a run.
struct MeasurementOptions {
  std::string run;                 ///< its folder
  std::vector<int> widths;         ///< the widest first
  std::size_t batches = 8;         ///< training batches that set ranges
  Settings overrides;              ///< of the run: quant, bits, data, limits, threads
  std::filesystem::path measured;  ///< the folder of measured.json
};

/// The settings for a run from options.run with these besides the overrides. Where the data have no validation part, a
/// tenth of the training part is held out (val_split).
RunConfig config_from(const MeasurementOptions& options, const Settings& more, bool holds_out);

/// The weights and the data of a run. Data and weights are read once; each measurement has a model of its own.
class MeasuredRun {
 public:
  /// Throws UsageError for a folder that is no run, for rules that do not fit its sites, and as Measurements does.
  explicit MeasuredRun(const MeasurementOptions& options);

  /// Figures on the validation part with `rules` behind those of base(); ranges are observed on training batches.
  /// Throws Stopped, and Error as a training does.
  Measured measure(const std::string& rules);

  [[nodiscard]] const SiteTable& table() const { return table_; }
  [[nodiscard]] const std::string& base() const { return base_; }  ///< the rules of what is not measured
  [[nodiscard]] Metric metric() const;
  [[nodiscard]] bool holds_out() const { return holds_out_; }  ///< the data have no validation part of their own
  [[nodiscard]] std::string data_summary() const;
  [[nodiscard]] std::uint64_t base_bits() const { return base_bits_; }  ///< size_bits() with base()

 private:
  /// The settings that measure, and the data with a validation part.
  struct Setup {
    RunConfig config;
    bool holds_out = false;
    datasets::Splits data;
  };
  static Setup set_up(const MeasurementOptions& options);
  MeasuredRun(const MeasurementOptions& options, Setup setup);

  RunConfig config_;
  std::string base_;
  bool holds_out_ = false;
  datasets::Splits data_;
  Model prototype_;
  std::uint64_t base_bits_ = 0;
  SiteTable table_;
  Measurements measurements_;
};

}  // namespace bitstate::experiments

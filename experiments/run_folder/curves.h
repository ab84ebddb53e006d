// curves.csv: what a training shows while it runs.
#pragma once

#include "autograd/optimizer.h"
#include "autograd/schedule.h"
#include "experiments/run_folder/appended_file.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/trainer_options.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// A learning rate by the name that parameters.txt gives it.
struct NamedRate {
  std::string name;
  double base = 0.0;  ///< Schedule::rate() makes the rate of a step of it
};

/// The rates at which some parameter learns, each once.
std::vector<NamedRate> named_rates(const Optimizer& optimizer, double lr, double second_lr);

/// A row of curves.csv, as far as a person follows it.
struct CurvePoint {
  double epoch = 0.0;
  double loss = 0.0;
  double seconds = 0.0;
  std::optional<double> metric;  ///< at the end of an epoch
};

struct RunCurves {
  std::string metric;  ///< its name, as "val_accuracy"
  std::vector<CurvePoint> points;
};

/// The whole rows of FOLDER/curves.csv, by rising epochs and with finite numbers; none where there is no such file.
RunCurves read_curves(const std::filesystem::path& folder);

/// Writes FOLDER/curves.csv: epoch (trained so far, with a fraction), step (of the whole training), loss (mean since
/// the row before, within the epoch), train_loss (mean of the epoch so far), each learning rate, seconds (of the
/// training), val_loss, val_perplexity
/// where the metric is in bits, and val_METRIC. There is a row for each epoch and, without the figures of the
/// validation, every so many steps that they are about a thousand. With `tensorboard`,
/// FOLDER/events.out.tfevents.TIME.bitstate holds the same for TensorBoard, and is the only such file. A file that
/// cannot be written costs nothing but a warning.
class CurvesFile {
 public:
  CurvesFile(std::filesystem::path folder, const Schedule& schedule, std::vector<NamedRate> rates,
             std::string_view metric, bool tensorboard, AppendedFile::Warn warn);

  /// Keeps the rows of the folder's file up to where the training stands, after `seconds`, and goes on behind them.
  void begin(const Progress& progress, double seconds);
  /// After a step; the last one of an epoch gets its row with end_epoch().
  void end_step(const Progress& progress, double seconds);
  void end_epoch(const EpochResult& epoch, double seconds);

 private:
  /// Where a row stands.
  struct Place {
    std::uint64_t epochs = 0;  ///< before the current one
    std::uint64_t step = 0;    ///< within it
    double train_loss = 0.0;
  };

  [[nodiscard]] std::uint64_t step_of(const Place& place) const {
    return place.epochs * schedule_.steps_per_epoch + place.step;
  }
  [[nodiscard]] std::optional<Place> place_of(std::string_view row) const;
  std::size_t keep(const std::string& text, std::uint64_t last_step);
  void begin_events(std::string_view rows, double seconds);
  [[nodiscard]] std::string event_of(std::string_view row) const;
  void add(const Place& place, double seconds, const Evaluation* validation);

  std::filesystem::path file_;
  Schedule schedule_;
  std::vector<NamedRate> rates_;
  bool in_bits_;
  std::string header_;
  std::uint64_t interval_;
  AppendedFile::Warn warn_;
  Place last_;
  std::optional<AppendedFile> rows_;
  std::optional<AppendedFile> events_;
  bool has_events_;
  double began_ = 0.0;  // in seconds since 1970, as if the training had never been stopped
};

}  // namespace bitstate::experiments

// What a person sees of a sweep while it runs.
#pragma once

#include "experiments/host/console.h"
#include "experiments/run_folder/curves.h"
#include "experiments/sweep/time_left.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// A run in progress.
struct RunView {
  std::string label;
  RunWork work;
  double seconds = 0.0;  ///< since this call started it
  RunCurves curves;      ///< so far
  std::string who = {};  ///< "host:pid" of another process that runs it; empty: this one does
};

struct SweepView {
  std::size_t planned = 0;
  std::size_t ended = 0;  ///< of them, now or earlier
  std::size_t jobs = 1;
  EpochCosts costs;  ///< of the runs that this call ended
  std::vector<RunView> running;
  std::vector<RunWork> waiting;       ///< the runs that have not begun
  std::vector<std::string> failures;  ///< of this call: a sentence for each run that failed or diverged
};

/// The time until the last run ends; nothing while the runs that are done or in progress do not show how long some
/// other takes.
std::optional<double> seconds_left(const SweepView& sweep);

/// "1 run", "40 runs"
std::string runs_text(std::size_t runs);

/// "3/40 runs, about 2h10m left"
std::string summary_text(const SweepView& sweep);

/// "epoch 3/20", "starts", "is quantized"
std::string epoch_text(const RunView& run);

/// "loss 0.1234  val_accuracy 0.9400": the newest of each.
std::string figures_text(const RunView& run);

/// A bar and a line for each run in progress, none longer than the terminal is wide, and no more than it is high.
std::string screen_text(const SweepView& sweep, TerminalSize terminal);

}  // namespace bitstate::experiments

#include "experiments/sweep/sweep_forecast.h"

#include "core/error.h"
#include "experiments/host/console.h"
#include "experiments/host/text_table.h"
#include "experiments/run_folder/step_cost.h"
#include "experiments/sweep/run_folders.h"
#include "experiments/sweep/sweep_check.h"
#include "experiments/sweep/sweep_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

namespace bitstate::experiments {

namespace {

struct RunCost {
  StepCost step;
  Upkeep upkeep;
  double reading_seconds = 0.0;
};

/// Runs that differ in nothing but the seed.
struct ForecastRow {
  const SweepRun* first = nullptr;
  std::vector<std::string> seeds;
  std::size_t results = 0;
  std::optional<RunCost> cost;  ///< of one of its runs; none: every run has a result, or it diverged
};

double run_seconds(const RunConfig& config, const RunCost& cost) {
  const auto epochs = static_cast<double>(epochs_of(config));  // a run without training validates its weights, too
  return cost.reading_seconds + cost.upkeep.run_seconds +
         epochs * (cost.step.training_seconds + cost.upkeep.epoch_seconds) +
         std::max(1.0, epochs) * cost.step.validation_seconds + cost.step.test_seconds;
}

/// With a tenth where that matters.
std::string time_text(double seconds) {
  return seconds < 9.95 ? fmt::format("{:.1f}s", seconds) : duration_text(seconds);
}

/// The folder itself or the nearest one above it that there is: what is saved there takes as long as in the sweep.
std::filesystem::path folder_above(std::filesystem::path folder) {
  folder = std::filesystem::absolute(folder).lexically_normal();
  std::error_code none;
  while (!std::filesystem::is_directory(folder, none) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

/// Measures each kind of run of a plan.
class Measuring {
 public:
  Measuring(const std::filesystem::path& out, std::size_t threads) : parent_(folder_above(out)), threads_(threads) {}

  RunCost measure(RunConfig config, const datasets::Splits& data, double reading_seconds) {
    config.run.threads = threads_;
    RunCost cost{measure_step_apart(config, data), {}, reading_seconds};
    constexpr double long_epoch = 60.0;  // beside which saving takes no time
    if (cost.step.training_seconds < long_epoch) cost.upkeep = upkeep(config, data);
    return cost;
  }

 private:
  /// Measured once for all runs on the same data that train, and once for those that do not.
  Upkeep upkeep(const RunConfig& config, const datasets::Splits& data) {
    const auto [known, is_new] = upkeeps_.try_emplace({config.dataset, epochs_of(config) > 0});
    if (is_new) known->second = measure_upkeep_apart(config, data, parent_);
    return known->second;
  }

  std::filesystem::path parent_;
  std::size_t threads_;
  std::map<std::pair<std::string, bool>, Upkeep> upkeeps_;
};

std::string memory_text(const StepCost& cost) {
  return fmt::format("{:.0f} MB", static_cast<double>(cost.bytes) / 1e6);
}

std::vector<std::string> cells_of(const ForecastRow& row, bool stages) {
  std::vector<std::string> cells{row.first->row};
  if (stages) cells.push_back(row.first->stage);
  cells.push_back(fmt::format("{}", fmt::join(row.seeds, " ")));
  cells.push_back(fmt::format("{} of {}", row.results, row.seeds.size()));
  cells.push_back(fmt::format("{}", epochs_of(row.first->config)));
  cells.push_back(row.cost ? time_text(run_seconds(row.first->config, *row.cost)) : std::string(no_value));
  cells.push_back(row.cost ? memory_text(row.cost->step) : std::string(no_value));
  return cells;
}

std::vector<ForecastRow> forecast_rows(const std::vector<SweepRun>& plan, const std::filesystem::path& out,
                                       const std::map<std::string, RunCost>& costs) {
  const auto folders = run_folders(plan, out);
  std::vector<ForecastRow> rows;
  for (const auto& runs : table_rows(plan)) {
    ForecastRow& row = rows.emplace_back(ForecastRow{runs.front(), {}, 0, {}});
    for (const SweepRun* run : runs) {
      row.seeds.push_back(std::to_string(run->config.training.seed));
      if (has_result(*run, folders)) ++row.results;
      if (const auto cost = costs.find(run->hash); cost != costs.end()) row.cost = cost->second;
    }
  }
  return rows;
}

}  // namespace

std::string forecast(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::string_view where,
                     std::size_t jobs, std::size_t threads) {
  std::map<std::string, RunCost> costs;  // by the hash of a run
  Measuring measuring(out, threads);
  check_sweep(plan, out, where, [&](const auto& runs, const RunConfig& config, const auto& data, double reading) {
    try {
      const RunCost cost = measuring.measure(config, data, reading);
      for (const std::string& hash : runs) costs[hash] = cost;
    } catch (const DivergedError&) {  // how long it goes well is not known
    }
  });
  const std::vector<ForecastRow> rows = forecast_rows(plan, out, costs);
  const bool stages = std::any_of(plan.begin(), plan.end(), [](const SweepRun& run) { return !run.stage.empty(); });
  Cells cells{{"row", "seeds", "results", "epochs", "time of a run", "memory"}};
  if (stages) cells.front().insert(cells.front().begin() + 1, "stage");
  std::size_t results = 0;
  for (const ForecastRow& row : rows) {
    cells.push_back(cells_of(row, stages));
    results += row.results;
  }
  double seconds = 0.0;
  std::uint64_t bytes = 0;
  for (const SweepRun& run : plan) {
    const auto cost = costs.find(run.hash);
    if (cost == costs.end()) continue;
    seconds += run_seconds(run.config, cost->second);
    bytes = std::max(bytes, cost->second.step.bytes);
  }
  const std::size_t left = plan.size() - results;
  const std::size_t at_once = std::max<std::size_t>(1, std::min(jobs, left));
  return aligned(cells, stages ? "lll" : "ll") +
         fmt::format("{}, {} with a result; the others take about {} and {:.0f} MB with --jobs={}\n",
                     runs_text(plan.size()), results, time_text(seconds / static_cast<double>(at_once)),
                     static_cast<double>(bytes * at_once) / 1e6, jobs);
}

}  // namespace bitstate::experiments

#include "experiments/sweep/sweep_forecast.h"

#include "core/error.h"
#include "experiments/host/console.h"
#include "experiments/host/text_table.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/step_cost.h"
#include "experiments/sweep/run_folders.h"
#include "experiments/sweep/sweep_check.h"
#include "experiments/sweep/sweep_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

namespace bitstate::experiments {

namespace {

/// Runs that differ in nothing but the seed.
struct ForecastRow {
  const SweepRun* first = nullptr;
  std::vector<std::string> seeds;
  std::size_t results = 0;
  std::optional<StepCost> cost;  ///< of one of its runs; none: every run has a result, or it diverged
};

double run_seconds(const RunConfig& config, const StepCost& cost) {
  const auto epochs = static_cast<double>(epochs_of(config));  // a run without training validates its weights, too
  return epochs * cost.training_seconds + std::max(1.0, epochs) * cost.validation_seconds + cost.test_seconds;
}

std::string memory_text(const StepCost& cost) {
  return fmt::format("{:.0f} MB", static_cast<double>(cost.bytes) / 1e6);
}

std::vector<std::string> cells_of(const ForecastRow& row, bool stages) {
  std::vector<std::string> cells{row.first->row};
  if (stages) cells.push_back(row.first->stage);
  cells.push_back(fmt::format("{}", fmt::join(row.seeds, " ")));
  cells.push_back(fmt::format("{} of {}", row.results, row.seeds.size()));
  cells.push_back(fmt::format("{}", epochs_of(row.first->config)));
  cells.push_back(row.cost ? duration_text(run_seconds(row.first->config, *row.cost)) : std::string(no_value));
  cells.push_back(row.cost ? memory_text(*row.cost) : std::string(no_value));
  return cells;
}

std::vector<ForecastRow> forecast_rows(const std::vector<SweepRun>& plan, const std::filesystem::path& out,
                                       const std::map<std::string, StepCost>& costs) {
  const auto folders = run_folders(plan, out);
  std::vector<ForecastRow> rows;
  for (const auto& runs : table_rows(plan)) {
    ForecastRow& row = rows.emplace_back(ForecastRow{runs.front(), {}, 0, {}});
    for (const SweepRun* run : runs) {
      row.seeds.push_back(std::to_string(run->config.training.seed));
      if (status_of(folders.at(run->hash)) != RunRecord::Status::missing) ++row.results;
      if (const auto cost = costs.find(run->hash); cost != costs.end()) row.cost = cost->second;
    }
  }
  return rows;
}

}  // namespace

std::string forecast(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::string_view where,
                     std::size_t jobs, std::size_t threads) {
  std::map<std::string, StepCost> costs;  // by the hash of a run
  check_sweep(plan, out, where, [&](const std::vector<std::string>& runs, RunConfig config, const auto& data) {
    config.run.threads = threads;
    try {
      const StepCost cost = measure_step_apart(config, data);
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
    bytes = std::max(bytes, cost->second.bytes);
  }
  const std::size_t left = plan.size() - results;
  const std::size_t at_once = std::max<std::size_t>(1, std::min(jobs, left));
  return aligned(cells, stages ? "lll" : "ll") +
         fmt::format("{}, {} with a result; the others take about {} and {:.0f} MB with --jobs={}\n",
                     runs_text(plan.size()), results, duration_text(seconds / static_cast<double>(at_once)),
                     static_cast<double>(bytes * at_once) / 1e6, jobs);
}

}  // namespace bitstate::experiments

#include "experiments/commands/train_folds.h"

#include "core/io/atomic_file.h"
#include "experiments/commands/posttraining_commands.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/text_table.h"
#include "experiments/results/statistics.h"
#include "experiments/results/texts.h"
#include "experiments/run_folder/train.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

using Results = std::vector<TrainResult>;

/// Of the folds that are done.
Statistic statistic_of(const Results& results, double TrainResult::*value) {
  std::vector<double> values;
  for (const TrainResult& result : results) {
    if (result.status == "done") values.push_back(result.*value);
  }
  return statistic(values);
}

std::string table_of(const Results& results) {
  const std::string& metric = results.front().metric_name;
  Cells rows{
      {"fold", "validation " + metric_title(metric).substr(std::string_view("test ").size()), metric_title(metric)}};
  for (std::size_t k = 0; k < results.size(); ++k) {
    const TrainResult& r = results[k];
    const bool done = r.status == "done";
    rows.push_back({std::to_string(k), done ? metric_text(metric, r.val_metric) : r.status,
                    done ? metric_text(metric, r.test_metric) : std::string(no_value)});
  }
  rows.push_back({"mean", statistic_text(metric, statistic_of(results, &TrainResult::val_metric)),
                  statistic_text(metric, statistic_of(results, &TrainResult::test_metric))});
  return aligned(rows, "l");
}

std::string csv_of(const Results& results) {
  const std::string& metric = results.front().metric_name;
  std::string text = fmt::format("fold,status,val_{0},test_{0}\n", metric);
  for (std::size_t k = 0; k < results.size(); ++k) {
    const TrainResult& r = results[k];
    text += r.status == "done" ? fmt::format("{},{},{},{}\n", k, r.status, r.val_metric, r.test_metric)
                               : fmt::format("{},{},,\n", k, r.status);
  }
  return text;
}

nlohmann::json json_of(const Results& results) {
  const std::string& metric = results.front().metric_name;
  nlohmann::json line{{"folds", results.size()}, {"done", statistic_of(results, &TrainResult::test_metric).n}};
  for (const auto& [name, value] :
       {std::pair{"val_", &TrainResult::val_metric}, {"test_", &TrainResult::test_metric}}) {
    const Statistic found = statistic_of(results, value);
    if (found.mean) line[name + metric] = *found.mean;
    if (found.deviation) line[name + metric + "_std"] = *found.deviation;
  }
  return line;
}

}  // namespace

int train_folds(const RunConfig& config, const std::shared_ptr<Team>& team) {
  const std::filesystem::path out = config.run.out;
  const std::size_t folds = config.data.own.folding.folds;
  Results results;
  for (std::size_t k = 0; k < folds; ++k) {
    RunConfig fold = config;
    fold.data.own.folding.fold = k;
    fold.run.out = (out / fmt::format("fold-{}", k)).string();
    fold.run.json = false;
    results.push_back(train(fold, team));
    const int code = finish(fold, results.back());
    if (code == exit_interrupted) return code;
  }
  if (team->leads()) {
    fmt::print("\n{}\nmean ± sample standard deviation over {} folds; the test part is the same for all\n",
               table_of(results), folds);
    write_file_atomically(out / "folds.csv", csv_of(results));
    if (config.run.json) fmt::print("{}\n", json_of(results).dump());
  }
  const auto failed = [](const TrainResult& result) { return result.exit_code != 0; };
  return std::any_of(results.begin(), results.end(), failed) ? 1 : 0;
}

}  // namespace bitstate::experiments

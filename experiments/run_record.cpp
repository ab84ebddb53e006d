#include "experiments/run_record.h"

#include "core/error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace bitstate::experiments {

namespace {

using nlohmann::json;

void read_result(RunRecord& run) {
  const auto path = run.folder / "result.json";
  if (!std::filesystem::exists(path)) {
    run.reason = "no result.json";
    return;
  }
  const json result = json::parse(read_text(path), nullptr, false);
  if (!result.is_object() || !result.contains("status") || !result["status"].is_string()) {
    run.reason = "result.json is not a result";
    return;
  }
  for (const auto& [name, value] : result.items()) {
    if (value.is_number() && std::isfinite(value.get<double>())) run.figures[name] = value.get<double>();
  }
  for (const char* metric : {"accuracy", "mse", "rmse", "smape"}) {
    if (run.figures.count(fmt::format("test_{}", metric)) > 0) run.metric = metric;
  }
  const auto status = result["status"].get<std::string>();
  if (result.contains("reason") && result["reason"].is_string()) run.reason = result["reason"].get<std::string>();
  if (status == "diverged") {
    run.status = RunRecord::Status::diverged;
  } else if (status == "done" && !run.metric.empty()) {
    run.status = RunRecord::Status::done;
  } else {
    run.reason = status == "done" ? "result.json holds no finite test metric" : "status is " + status;
  }
}

/// One JSON object a line; a last line that was cut off by a crash is passed over.
void read_metrics(RunRecord& run) {
  std::ifstream file(run.folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    const json row = json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("epoch") || !row["epoch"].is_number()) continue;
    const double epoch = row["epoch"].get<double>();
    for (const auto& [name, value] : row.items()) {
      if (name != "epoch" && value.is_number() && std::isfinite(value.get<double>())) {
        run.curves[name].emplace_back(epoch, value.get<double>());
      }
    }
  }
}

}  // namespace

std::string RunRecord::setting(std::string_view name) const {
  for (const auto& [key, value] : settings) {
    if (key == name) return value;
  }
  return {};
}

RunRecord read_run(const std::filesystem::path& folder) {
  RunRecord run;
  run.folder = folder;
  run.settings = read_ini(folder / "settings.ini");
  read_result(run);
  read_metrics(run);
  return run;
}

std::vector<RunRecord> read_runs(const std::filesystem::path& dir) {
  std::vector<std::filesystem::path> folders;
  for (const auto& place : {dir, dir / "runs"}) {
    if (!std::filesystem::is_directory(place)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(place)) {
      if (std::filesystem::is_regular_file(entry.path() / "settings.ini")) folders.push_back(entry.path());
    }
  }
  if (std::filesystem::is_regular_file(dir / "settings.ini")) folders.push_back(dir);
  require<UsageError>(!folders.empty(), dir.string(),
                      "holds no runs: no folder in it or in its runs/ has a settings.ini");
  std::sort(folders.begin(), folders.end());
  std::vector<RunRecord> runs;
  runs.reserve(folders.size());
  for (const auto& folder : folders) runs.push_back(read_run(folder));
  return runs;
}

bool has_result(const std::filesystem::path& folder) {
  RunRecord run;
  run.folder = folder;
  read_result(run);
  return run.status != RunRecord::Status::missing;
}

std::vector<std::string> varying_settings(const std::vector<RunRecord>& runs) {
  std::vector<std::string> order;
  for (const auto& run : runs) {
    for (const auto& [name, value] : run.settings) {
      if (std::find(order.begin(), order.end(), name) == order.end()) order.push_back(name);
    }
  }
  std::vector<std::string> varying;
  for (const auto& name : order) {
    const auto differs = [&](const RunRecord& run) { return run.setting(name) != runs.front().setting(name); };
    if (name != "seed" && std::any_of(runs.begin(), runs.end(), differs)) varying.push_back(name);
  }
  return varying;
}

bool is_quant_setting(std::string_view name) {
  constexpr std::string_view tail = "_bits";
  const bool flag = name.size() > tail.size() && name.substr(name.size() - tail.size()) == tail;
  return flag || name == "quant" || name == "bits";
}

}  // namespace bitstate::experiments

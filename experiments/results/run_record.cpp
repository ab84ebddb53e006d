#include "experiments/results/run_record.h"

#include "core/error.h"
#include "core/io/folder_lock.h"
#include "core/io/hdf5.h"
#include "core/random.h"
#include "experiments/results/origins.h"
#include "experiments/results/plan_file.h"
#include "experiments/results/run_files.h"
#include "experiments/run_folder/curves.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

namespace bitstate::experiments {

namespace {

using nlohmann::json;

/// What a setting is that a file does not hold: it means nothing to the run's data set, or the option came later.
std::string default_of(std::string_view name) {
  static const RunConfig defaults;
  const Option* const option = find_option(option_table(), name);
  return option != nullptr && option->affects_result ? option->text(defaults) : std::string();
}

std::string machine_of(const json& result) {
  const auto machine = result.find("machine");
  if (machine == result.end() || !machine->is_object()) return {};
  const json cpu = machine->value("cpu", json());
  const json cores = machine->value("cores", json());
  return cpu.is_string() && cores.is_number_unsigned() ? machine_text(cpu, cores) : "";
}

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
  for (const char* metric : {"accuracy", "mse", "rmse", "smape", "bits_per_byte", "bits_per_token"}) {
    if (run.figures.count(fmt::format("test_{}", metric)) > 0) run.metric = metric;
  }
  const auto status = result["status"].get<std::string>();
  const auto take = [&](std::string& text, const char* name) {
    if (const auto found = result.find(name); found != result.end() && found->is_string()) text = *found;
  };
  take(run.reason, "reason");
  take(run.program, "program");
  take(run.date, "date");
  run.machine = machine_of(result);
  if (status == "diverged") {
    run.status = RunRecord::Status::diverged;
  } else if (status == "given up") {
    run.status = RunRecord::Status::given_up;
  } else if (status == "done" && !run.metric.empty()) {
    run.status = RunRecord::Status::done;
  } else {
    run.reason = status == "done" ? "result.json holds no finite test metric" : "status is " + status;
  }
}

/// One JSON object a line; a last line that was cut off by a crash is passed over.
void read_metrics(RunRecord& run) {
  const auto path = run.folder / "metrics.jsonl";
  if (!std::filesystem::exists(path)) return;
  std::istringstream lines(read_text(path));
  lines.exceptions(std::ios::badbit);  // else an allocation that fails looks like the end
  for (std::string line; std::getline(lines, line);) {
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

/// What best.h5 says of the run; before there is one, the source says what its weights are, once it has come to its end
/// and they change no more.
void read_identity(RunRecord& run) {
  try {
    if (const auto best = run.folder / "best.h5"; std::filesystem::exists(best)) {
      const Hdf5Reader reader(best);
      run.source = reader.read_text("source");
      run.rules = reader.read_text("rules");
    } else if (std::filesystem::exists(run.from / "result.json")) {
      run.source = source_digest(run.from);
    }
  } catch (const Error&) {  // damaged weights: the table shows the figures that there are
  }
}

/// A .quant file may have had other rules in every run that names it.
void tell_rules_apart(std::vector<RunRecord>& runs) {
  std::map<std::string, std::string> first_rules;  // by all other settings
  for (RunRecord& run : runs) {
    if (run.rules.empty()) continue;
    Settings others = run.settings;
    std::erase_if(others, [](const auto& setting) {  // older runs also kept what means nothing to their data set
      return setting.first == "seed" || setting.first == "data" || setting.second == default_of(setting.first);
    });
    const std::string& first = first_rules.emplace(format_ini(others), run.rules).first->second;
    if (first == run.rules) continue;
    for (auto& [key, value] : run.settings) {
      if (key == "quant") value += fmt::format(" ({:08x})", random_stream(run.rules) >> 32U);
    }
  }
}

/// Adds `dir`, if it is a run, and the runs below it; of a sweep with a plan only the runs of the plan, since what was
/// made of them afterwards may lie beside them. `seen` keeps folders that are reached twice, also in a circle.
void find_runs(const std::filesystem::path& dir, std::set<std::filesystem::path>& seen,
               std::vector<std::filesystem::path>& found) {
  if (!seen.insert(std::filesystem::canonical(dir)).second) return;
  if (const auto plan = read_plan_file(dir)) {
    for (const PlanRow& row : plan->rows) {
      for (const PlanRun& run : row.runs) {
        const auto folder = dir / "runs" / run.folder;
        if (std::filesystem::is_regular_file(folder / "settings.ini")) found.push_back(folder);
      }
    }
    return;
  }
  if (std::filesystem::is_regular_file(dir / "settings.ini")) found.push_back(dir);
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const bool hidden = entry.path().filename().string().starts_with('.');
    if (!hidden && entry.is_directory()) find_runs(entry.path(), seen, found);
  }
}

/// What `bitstate allocate` started from stands beside what it made.
void add_sources_of_allocation(std::vector<RunRecord>& runs) {
  for (std::size_t i = 0, found = runs.size(); i < found; ++i) {
    const std::filesystem::path from = runs[i].from;
    std::error_code none;
    if (!is_allocated(runs[i].folder) || !std::filesystem::is_regular_file(from / "settings.ini", none)) continue;
    const bool known = std::any_of(runs.begin(), runs.end(), [&](const RunRecord& run) {
      return std::filesystem::equivalent(run.folder, from, none);
    });
    if (!known) runs.push_back(read_run(from));
  }
}

/// The names of all settings of all runs but `seed`, in the order of ComparedSettings.
std::vector<std::string> names_in_order(const std::vector<RunRecord>& runs) {
  std::set<std::string> present;
  for (const auto& run : runs) {
    for (const auto& [name, value] : run.settings) present.insert(name);
  }
  present.erase("seed");
  const bool has_data = present.erase("data") > 0;
  std::vector<std::string> names;
  for (const Option& option : option_table()) {
    if (present.erase(option.name) > 0) names.push_back(option.name);
  }
  names.insert(names.end(), present.begin(), present.end());
  if (has_data) names.emplace_back("data");
  return names;
}

}  // namespace

std::string RunRecord::setting(std::string_view name) const {
  const std::string* const value = last_value(settings, name);
  return value != nullptr ? *value : default_of(name);
}

std::string RunRecord::name() const {
  return extended_from.empty() ? label : fmt::format("{}, extended from {}", label, extended_from);
}

std::string_view RunRecord::status_text() const {
  switch (status) {
    case Status::done:
      return "done";
    case Status::diverged:
      return "diverged";
    case Status::given_up:
      return "given up";
    case Status::running:
      return "running";
    case Status::missing:
      break;
  }
  return "missing";
}

bool RunRecord::is_float() const {
  return std::all_of(settings.begin(), settings.end(), [](const auto& setting) {
    return !is_quant_setting(setting.first) || setting.second.empty() || setting.second == "none";
  });
}

std::optional<double> RunRecord::test() const {
  const auto found = figures.find("test_" + metric);
  return status == Status::done && found != figures.end() ? std::optional(found->second) : std::nullopt;
}

RunRecord read_run(const std::filesystem::path& folder) {
  RunRecord run;
  run.folder = folder;
  run.settings = read_ini(folder / "settings.ini");
  for (auto& [key, value] : run.settings) {  // rules that were written for this run alone are called like it
    const std::filesystem::path rules(value);
    const bool own = key == "quant" && rules.extension() == ".quant" && rules.stem() == folder.filename();
    if (own && rules.has_parent_path()) value = rules.stem().string();
  }
  read_result(run);
  run.extended_from = extension_of(folder);
  if (!run.extended_from.empty()) run.settings.emplace_back("extended_from", run.extended_from);
  read_metrics(run);
  for (const CurvePoint& point : read_curves(folder).points) run.curves["loss"].emplace_back(point.epoch, point.loss);
  if (const auto from = run.setting("from"); !from.empty()) run.from = source_folder(folder, from);
  read_identity(run);
  if (run.status == RunRecord::Status::missing && is_locked(folder)) {
    run.status = RunRecord::Status::running;
    const auto losses = run.curves.find("train_loss");
    run.reason = fmt::format("{} epochs so far", losses == run.curves.end() ? 0 : losses->second.back().first);
  }
  return run;
}

std::vector<RunRecord> read_runs(const std::vector<std::filesystem::path>& dirs) {
  std::vector<std::filesystem::path> folders;
  std::set<std::filesystem::path> seen;
  for (const auto& dir : dirs) {
    std::vector<std::filesystem::path> found;
    std::set<std::filesystem::path> here;
    try {
      find_runs(dir, here, found);
    } catch (const std::filesystem::filesystem_error& error) {
      const std::string reason = error.code().message();
      require<UsageError>(error.code() != std::errc::no_such_file_or_directory, error.path1().string(),
                          "cannot be read: {}", reason);
      fail(error.path1().string(), "cannot be read: {}", reason);
    }
    require<UsageError>(!found.empty(), dir.string(),
                        "holds no runs: neither it nor a folder below has a settings.ini");
    for (const auto& folder : found) {
      if (seen.insert(std::filesystem::canonical(folder)).second) folders.push_back(folder);
    }
  }
  std::sort(folders.begin(), folders.end());
  std::vector<RunRecord> runs;
  runs.reserve(folders.size());
  for (const auto& folder : folders) runs.push_back(read_run(folder));
  add_sources_of_allocation(runs);
  unify_sources(runs);
  tell_rules_apart(runs);
  return runs;
}

std::string machine_text(const std::string& cpu, std::size_t cores) {
  if (cpu.empty() || cores == 0) return cpu;
  return fmt::format("{}, {} core{}", cpu, cores, cores == 1 ? "" : "s");
}

RunRecord::Status status_of(const std::filesystem::path& folder) {
  RunRecord run;
  run.folder = folder;
  read_result(run);
  return run.status;
}

ComparedSettings compare_settings(const std::vector<RunRecord>& runs) {
  ComparedSettings compared;
  for (const std::string& name : names_in_order(runs)) {
    std::set<std::string> values;
    for (const auto& run : runs) {
      if (name != "data" || !run.setting(name).empty()) values.insert(run.setting(name));
    }
    if (values.size() > 1 || name == "extended_from") {
      compared.varying.push_back(name);
    } else if (!values.empty()) {
      compared.common.emplace_back(name, *values.begin());
    }
  }
  return compared;
}

}  // namespace bitstate::experiments

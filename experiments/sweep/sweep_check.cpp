#include "experiments/sweep/sweep_check.h"

#include "core/error.h"
#include "core/suggest.h"
#include "datasets/registry.h"
#include "experiments/report/run_record.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/options.h"
#include "experiments/sweep/run_folders.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace bitstate::experiments {

namespace {

/// The settings of a run that `names` holds, but for those that are checked alone when they are read.
template <class Names>
std::string key_of(const RunConfig& config, const Names& names) {
  Settings kept = settings(config);
  kept.emplace_back("data", config.data.path.string());
  kept.emplace_back("checkpoint", config.run.resume ? config.run.out : "");
  kept.emplace_back("weights", config.source.digest);
  std::erase_if(kept, [&](const auto& setting) {
    const Option* const option = find_option(option_table(), setting.first);
    return (option != nullptr && option->checked_alone) || !names(setting.first);
  });
  return format_ini(kept);
}

std::string data_key(const RunConfig& config) {
  std::vector<std::string> names = {"dataset", "checkpoint", "weights"};
  for (const OptionInfo& option : datasets::data_options().rows()) names.push_back(option.name);
  return key_of(config, [&](std::string_view name) { return is_one_of(name, names); });
}

std::string model_key(const RunConfig& config) {
  return key_of(config, [](std::string_view) { return true; }) + quant_rules(config);
}

/// The run as its own process will see it.
RunConfig started(const SweepRun& run, const std::filesystem::path& folder) {
  RunConfig config = run.config;
  config.run.out = folder.string();
  config.run.resume = std::filesystem::exists(folder / "checkpoint.h5");
  config.run.threads = 1;  // for one sequence
  return config;
}

/// Calls `check`; what it refuses is refused as a mistake of this run.
template <class F>
void check_run(std::string_view where, const SweepRun& run, const F& check) {
  try {
    check();
  } catch (const Error& error) {
    fail<UsageError>(where, "the run {} cannot be trained: {}", run.label, error.what());
  }
}

}  // namespace

void check_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::string_view where) {
  struct Row {
    const SweepRun* run;
    RunConfig config;
  };
  std::map<std::string, std::vector<Row>> rows;  // by their data, which are held one at a time
  std::set<std::string> finished;
  const auto folders = run_folders(plan, out);
  for (const SweepRun& run : plan) {
    const auto& folder = folders.at(run.hash);
    if (status_of(folder) != RunRecord::Status::missing) {
      if (finished.insert(data_key(run.config)).second) check_own_data(run.config, folder);
      continue;
    }
    RunConfig config = started(run, folder);
    std::string key = data_key(config);
    rows[std::move(key)].push_back({&run, std::move(config)});
  }
  std::set<std::string> models;
  for (const auto& [key, same] : rows) {
    datasets::Splits data;
    const Row& first = same.front();
    check_run(where, *first.run, [&] { data = training_data(first.config); });
    for (const Row& row : same) {
      if (models.insert(model_key(row.config)).second) check_run(where, *row.run, [&] { rehearse(row.config, data); });
    }
  }
}

}  // namespace bitstate::experiments

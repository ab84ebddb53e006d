#include "experiments/sweep/sweep_check.h"

#include "core/error.h"
#include "core/suggest.h"
#include "datasets/registry.h"
#include "datasets/splits.h"
#include "experiments/results/plan_file.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/options.h"
#include "experiments/sweep/run_folders.h"

#include <algorithm>
#include <chrono>
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
  for (const auto& path : own_paths(config)) kept.push_back(path);
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

/// The run as its own process will see it. Where the run that it starts from has no weights yet, it starts from none.
RunConfig started(const SweepRun& run, const RunFolders& folders) {
  RunConfig config = run.config;
  const auto& folder = folders.at(run.hash);
  if (!run.source.empty()) {
    const auto& source = folders.at(run.source);
    const bool trained = status_of(source) == RunRecord::Status::done;
    config.source.from = trained ? source.string() : "";
    config.source.digest = trained ? source_digest(source) : "";
  }
  config.run.out = folder.string();
  config.run.resume = std::filesystem::exists(folder / "checkpoint.h5");
  config.run.threads = 1;  // for one sequence
  return config;
}

/// The names and shapes of what a model of `config` takes over from another one.
std::set<std::string> tensors_of(const RunConfig& config, const datasets::Splits& data) {
  Model model = make_model(config, data);
  const Inventory inventory = take_inventory(model);
  std::set<std::string> tensors;
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    tensors.insert(fmt::format("{} of shape [{}, {}]", name, tensor.rows, tensor.cols));
  };
  for (const auto& [name, parameter] : inventory.parameters) add(name, parameter->value);
  for (const auto& [name, buffer] : inventory.buffers) add(name, buffer->value);
  return tensors;
}

/// Throws UsageError where a run starts from one of another model.
void check_source(const RunConfig& config, const RunConfig& source, const datasets::Splits& data) {
  const auto given = tensors_of(source, data);
  const auto wanted = tensors_of(config, data);
  for (const std::string& tensor : wanted) {
    require<UsageError>(given.count(tensor) > 0, "from",
                        "this model has {}, which the run it starts from does not have", tensor);
  }
  for (const std::string& tensor : given) {
    require<UsageError>(wanted.count(tensor) > 0, "from",
                        "the run it starts from has {}, which this model does not have", tensor);
  }
}

/// Calls `check`; what it throws is thrown as an error of the same kind, of this run.
template <class F>
void check_run(std::string_view where, const SweepRun& run, const F& check) {
  constexpr auto words = "the run {} cannot be trained: {}";
  try {
    check();
  } catch (const UsageError& error) {
    fail<UsageError>(where, words, run.label, error.what());
  } catch (const Error& error) {
    fail(where, words, run.label, error.what());
  }
}

const RunConfig& planned(const std::vector<SweepRun>& plan, const std::string& hash) {
  return std::find_if(plan.begin(), plan.end(), [&](const SweepRun& run) { return run.hash == hash; })->config;
}

}  // namespace

std::string check_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::string_view where,
                        const KindOfRun& each_kind) {
  struct Row {
    const SweepRun* run;
    RunConfig config;
  };
  (void)read_plan_file(out);                     // a damaged one is not written over
  std::map<std::string, std::vector<Row>> rows;  // by their data, which are held one at a time
  std::set<std::string> finished;
  const auto folders = run_folders(plan, out);
  for (const SweepRun& run : plan) {
    if (has_result(run, folders)) {
      if (finished.insert(data_key(run.config)).second) check_own_data(run.config, folders.at(run.hash));
      continue;
    }
    RunConfig config = started(run, folders);
    std::string key = data_key(config);
    rows[std::move(key)].push_back({&run, std::move(config)});
  }
  std::set<std::string> digests;
  for (const auto& [key, same] : rows) {
    datasets::Splits data;
    const Row& first = same.front();
    const auto began = std::chrono::steady_clock::now();
    check_run(where, *first.run, [&] { data = training_data(first.config); });
    const std::chrono::duration<double> reading = std::chrono::steady_clock::now() - began;
    digests.insert(datasets::digest(data));
    std::map<std::string, std::vector<std::string>> kinds;  // hashes by what decides whether a run can begin
    for (const Row& row : same) kinds[model_key(row.config)].push_back(row.run->hash);
    for (const Row& row : same) {
      const auto kind = kinds.extract(model_key(row.config));
      if (kind.empty()) continue;  // done with the first of them
      check_run(where, *row.run, [&] {
        rehearse(row.config, data);
        if (!row.run->source.empty()) check_source(row.config, planned(plan, row.run->source), data);
      });
      if (each_kind) each_kind(kind.mapped(), row.config, data, reading.count());
    }
  }
  return digests.size() == 1 ? *digests.begin() : "";
}

}  // namespace bitstate::experiments

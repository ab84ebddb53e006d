#include "experiments/run_folder/train.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "datasets/splits.h"
#include "experiments/host/console.h"
#include "experiments/host/machine.h"
#include "experiments/host/signals.h"
#include "experiments/host/version.h"
#include "experiments/run_folder/claim.h"
#include "experiments/run_folder/extend.h"
#include "experiments/run_folder/give_up.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/memory_budget.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/run.h"
#include "experiments/run_folder/source.h"
#include "experiments/settings/options.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// As the weights that a training goes on or starts from read this data set; nothing if there are none of it. The
/// user's own data are read like any other numbers that the weights know.
std::optional<datasets::Reading> known_reading(const RunConfig& config, const std::filesystem::path& folder) {
  const auto checkpoint = folder / "checkpoint.h5";
  if (config.run.resume && std::filesystem::exists(checkpoint)) return trained_on(checkpoint).reading;
  const auto source = std::filesystem::path(config.source.from) / "best.h5";
  if (config.source.from.empty() || !std::filesystem::exists(source)) return {};
  const TrainedOn before = trained_on(source);
  const bool knows_own = config.dataset == "own" && before.reading.vocabulary.empty();
  if (before.dataset != config.dataset && !knows_own) return {};
  return before.reading;
}

/// Begins the log of the run, and writes what is known before its first step.
void begin_files(const RunConfig& config, const Run& run) {
  const fs::path folder = config.run.out;
  log_to(folder / "train.log");
  print_line(run.data_summary());
  if (config.dataset == "own") {
    for (const std::string& warning : run.data_warnings()) print_line("warning: " + warning);
  }
  for (const std::string& warning : {other_columns(config), run.warning()}) {
    if (!warning.empty()) print_line(warning);
  }
  for (const char* const name :
       {"settings.ini", "parameters.txt", "metrics.jsonl", "checkpoint.h5", "best.h5", "result.json", "sites.csv",
        "eigenvalues.csv", "instructions.csv", "evolve.h5", "evolve.csv"}) {
    remove_stale_temporaries(folder / name);  // of a killed process
  }
  write_file_atomically(folder / "settings.ini", settings_text(config));
  if (epochs_of(config) > 0) write_file_atomically(folder / "parameters.txt", run.parameter_table());
}

}  // namespace

datasets::Splits training_data(const RunConfig& config) {
  const datasets::OwnFiles& parts = config.data.own.parts;
  require<UsageError>(parts.test.empty() || !parts.train.empty(), "train",
                      "is missing: a test part alone is for eval; training needs --train=PATH, too");
  return load_data(config, known_reading(config, config.run.out));
}

void rehearse(const RunConfig& config, const datasets::Splits& data) { Run(config, config.run.out, data).rehearse(); }

namespace {

TrainResult train_with(const RunConfig& given, const std::shared_ptr<Team>& team,
                       const std::function<datasets::Splits()>& read) {
  const StopSignals signals;  // from here on, also while the data are read
  const std::filesystem::path folder = given.run.out;
  RunConfig config = as_chosen(given, folder);
  const auto result_file = folder / "result.json";
  std::error_code error;
  require<UsageError>(config.source.from.empty() || !std::filesystem::equivalent(folder, config.source.from, error),
                      "out", "{} is the run that this one starts from; choose another --out", folder.string());
  std::optional<FolderLock> lock;  // before anything is read, so that nothing changes between reading and writing
  if (team->leads()) lock.emplace(folder);
  if (std::filesystem::exists(result_file) || std::filesystem::exists(folder / "checkpoint.h5") ||
      std::filesystem::exists(folder / "evolve.h5")) {
    require<UsageError>(config.run.resume, "train",
                        "{} already holds a run; --resume continues it, or choose another --out", folder.string());
  }
  if (team->leads()) reopen_given_up(folder, config.run.give_up);
  const unsigned attempt = team->leads() ? own_attempt(folder) : 0;
  (void)team->any(false);  // now all see what the first of them has taken away
  const bool finished = std::filesystem::exists(result_file);
  team->require_same(finished ? "finished" : "", "team", "the processes do not see the same folder");
  if (finished) {
    for (const char* const name : {"checkpoint.h5", "best.h5"}) {
      if (std::filesystem::exists(folder / name)) check_identity(folder / name, identity_of(config));
    }
    check_own_data(config, folder);
    return result_from_json(read_file(result_file, std::size_t{1} << 20), result_file.string());
  }
  const std::string shorter = team->leads() ? extended_from(folder) : "";
  const datasets::Splits data = read();
  std::string said;
  config = within_budget(config, folder, data, said);
  Run run(config, folder, data, team);
  run.begin();
  if (team->leads()) begin_files(config, run);
  if (team->leads() && !said.empty()) print_line(said);
  TrainResult result = run.train();
  result.program = program_version();
  result.date = date_of_today();
  result.extended_from = shorter;
  result.cpu = cpu_model();
  result.cores = std::thread::hardware_concurrency();
  result.attempt = attempt;
  if (!team->leads()) return result;
  if (result.status != "interrupted") {
    require(accept_result(folder, attempt, to_json(result) + "\n"), folder.string(),
            "another process has taken this run over; its result counts");
  }
  if (result.status == "done") run.describe();
  return result;
}

}  // namespace

TrainResult train(const RunConfig& config, const std::shared_ptr<Team>& team) {
  return train_with(config, team, [&] { return training_data(config); });
}

TrainResult train_on(const RunConfig& config, const datasets::Splits& data) {
  return train_with(config, std::make_shared<Team>(), [&] { return data; });
}

TrainResult evaluate(const RunConfig& config, const std::filesystem::path& folder) {
  require(std::filesystem::exists(folder / "best.h5"), "eval",
          "{} holds no best.h5: it is not the folder of a trained run", folder.string());
  // a model may be asked about other data and rates than those it was trained with; all else must be as it was
  const RunConfig before = load_run_config((folder / "settings.ini").string(), {});
  RunConfig trained = config;
  for (const Option& option : option_table()) {
    if (option.of_evaluation) option.set(trained, option.text(before));
  }
  RunConfig asked = config;
  if (!config.data.own.parts.test.empty()) asked.data.own.parts = {.test = config.data.own.parts.test};
  asked.data.own.folding = {};  // the test part is the same, and other data may be too short for them
  const StopSignals signals;
  Run run(asked, folder, load_data(asked, trained_on(folder / "best.h5").reading));
  if (config.dataset == "own") print_line(run.test_summary());
  const std::string warning = evaluation_warning(config.model, before.model, run.model());
  if (!warning.empty()) print_line(warning);
  return run.evaluate_best(identity_of(trained));
}

}  // namespace bitstate::experiments

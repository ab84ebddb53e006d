#include "experiments/run_folder/train.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "datasets/splits.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/version.h"
#include "experiments/inspect/inspect.h"
#include "experiments/posttraining/transform.h"
#include "experiments/run_folder/claim.h"
#include "experiments/run_folder/curves.h"
#include "experiments/run_folder/extend.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/inspect_run.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/source.h"
#include "experiments/settings/options.h"
#include "experiments/training/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

/// A wish to stop has arrived and everything is saved.
struct Interrupted {};

/// As the weights that a training goes on or starts from read this data set; nothing if there are none of it.
std::optional<datasets::Reading> known_reading(const RunConfig& config, const std::filesystem::path& folder) {
  const auto checkpoint = folder / "checkpoint.h5";
  if (config.run.resume && std::filesystem::exists(checkpoint)) return trained_on(checkpoint).reading;
  const auto source = std::filesystem::path(config.source.from) / "best.h5";
  if (config.source.from.empty() || !std::filesystem::exists(source)) return {};
  const TrainedOn before = trained_on(source);
  if (before.dataset != config.dataset) return {};
  return before.reading;
}

/// One run: a trainer, its data and its folder.
class Run {
 public:
  Run(const RunConfig& config, std::filesystem::path folder, datasets::Splits data,
      const std::shared_ptr<Team>& team = std::make_shared<Team>())
      : config_(config),
        folder_(std::move(folder)),
        data_(std::move(data)),
        options_(trainer_options(config, data_)),
        team_(team),
        trainer_(make_model(config, data_), with_callbacks(options_)),
        steps_per_epoch_(trainer_.steps_per_epoch(*data_.train)) {}
  Run(const Run&) = delete;  // the callbacks know where it is

  void begin();
  void rehearse();
  TrainResult train();
  TrainResult evaluate_best(const RunIdentity& trained);
  void describe() const;
  /// Name, size, group, rate and decay of every parameter.
  std::string parameter_table() const { return trainer_.optimizer().table(); }
  std::string data_summary() const { return datasets::summary(data_); }
  /// What was not taken over from the source; empty: nothing.
  const std::string& warning() const { return warning_; }
  const Model& model() const { return trainer_.model(); }

 private:
  TrainerOptions with_callbacks(TrainerOptions options);
  const datasets::Dataset& validation() const { return data_.validation ? *data_.validation : *data_.test; }
  std::filesystem::path file(const char* name) const { return folder_ / name; }
  Team& team() const { return *team_; }

  bool resumes() const { return config_.run.resume && fs::exists(file("checkpoint.h5")); }
  void take_over();
  void require_same_everywhere();
  void write(const char* name, const std::string& text) const;
  void transform();
  void say_whether_exportable();
  void end_step(const Progress& progress);
  void end_epoch(const EpochResult& epoch);
  void learn();
  void keep_untrained();
  TrainResult tested();
  void save();
  TrainResult result(std::string status) const;

  RunConfig config_;
  std::filesystem::path folder_;
  datasets::Splits data_;
  TrainerOptions options_;
  std::shared_ptr<Team> team_;
  Trainer trainer_;
  std::size_t steps_per_epoch_;
  std::optional<ProgressBar> bar_;
  std::optional<CurvesFile> curves_;
  Clock::time_point saved_ = Clock::now();
  std::string warning_;   // about the weights of the source
  std::string diverged_;  // before the training: why
  double seconds_before_ = 0.0;
  std::uint64_t tokens_before_ = 0;
};

TrainerOptions Run::with_callbacks(TrainerOptions options) {
  options.team = team_;
  options.callbacks.step = [this](const Progress& progress) { end_step(progress); };
  options.callbacks.epoch = [this](const EpochResult& epoch) { end_epoch(epoch); };
  options.callbacks.stop = [] { return StopSignals::requested(); };
  return options;
}

void Run::save() {
  trainer_.save(file("checkpoint.h5"));
  saved_ = Clock::now();
}

void Run::end_step(const Progress& progress) {
  if (curves_) curves_->end_step(progress, trainer_.seconds());
  if (std::chrono::duration<double>(Clock::now() - saved_).count() >= config_.run.checkpoint_seconds) save();
  bar_->show(progress.epoch * steps_per_epoch_ + progress.step,
             fmt::format("epoch {}/{}  loss {:.4f}", progress.epoch + 1, options_.epochs,
                         progress.loss_sum / static_cast<double>(progress.step)));
}

void Run::end_epoch(const EpochResult& epoch) {
  const std::string name = "val_" + std::string(metric_name(trainer_.metric()));
  json line = {{"epoch", epoch.epoch}, {"train_loss", epoch.train_loss}, {"val_loss", epoch.validation.loss}};
  line[name] = epoch.validation.metric;
  if (curves_) curves_->end_epoch(epoch, trainer_.seconds());  // before the checkpoint, which then has no row too few
  trainer_.keep_metrics(trainer_.progress().metrics + line.dump() + "\n");
  if (epoch.best) trainer_.save_weights(file("best.h5"));
  write("metrics.jsonl", trainer_.progress().metrics);
  save();
  bar_->line(fmt::format("epoch {:3}/{}  train loss {:.4f}  val loss {:.4f}  {} {:.4f}  {}", epoch.epoch,
                         options_.epochs, epoch.train_loss, epoch.validation.loss, name, epoch.validation.metric,
                         duration_text(trainer_.progress().seconds)));
}

void Run::say_whether_exportable() {
  const std::string obstacle = trainer_.located("calibration", [&] {
    return export_obstacle(trainer_.model(), trainer_.inventory(), data_, options_.padded_length);
  });
  if (!obstacle.empty()) bar_->line(obstacle);
}

/// Trains until the end, or until all that was learnt is saved and a wish to stop is obeyed.
void Run::learn() {
  if (team().leads()) {
    curves_.emplace(folder_, trainer_.schedule(*data_.train),
                    named_rates(trainer_.optimizer(), options_.lr, options_.second_lr), metric_name(trainer_.metric()),
                    config_.run.tensorboard, [this](std::string_view warning) { bar_->line(warning); });
    curves_->begin(trainer_.progress(), trainer_.seconds());
  }
  if (trainer_.train(*data_.train, validation())) return;
  if (curves_) curves_->end_step(trainer_.progress(), trainer_.seconds());  // which a stop has kept from end_step()
  save();
  throw Interrupted{};
}

/// The calibrated weights of the source are the best ones of a run without training.
void Run::keep_untrained() {
  const auto evaluation = trainer_.located("validation", [&] { return trainer_.evaluate(validation()); });
  if (!evaluation) throw Interrupted{};
  trainer_.keep_best(evaluation->metric);
  trainer_.save_weights(file("best.h5"));
}

TrainResult Run::result(std::string status) const {
  const Progress& progress = trainer_.progress();
  const double session_seconds = trainer_.seconds() - seconds_before_;
  TrainResult r;
  r.status = std::move(status);
  r.metric_name = metric_name(trainer_.metric());
  r.val_metric = progress.best;
  r.epochs = progress.epoch;
  r.seconds = trainer_.seconds();
  r.tokens_per_second = static_cast<double>(progress.tokens - tokens_before_) / std::max(1e-9, session_seconds);
  r.peak_rss_bytes = peak_rss_bytes();
  r.weights_digest = weights_digest(trainer_.inventory());
  r.size_bits = size_bits(trainer_.inventory());
  r.poles = pole_cost(trainer_.inventory());
  r.exit_code = r.status == "done" ? 0 : (r.status == "interrupted" ? exit_interrupted : 1);
  return r;
}

/// Changes the weights of the source as the options say.
void Run::transform() {
  const auto steps = transforms_of(config_.source);
  trainer_.transform(*data_.train, [&](const TransformTarget& target) { apply_transforms(steps, target); });
}

/// Takes over where the folder's checkpoint stands, or else the weights of the run that this one starts from.
void Run::take_over() {
  if (resumes()) {
    check_identity(file("checkpoint.h5"), options_.identity);
    trainer_.resume(file("checkpoint.h5"));
    seconds_before_ = trainer_.progress().seconds;
    tokens_before_ = trainer_.progress().tokens;
  } else if (!config_.source.from.empty()) {
    warning_ = load_source(config_, data_, trainer_.inventory());
  }
}

/// Files that others may see are written by one process.
void Run::write(const char* name, const std::string& text) const {
  if (team().leads()) write_file_atomically(file(name), text);
}

/// Ranks of a team that have read different things must not train together.
void Run::require_same_everywhere() {
  if (team().size() == 1) return;
  const Progress& progress = trainer_.progress();
  team().require_same(options_.identity.settings + options_.identity.rules, "team",
                      "the processes were started with different options");
  team().require_same(options_.identity.data, "team", "the processes have read different data");
  team().require_same(fmt::format("{} {} {}", progress.epoch, progress.step, weights_digest(trainer_.inventory())),
                      "team", "the processes have read different weights: they must see the same folder");
}

void Run::begin() {
  take_over();
  const std::string& metrics = trainer_.progress().metrics;
  require_same_everywhere();
  if (!metrics.empty()) write("metrics.jsonl", metrics);
  if (resumes()) return;
  try {
    transform();
  } catch (const DivergedError& error) {
    diverged_ = error.what();
  }
  check_missing_ranges(trainer_.inventory(), options_.calibration_batches);
}

/// Runs one sequence through what begin() would train: a layer may refuse its quantizers only when it computes.
void Run::rehearse() {
  take_over();
  if (!resumes()) check_missing_ranges(trainer_.inventory(), options_.calibration_batches);
  const std::size_t first = 0;
  try {
    trainer_.runner().run(LaneRunner::Mode::begin, *data_.train, {&first, 1});
  } catch (const DivergedError&) {  // what becomes of the run is for the run to show
  }
}

/// The result of a training that is done: that of its best weights on the test part.
TrainResult Run::tested() {
  TrainResult r = result("done");
  (void)team().any(false);  // the first rank has written what all read
  check_identity(file("best.h5"), options_.identity);
  trainer_.load_weights(file("best.h5"));
  require_same_everywhere();
  const auto test = trainer_.located("test", [&] { return trainer_.evaluate(*data_.test); });
  if (!test) throw Interrupted{};
  r.test_metric = test->metric;
  r.test_loss = test->loss;
  r.peak_rss_bytes = peak_rss_bytes();
  bar_->line(fmt::format("test {} {:.4f}  loss {:.4f}  (weights of epoch {})  arena {:.1f} MB",
                         metric_name(trainer_.metric()), test->metric, test->loss, trainer_.progress().best_epoch,
                         static_cast<double>(trainer_.runner().peak_arena_bytes()) / 1e6));
  return r;
}

TrainResult Run::train() {
  const Progress& progress = trainer_.progress();
  const std::size_t steps_before = progress.epoch * steps_per_epoch_ + progress.step;
  bar_.emplace(options_.epochs * steps_per_epoch_, steps_before);
  if (steps_before > 0) bar_->line(fmt::format("resumed at epoch {}, step {}", progress.epoch + 1, progress.step + 1));
  try {
    if (!diverged_.empty()) throw DivergedError(diverged_);
    if (team().any(StopSignals::requested())) throw Interrupted{};  // nothing to save yet
    trainer_.calibrate(*data_.train);
    say_whether_exportable();
    if (options_.epochs == 0) {
      keep_untrained();
    } else {
      learn();
    }
    return tested();
  } catch (const Interrupted&) {
    bar_->line("stopped; --resume continues");
    return result("interrupted");
  } catch (const DivergedError& error) {
    TrainResult r = result("diverged");
    r.reason = error.what();
    return r;
  }
}

/// Says what the weights that were tested are made of. The result is there already, whatever becomes of this.
void Run::describe() const {
  try {
    write_inspection(trainer_.model(), trainer_.inventory(), *data_.train, options_.padded_length, folder_);
  } catch (const std::exception& error) {
    print_line(fmt::format("warning: {}; bitstate inspect says what it would hold", error.what()));
  }
}

TrainResult Run::evaluate_best(const RunIdentity& trained) {
  check_identity(file("best.h5"), trained);
  const Progress progress = trainer_.load_weights(file("best.h5"));
  const auto began = Clock::now();
  const auto test = trainer_.evaluate(*data_.test);
  TrainResult r = result(test ? "done" : "interrupted");
  r.val_metric = progress.best;
  r.epochs = progress.epoch;
  r.seconds = std::chrono::duration<double>(Clock::now() - began).count();
  if (!test) return r;
  r.tokens_per_second = static_cast<double>(test->tokens) / std::max(1e-9, r.seconds);
  r.test_metric = test->metric;
  r.test_loss = test->loss;
  return r;
}

/// Begins the log of the run, and writes what is known before its first step.
void begin_files(const RunConfig& config, const Run& run) {
  const fs::path folder = config.run.out;
  log_to(folder / "train.log");
  print_line(run.data_summary());
  for (const std::string& warning : {other_columns(config), run.warning()}) {
    if (!warning.empty()) print_line(warning);
  }
  for (const char* const name : {"settings.ini", "parameters.txt", "metrics.jsonl", "checkpoint.h5", "best.h5",
                                 "result.json", "sites.csv", "eigenvalues.csv"}) {
    remove_stale_temporaries(folder / name);  // of a killed process
  }
  write_file_atomically(folder / "settings.ini", settings_text(config));
  if (epochs_of(config) > 0) write_file_atomically(folder / "parameters.txt", run.parameter_table());
}

}  // namespace

datasets::Splits training_data(const RunConfig& config) {
  return load_data(config, known_reading(config, config.run.out));
}

void rehearse(const RunConfig& config, const datasets::Splits& data) { Run(config, config.run.out, data).rehearse(); }

TrainResult train(const RunConfig& config, const std::shared_ptr<Team>& team) {
  const StopSignals signals;  // from here on, also while the data are read
  const std::filesystem::path folder = config.run.out;
  const auto result_file = folder / "result.json";
  std::error_code error;
  require<UsageError>(config.source.from.empty() || !std::filesystem::equivalent(folder, config.source.from, error),
                      "out", "{} is the run that this one starts from; choose another --out", folder.string());
  std::optional<FolderLock> lock;  // before anything is read, so that nothing changes between reading and writing
  if (team->leads()) lock.emplace(folder);
  const unsigned attempt = team->leads() ? own_attempt(folder) : 0;
  if (std::filesystem::exists(result_file) || std::filesystem::exists(folder / "checkpoint.h5")) {
    require<UsageError>(config.run.resume, "train",
                        "{} already holds a run; --resume continues it, or choose another --out", folder.string());
  }
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
  Run run(config, folder, training_data(config), team);
  run.begin();
  if (team->leads()) begin_files(config, run);
  TrainResult result = run.train();
  result.program = program_version();
  result.date = date_of_today();
  result.extended_from = shorter;
  if (!team->leads()) return result;
  if (result.status != "interrupted") {
    require(accept_result(folder, attempt, to_json(result) + "\n"), folder.string(),
            "another process has taken this run over; its result counts");
  }
  if (result.status == "done") run.describe();
  return result;
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
  const StopSignals signals;
  auto data = load_data(config, trained_on(folder / "best.h5").reading);
  Run run(config, folder, std::move(data));
  const std::string warning = evaluation_warning(config.model, before.model, run.model());
  if (!warning.empty()) print_line(warning);
  return run.evaluate_best(identity_of(trained));
}

}  // namespace bitstate::experiments

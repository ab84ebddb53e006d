#include "experiments/run_folder/run.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/host/machine.h"
#include "experiments/host/signals.h"
#include "experiments/inspect/inspect.h"
#include "experiments/posttraining/evolve/state_file.h"
#include "experiments/posttraining/transform.h"
#include "experiments/run_folder/give_up.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/inspect_run.h"
#include "experiments/run_folder/source.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

/// A wish to stop has arrived and everything is saved.
struct Interrupted {};

/// Everything is saved, and the rule of the run says that more epochs are in vain.
struct GivenUp {
  std::string reason;
};

}  // namespace

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
  if (is_in_bits(metric_name(trainer_.metric()))) line["val_perplexity"] = std::exp2(epoch.validation.metric);
  if (curves_) curves_->end_epoch(epoch, trainer_.seconds());  // before the checkpoint, which then has no row too few
  trainer_.keep_metrics(trainer_.progress().metrics + line.dump() + "\n");
  if (epoch.best) trainer_.save_weights(file("best.h5"));
  write("metrics.jsonl", trainer_.progress().metrics);
  save();
  bar_->line(fmt::format("epoch {:3}/{}  train loss {:.4f}  val loss {:.4f}  {} {:.4f}{}  {}", epoch.epoch,
                         options_.epochs, epoch.train_loss, epoch.validation.loss, name, epoch.validation.metric,
                         perplexity_text(metric_name(trainer_.metric()), epoch.validation.metric),
                         duration_text(trainer_.progress().seconds)));
  give_up_if_hopeless();
}

/// A run is never judged by its test part, which validates where there is no other.
void Run::check_give_up() const {
  const auto& rule = config_.run.give_up;
  if (!rule || rule->epoch >= options_.epochs) return;
  require<UsageError>(data_.validation != nullptr, "give_up",
                      "{} has no validation part to judge a run by, and the test part is not for that; "
                      "--val_split=0.1 holds back a tenth of the training part",
                      config_.dataset);
}

/// What is saved is enough to go on where the rule is taken away.
void Run::give_up_if_hopeless() const {
  const Progress& progress = trainer_.progress();
  if (!config_.run.give_up || progress.epoch >= options_.epochs) return;
  std::string reason = reason_to_give_up(*config_.run.give_up, trainer_.metric(), progress.metrics);
  if (!reason.empty()) throw GivenUp{std::move(reason)};
}

void Run::say_whether_exportable() {
  const std::string obstacle = trainer_.located("calibration", [&] {
    return export_obstacle(trainer_.model(), trainer_.inventory(), data_, options_.padded_length);
  });
  if (!obstacle.empty()) bar_->line(obstacle);
}

void Run::print_ledger() {
  const Inventory& inventory = trainer_.inventory();
  MemoryLedger ledger =
      memory_ledger(trainer_.model(), inventory, *data_.train, step_settings(config_, data_, inventory));
  ledger.run = folder_.string();
  bar_->line(ledger_text(ledger));
}

/// Keeps what the frozen layers give over the epochs, if there is memory for it, and says so.
void Run::keep_prefix() {
  if (!config_.run.cache_prefix) return;
  datasets::Example first;
  data_.train->read(0, first);
  const std::size_t bytes =
      trainer_.located("frozen layers", [&] { return *trainer_.runner().prefix_bytes(*data_.train, 0); });
  const std::size_t documents = data_.pairs ? 2 : 1;
  const double steps = options_.padded_length > 0 ? 1.0 : double(data_.max_length) / double(first.length);
  const double all = double(bytes) * steps * double(data_.train->size() * documents);
  const auto available = static_cast<double>(available_bytes());
  const bool fits = available == 0.0 || all < 0.8 * available;
  bar_->line(fmt::format("{}: {} of {} bytes per sequence take up to {:.1f} MB, {:.1f} MB are free",
                         fits ? "the results of the frozen layers are kept"
                              : "the results of the frozen layers are computed in each epoch",
                         data_.train->size() * documents, static_cast<std::size_t>(double(bytes) * steps), all / 1e6,
                         available / 1e6));
  if (fits) trainer_.runner().keep_prefix();
}

/// Trains until the end, or until all that was learnt is saved and a wish to stop is obeyed.
void Run::learn() {
  if (team().leads()) {
    curves_.emplace(folder_, trainer_.schedule(*data_.train),
                    named_rates(trainer_.optimizer(), options_.lr, options_.second_lr), metric_name(trainer_.metric()),
                    config_.run.tensorboard, [this](std::string_view warning) { bar_->line(warning); });
    curves_->begin(trainer_.progress(), trainer_.seconds());
  }
  if (config_.run.ledger) print_ledger();
  keep_prefix();
  give_up_if_hopeless();  // it was stopped before it had its result, or the rule is new
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

/// Of what is searched, and how.
std::string Run::search_identity() const {
  const RunIdentity& own = options_.identity;
  return own.settings + own.rules + own.source + own.data;
}

/// Moves the calibrated ranges as the options say.
void Run::search() {
  const auto steps = transforms_of(config_.source);
  if (resumes() || !has_search(steps)) return;
  TransformHost host;
  host.source = &*source_;
  host.folder = folder_;
  host.identity = search_identity();
  host.resume = config_.run.resume;
  host.stop = options_.callbacks.stop;
  host.say = [this](std::string_view line) { bar_->line(line); };
  host.progress = [this](std::size_t done, std::size_t total, std::string_view note) {
    if (!search_bar_) search_bar_.emplace(total, done);
    search_bar_->show(done, note);
  };
  trainer_.adjust(*data_.train, host, [&](const TransformTarget& target) { apply_transforms(steps, target, true); });
  search_bar_.reset();
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
  check_give_up();
  take_over();
  const std::string& metrics = trainer_.progress().metrics;
  require_same_everywhere();
  if (!metrics.empty()) write("metrics.jsonl", metrics);
  if (resumes()) return;
  if (has_search(transforms_of(config_.source))) {
    require<UsageError>(team().size() == 1, "transforms", "a search of ranges runs in one process, not in {}",
                        team().size());
    const auto kept = file("evolve.h5");
    if (config_.run.resume && std::filesystem::exists(kept)) check_search(kept, search_identity());
    source_ = trainer_.model();
  }
  try {
    transform();
  } catch (const DivergedError& error) {
    diverged_ = error.what();
  }
  check_missing_ranges(trainer_.inventory(), options_.calibration_batches);
}

/// Runs one sequence through what begin() would train: a layer may refuse its quantizers only when it computes.
void Run::rehearse() {
  check_give_up();
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
  r.test_details = test_details(test->details, config_, data_.reading);
  r.peak_rss_bytes = peak_rss_bytes();
  bar_->line(fmt::format(
      "test {} {:.4f}{}  loss {:.4f}  (weights of epoch {})  arena {:.1f} MB", metric_name(trainer_.metric()),
      test->metric, perplexity_text(metric_name(trainer_.metric()), test->metric), test->loss,
      trainer_.progress().best_epoch, static_cast<double>(trainer_.runner().peak_arena_bytes()) / 1e6));
  const std::string details = details_line(r.test_details);
  if (!details.empty()) bar_->line(details);
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
    search();
    say_whether_exportable();
    if (options_.epochs == 0) {
      keep_untrained();
    } else {
      learn();
    }
    return tested();
  } catch (const TransformStopped&) {
    bar_->line("stopped; --resume continues");
    return result("interrupted");
  } catch (const Interrupted&) {
    bar_->line("stopped; --resume continues");
    return result("interrupted");
  } catch (const DivergedError& error) {
    TrainResult r = result("diverged");
    r.reason = error.what();
    return r;
  } catch (const GivenUp& given_up) {
    bar_->line("given up " + given_up.reason);
    TrainResult r = result("given up");
    r.reason = given_up.reason;
    r.give_up = text_of(config_.run.give_up);
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
  r.test_details = test_details(test->details, config_, data_.reading);
  return r;
}

}  // namespace bitstate::experiments

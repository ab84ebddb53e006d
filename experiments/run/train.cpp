#include "experiments/run/train.h"

#include "autograd/optimizer.h"
#include "autograd/schedule.h"
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "core/random.h"
#include "datasets/splits.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/version.h"
#include "experiments/inspect/inspect.h"
#include "experiments/run/model_setup.h"
#include "experiments/settings/source.h"
#include "experiments/training/calibration.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/lane_runner.h"
#include "models/layers/norm.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

/// A wish to stop has arrived and everything is saved.
struct Interrupted {};

/// The order of the training sequences in an epoch: Fisher-Yates on counter-based numbers, a function of seed and
/// epoch.
std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Random random{seed, random_stream("order", epoch)};
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i, i)]);
  return order;
}

/// As the weights that a training goes on or starts from read this data set; nothing if there are none of it.
std::optional<datasets::Reading> known_reading(const RunConfig& config, const std::filesystem::path& folder) {
  const auto checkpoint = folder / "checkpoint.h5";
  if (config.resume && std::filesystem::exists(checkpoint)) return trained_on(checkpoint).reading;
  const auto source = std::filesystem::path(config.from) / "best.h5";
  if (config.from.empty() || !std::filesystem::exists(source)) return {};
  const TrainedOn before = trained_on(source);
  if (before.dataset != config.dataset) return {};
  return before.reading;
}

struct Evaluation {
  double loss = 0.0;
  double metric = 0.0;
  std::uint64_t tokens = 0;
};

/// One run: the model, its data and everything that changes while it trains.
class Run {
 public:
  Run(const RunConfig& config, std::filesystem::path folder, datasets::Splits data)
      : config_(config),
        folder_(std::move(folder)),
        identity_(identity_of(config)),
        data_(std::move(data)),
        metric_(metric_of(data_)),
        model_(make_model(config, data_)),
        inventory_(prepared()),
        workers_(config.threads),
        runner_(model_, inventory_, metric_,
                {config.lanes, config.pad, data_.max_length, config.batchnorm, data_.reading.target_units}, workers_),
        optimizer_(inventory_.parameters, optimizer_settings(config)),
        steps_per_epoch_(data_.train->size() / config.bsz),
        epochs_(epochs_of(config)),
        schedule_{steps_per_epoch_, epochs_, config.warmup_end, config.cosine_anneal, config.lr_min} {
    require<UsageError>(steps_per_epoch_ > 0, "bsz",
                        "expected at most {1}, the sequences of the training part, got \"{0}\"", config.bsz,
                        data_.train->size());
    identity_.data = datasets::digest(data_);
    identity_.reading = data_.reading;
    check_calibration(inventory_, config.calibration_batches);
  }

  void begin();
  void rehearse();
  TrainResult train();
  TrainResult evaluate_best(const RunIdentity& trained);
  /// Name, size, group, rate and decay of every parameter.
  std::string parameter_table() const { return optimizer_.table(); }
  std::string data_summary() const { return datasets::summary(data_); }

 private:
  Inventory prepared() {
    Inventory inventory = take_inventory(model_);
    apply_quantization(config_, inventory);
    return inventory;
  }
  const datasets::Dataset& validation() const { return data_.validation ? *data_.validation : *data_.test; }
  std::filesystem::path file(const char* name) const { return folder_ / name; }

  bool resumes() const { return config_.resume && fs::exists(file("checkpoint.h5")); }
  void take_over();
  template <class F>
  auto located(std::string_view where, const F& f) const;
  CalibrationData calibration_data(std::span<const std::size_t> order) const;
  void balance_states();
  void calibrate();
  void say_whether_exportable(ProgressBar& bar) const;
  void train_epoch(ProgressBar& bar);
  void train_step(std::span<const std::size_t> indices);
  void end_epoch(ProgressBar& bar);
  void keep_untrained();
  std::optional<Evaluation> evaluate(const datasets::Dataset& part);
  void save();
  void save_in_time();
  double session_seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }
  TrainResult result(std::string status) const;

  RunConfig config_;
  std::filesystem::path folder_;
  RunIdentity identity_;
  datasets::Splits data_;
  Metric metric_;
  Model model_;
  Inventory inventory_;
  Workers workers_;
  LaneRunner runner_;
  Optimizer optimizer_;
  std::size_t steps_per_epoch_;
  std::size_t epochs_;
  Schedule schedule_;
  Progress progress_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point saved_ = Clock::now();
  double seconds_before_ = 0.0;
  std::uint64_t tokens_before_ = 0;
};

void Run::save() {
  progress_.seconds = seconds_before_ + session_seconds();
  save_checkpoint(file("checkpoint.h5"), identity_, progress_, inventory_, &optimizer_);
  saved_ = Clock::now();
}

void Run::save_in_time() {
  if (StopSignals::requested()) {
    save();
    throw Interrupted{};
  }
  if (std::chrono::duration<double>(Clock::now() - saved_).count() >= config_.checkpoint_seconds) save();
}

/// Runs `f`; a failure says where in the training it happened.
template <class F>
auto Run::located(std::string_view where, const F& f) const {
  const auto place = [&] { return fmt::format("epoch {}, {}", progress_.epoch + 1, where); };
  try {
    return f();
  } catch (const DivergedError& error) {
    fail<DivergedError>("train", "{}: {}", place(), error.what());
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail("train", "{}: {}", place(), error.what());
  }
}

void Run::calibrate() {
  const auto order = epoch_order(data_.train->size(), config_.seed, 0);
  located("calibration", [&] { experiments::calibrate(runner_, inventory_, calibration_data(order)); });
}

void Run::say_whether_exportable(ProgressBar& bar) const {
  const std::string obstacle =
      located("calibration", [&] { return export_obstacle(model_, inventory_, data_, config_.pad); });
  if (!obstacle.empty()) bar.line(obstacle);
}

void Run::train_step(std::span<const std::size_t> indices) {
  const std::uint64_t step = progress_.epoch * steps_per_epoch_ + progress_.step;
  const BatchResult& batch = runner_.run(LaneRunner::Mode::train, *data_.train, indices, config_.seed, step);
  const double loss =
      std::accumulate(batch.losses.begin(), batch.losses.end(), 0.0) / static_cast<double>(indices.size());
  for (const auto& [name, parameter] : inventory_.parameters) {
    for (std::size_t i = 0; i < parameter->value.size(); ++i) {
      const float g = runner_.gradient()[parameter->offset + i];
      // beyond 1e18 its square no longer fits the second moment
      require<DivergedError>(std::fabs(g) <= 1e18F, "gradient", "the gradient of {} is {} at element {}", name, g, i);
    }
  }
  const double ssm_lr = schedule_.rate(ssm_lr_of(config_), step);
  const double lr = schedule_.rate(ssm_lr_of(config_) * config_.lr_factor, step);
  optimizer_.step(inventory_.parameters, runner_.gradient(), lr, ssm_lr);
  update_ranges(inventory_, runner_.observed());
  update_running_statistics(inventory_, runner_.statistics(), config_.bn_momentum);
  progress_.loss_sum += loss;
  progress_.tokens += batch.tokens;
  ++progress_.step;
}

void Run::train_epoch(ProgressBar& bar) {
  const auto order = epoch_order(data_.train->size(), config_.seed, progress_.epoch);
  while (progress_.step < steps_per_epoch_) {
    located(fmt::format("step {}", progress_.step + 1),
            [&] { train_step(std::span(order).subspan(progress_.step * config_.bsz, config_.bsz)); });
    save_in_time();
    bar.show(progress_.epoch * steps_per_epoch_ + progress_.step,
             fmt::format("epoch {}/{}  loss {:.4f}", progress_.epoch + 1, epochs_,
                         progress_.loss_sum / static_cast<double>(progress_.step)));
  }
}

/// The mean over a part of the data, or nothing when a wish to stop arrives.
std::optional<Evaluation> Run::evaluate(const datasets::Dataset& part) {
  constexpr std::size_t chunk = 256;
  std::vector<std::size_t> indices(part.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  Evaluation total;
  MetricMean metric(metric_);
  for (std::size_t first = 0; first < indices.size(); first += chunk) {
    if (StopSignals::requested()) return std::nullopt;
    const std::size_t count = std::min(chunk, indices.size() - first);
    const BatchResult& batch = runner_.run(LaneRunner::Mode::evaluate, part, std::span(indices).subspan(first, count));
    for (std::size_t i = 0; i < count; ++i) {
      total.loss += batch.losses[i];
      metric.add(batch.metrics[i], batch.weights[i]);
    }
    total.tokens += batch.tokens;
  }
  const auto size = static_cast<double>(indices.size());
  return Evaluation{total.loss / size, metric.value(), total.tokens};
}

void Run::end_epoch(ProgressBar& bar) {
  const auto evaluation = located("validation", [&] { return evaluate(validation()); });
  if (!evaluation) {
    save();
    throw Interrupted{};
  }
  const double train_loss = progress_.loss_sum / static_cast<double>(steps_per_epoch_);
  ++progress_.epoch;
  progress_.step = 0;
  progress_.loss_sum = 0.0;
  const std::string name = "val_" + std::string(metric_name(metric_));
  json line = {{"epoch", progress_.epoch}, {"train_loss", train_loss}, {"val_loss", evaluation->loss}};
  line[name] = evaluation->metric;
  progress_.metrics += line.dump() + "\n";
  if (progress_.best_epoch == 0 || is_better(metric_, evaluation->metric, progress_.best)) {
    progress_.best = evaluation->metric;
    progress_.best_epoch = progress_.epoch;
    save_checkpoint(file("best.h5"), identity_, progress_, inventory_, nullptr);
  }
  write_file_atomically(file("metrics.jsonl"), progress_.metrics);
  save();
  bar.line(fmt::format("epoch {:3}/{}  train loss {:.4f}  val loss {:.4f}  {} {:.4f}  {}", progress_.epoch, epochs_,
                       train_loss, evaluation->loss, name, evaluation->metric, duration_text(progress_.seconds)));
}

/// The calibrated weights of the source are the best ones of a run without training.
void Run::keep_untrained() {
  const auto evaluation = located("validation", [&] { return evaluate(validation()); });
  if (!evaluation) throw Interrupted{};
  progress_.best = evaluation->metric;
  save_checkpoint(file("best.h5"), identity_, progress_, inventory_, nullptr);
}

TrainResult Run::result(std::string status) const {
  TrainResult r;
  r.status = std::move(status);
  r.metric_name = metric_name(metric_);
  r.val_metric = progress_.best;
  r.epochs = progress_.epoch;
  r.seconds = seconds_before_ + session_seconds();
  r.tokens_per_second = static_cast<double>(progress_.tokens - tokens_before_) / std::max(1e-9, session_seconds());
  r.peak_rss_bytes = peak_rss_bytes();
  r.weights_digest = weights_digest(inventory_);
  r.size_bits = size_bits(inventory_);
  r.a_width = state_matrix_width(inventory_);
  r.exit_code = r.status == "done" ? 0 : (r.status == "interrupted" ? exit_interrupted : 1);
  return r;
}

CalibrationData Run::calibration_data(std::span<const std::size_t> order) const {
  return {*data_.train, order, config_.bsz, config_.calibration_batches, !config_.from.empty()};
}

void Run::balance_states() {
  const auto order = epoch_order(data_.train->size(), config_.seed, 0);
  located("balancing", [&] { balance(runner_, model_, inventory_, calibration_data(order)); });
  apply_quantization(config_, inventory_);
}

/// Takes over where the folder's checkpoint stands, or else the weights of the run that this one starts from.
void Run::take_over() {
  if (resumes()) {
    progress_ = load_checkpoint(file("checkpoint.h5"), identity_, inventory_, &optimizer_);
    seconds_before_ = progress_.seconds;
    tokens_before_ = progress_.tokens;
  } else if (!config_.from.empty()) {
    load_source(config_, data_, inventory_);
  }
}

void Run::begin() {
  take_over();
  if (!progress_.metrics.empty()) write_file_atomically(file("metrics.jsonl"), progress_.metrics);
  if (config_.balance && !resumes()) balance_states();
}

/// Runs one sequence through what begin() would train: a layer may refuse its quantizers only when it computes.
void Run::rehearse() {
  take_over();
  const std::size_t first = 0;
  try {
    runner_.run(LaneRunner::Mode::begin, *data_.train, {&first, 1});
  } catch (const DivergedError&) {  // what becomes of the run is for the run to show
  }
}

TrainResult Run::train() {
  const std::size_t steps_before = progress_.epoch * steps_per_epoch_ + progress_.step;
  ProgressBar bar(epochs_ * steps_per_epoch_, steps_before);
  if (steps_before > 0) bar.line(fmt::format("resumed at epoch {}, step {}", progress_.epoch + 1, progress_.step + 1));
  try {
    if (StopSignals::requested()) throw Interrupted{};  // nothing to save yet
    calibrate();
    say_whether_exportable(bar);
    if (epochs_ == 0) keep_untrained();
    while (progress_.epoch < epochs_) {
      train_epoch(bar);
      end_epoch(bar);
    }
    TrainResult r = result("done");
    load_checkpoint(file("best.h5"), identity_, inventory_, nullptr);
    const auto test = located("test", [&] { return evaluate(*data_.test); });
    if (!test) throw Interrupted{};
    r.test_metric = test->metric;
    r.test_loss = test->loss;
    r.peak_rss_bytes = peak_rss_bytes();
    bar.line(fmt::format("test {} {:.4f}  loss {:.4f}  (weights of epoch {})  arena {:.1f} MB", metric_name(metric_),
                         test->metric, test->loss, progress_.best_epoch,
                         static_cast<double>(runner_.peak_arena_bytes()) / 1e6));
    return r;
  } catch (const Interrupted&) {
    bar.line("stopped; --resume continues");
    return result("interrupted");
  } catch (const DivergedError& error) {
    TrainResult r = result("diverged");
    r.reason = error.what();
    return r;
  }
}

TrainResult Run::evaluate_best(const RunIdentity& trained) {
  progress_ = load_checkpoint(file("best.h5"), trained, inventory_, nullptr);
  began_ = Clock::now();
  seconds_before_ = 0.0;
  const auto test = evaluate(*data_.test);
  if (!test) return result("interrupted");
  TrainResult r = result("done");
  r.tokens_per_second = static_cast<double>(test->tokens) / std::max(1e-9, r.seconds);
  r.test_metric = test->metric;
  r.test_loss = test->loss;
  return r;
}

}  // namespace

void check_own_data(const RunConfig& config, const std::filesystem::path& folder) {
  const auto best = folder / "best.h5";
  if (config.dataset != "own" || config.data.empty() || !std::filesystem::exists(best)) return;
  RunIdentity now = identity_of(config);
  now.data = datasets::digest(load_data(config, trained_on(best).reading));
  check_identity(best, now);
}

datasets::Splits training_data(const RunConfig& config) { return load_data(config, known_reading(config, config.out)); }

void rehearse(const RunConfig& config, const datasets::Splits& data) { Run(config, config.out, data).rehearse(); }

TrainResult train(const RunConfig& config) {
  const StopSignals signals;  // from here on, also while the data are read
  const std::filesystem::path folder = config.out;
  const auto result_file = folder / "result.json";
  std::error_code error;
  require<UsageError>(config.from.empty() || !std::filesystem::equivalent(folder, config.from, error), "out",
                      "{} is the run that this one starts from; choose another --out", folder.string());
  const FolderLock lock(folder);  // before anything is read, so that nothing changes between reading and writing
  if (std::filesystem::exists(result_file) || std::filesystem::exists(folder / "checkpoint.h5")) {
    require<UsageError>(config.resume, "train",
                        "{} already holds a run; --resume continues it, or choose another --out", folder.string());
  }
  if (std::filesystem::exists(result_file)) {
    for (const char* const name : {"checkpoint.h5", "best.h5"}) {
      if (std::filesystem::exists(folder / name)) check_identity(folder / name, identity_of(config));
    }
    check_own_data(config, folder);
    return result_from_json(read_file(result_file, std::size_t{1} << 20), result_file.string());
  }
  Run run(config, folder, training_data(config));
  run.begin();
  log_to(folder / "train.log");
  print_line(run.data_summary());
  if (const std::string warning = other_columns(config); !warning.empty()) print_line(warning);
  for (const char* const name :
       {"settings.ini", "parameters.txt", "metrics.jsonl", "checkpoint.h5", "best.h5", "result.json"}) {
    remove_stale_temporaries(folder / name);  // of a killed process
  }
  write_file_atomically(folder / "settings.ini", settings_text(config));
  if (epochs_of(config) > 0) write_file_atomically(folder / "parameters.txt", run.parameter_table());
  TrainResult result = run.train();
  result.program = program_version();
  result.date = date_of_today();
  if (result.status != "interrupted") write_file_atomically(result_file, to_json(result) + "\n");
  return result;
}

TrainResult evaluate(const RunConfig& config, const std::filesystem::path& folder) {
  require(std::filesystem::exists(folder / "best.h5"), "eval",
          "{} holds no best.h5: it is not the folder of a trained run", folder.string());
  // a model may be asked about other data and rates than those it was trained with; all else must be as it was
  const RunConfig before = load_run_config((folder / "settings.ini").string(), {});
  RunConfig trained = config;
  trained.dataset = before.dataset;
  trained.contour_length = before.contour_length;
  trained.step_rescale = before.step_rescale;
  trained.limit_test = before.limit_test;
  const StopSignals signals;
  auto data = load_data(config, trained_on(folder / "best.h5").reading);
  return Run(config, folder, std::move(data)).evaluate_best(identity_of(trained));
}

}  // namespace bitstate::experiments

#include "experiments/training/trainer.h"

#include "autograd/kernels/gemm.h"
#include "core/random.h"
#include "experiments/training/streaming.h"
#include "experiments/training/weights.h"
#include "models/layers/norm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <typeinfo>
#include <utility>
#include <vector>

namespace bitstate {
namespace {

using Clock = std::chrono::steady_clock;

/// The order of the training sequences in an epoch: Fisher-Yates on counter-based numbers, a function of seed and
/// epoch.
std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Random random{seed, random_stream("order", epoch)};
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i, i)]);
  return order;
}

Metric default_metric(const Model& model) {
  return gives_classes(model.output().output) ? Metric::accuracy : Metric::rmse;
}

TrainerOptions checked(TrainerOptions options) {
  for (const auto& [name, value] : {std::pair{"bsz", options.bsz}, std::pair{"lanes", options.lanes}}) {
    require<UsageError>(value > 0, name, "expected at least 1, got \"{}\"", value);
  }
  require_equal_blocks(*options.team, std::min(options.lanes, options.bsz));
  return options;
}

std::optional<std::size_t> frozen_layers(const TrainerOptions& options, const Inventory& inventory) {
  if (!options.top_blocks) return std::nullopt;
  const std::size_t layers = inventory.layer_count();
  require<UsageError>(layers > 0, "top_blocks", "expected a model with layers, but none of its members is a layer");
  require<UsageError>(*options.top_blocks <= layers, "top_blocks",
                      "expected at most {}, the layers of the model, got \"{}\"", layers, *options.top_blocks);
  return layers - *options.top_blocks;
}

Inventory quantized(Model& model, const TrainerOptions& options) {
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse(options.rules, options.rules_origin));
  if (const auto frozen = frozen_layers(options, inventory)) freeze_below(inventory, *frozen);
  return inventory;
}

LaneSettings lane_settings(const TrainerOptions& options, const Inventory& inventory) {
  require<UsageError>(
      options.norm_backward == NormBackward::exact || !inventory.has_batch_statistics(), "norm_backward",
      "expected exact for a model with BatchNorm, whose statistics of the batch have no other form, got "
      "\"{}\"",
      word_of(options.norm_backward));
  return {options.lanes,         options.padded_length, inventory.has_batch_statistics(),
          options.target_units,  options.recompute,     options.team,
          options.norm_backward, options.act_backward,  frozen_layers(options, inventory),
          options.class_weights};
}

std::string optimizer_text(const OptimizerSettings& o) {
  std::string text =
      fmt::format("method = {}\nweight_decay = {}\nbeta1 = {}\nbeta2 = {}\neps = {}\nmomentum = {}\n",
                  o.method == Method::sgd ? "sgd" : "adamw", o.weight_decay, o.beta1, o.beta2, o.eps, o.momentum);
  if (o.clip > 0.0) text += fmt::format("clip = {}\n", o.clip);
  for (const auto& [glob, group] : o.groups) {
    text +=
        fmt::format("group {0} = {1}\nrate {0} = {2}, decay {3}\n", glob, group.name, group.rate_name, group.decays);
  }
  return text;
}

/// What of the options the weights depend on, one per line.
std::string options_text(const TrainerOptions& o, Metric metric) {
  std::string text;
  const auto add = [&](std::string_view name, const auto& value) { text += fmt::format("{} = {}\n", name, value); };
  add("epochs", o.epochs);
  add("bsz", o.bsz);
  add("lr", o.lr);
  add("second_lr", o.second_lr);
  add("lr_min", o.lr_min);
  add("warmup_end", o.warmup_end);
  add("cosine_anneal", o.cosine_anneal);
  if (o.warmup_steps > 0) add("warmup_steps", o.warmup_steps);
  if (o.norm_backward != NormBackward::exact) add("norm_backward", word_of(o.norm_backward));
  if (o.act_backward != ActBackward::exact) add("act_backward", word_of(o.act_backward));
  add("bn_momentum", o.bn_momentum);
  add("calibration_batches", o.calibration_batches);
  add("metric", metric_name(metric));
  add("target_deviations", fmt::format("{}", fmt::join(o.target_units.deviation, " ")));
  add("padded_length", o.padded_length);
  add("seed", o.seed);
  add("lanes", o.lanes);
  if (o.top_blocks) add("top_blocks", *o.top_blocks);
  if (!o.class_weights.empty()) add("class_weights", fmt::format("{}", fmt::join(o.class_weights, " ")));
  return text + optimizer_text(o.optimizer);
}

/// The first line of `saved` that `own` does not have. What a file does not name was not there when it was written.
std::string first_difference(const std::string& saved, const std::string& own) {
  std::istringstream lines(saved);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("trained = ")) continue;  // of older files: whether start_from() had been called
    if (line.starts_with("ssm_lr = ")) line.replace(0, 6, "second_lr");  // its older name
    if (("\n" + own).find("\n" + line + "\n") == std::string::npos) return line;
  }
  return {};
}

/// A gradient that an optimiser can take: beyond 1e18 its square no longer fits the second moment.
bool is_usable(float g) { return std::fabs(g) <= 1e18F; }

void check_gradient(const NamedParameter& named, std::span<const float> gradient) {
  const auto bad = std::count_if(gradient.begin(), gradient.end(), [](float g) { return !is_usable(g); });
  if (bad == 0) return;
  const auto first = std::find_if_not(gradient.begin(), gradient.end(), is_usable);
  fail<DivergedError>("gradient", "the gradient of {} is {} at element {}", named.name, *first,
                      first - gradient.begin());
}

void check_float(const Inventory& inventory) {
  for (const Quantizer* site : inventory.quantizers) {
    require<UsageError>(
        !site->spec.active(), "stream",
        "{} is quantized, and only a float model carries its state through an evaluation; give stream=none (the "
        "exported program reads a stream step by step)",
        site->site);
  }
}

/// The number of threads, once products are ready: threads take memory.
std::size_t after_preparing_products(std::size_t threads) {
  kernels::prepare_products();
  return threads;
}

}  // namespace

Trainer::Trainer(Model model, TrainerOptions options)
    : options_(checked(std::move(options))),
      model_(std::move(model)),
      metric_(options_.metric.value_or(default_metric(model_))),
      inventory_(quantized(model_, options_)),
      workers_(after_preparing_products(options_.threads)),
      runner_(model_, inventory_, metric_, lane_settings(options_, inventory_), workers_),
      optimizer_(inventory_.parameters, options_.optimizer) {
  check_calibration(inventory_, options_.calibration_batches);
  if (options_.carrying_forward != nullptr) check_float(inventory_);
}

std::size_t Trainer::steps_per_epoch(const datasets::Dataset& training) const {
  const std::size_t steps = training.size() / options_.bsz;
  require<UsageError>(steps > 0, "bsz", "expected at most {1}, the sequences of the training part, got \"{0}\"",
                      options_.bsz, training.size());
  return steps;
}

Schedule Trainer::schedule(const datasets::Dataset& training) const {
  return {steps_per_epoch(training), options_.epochs, options_.warmup_end,
          options_.cosine_anneal,    options_.lr_min, options_.warmup_steps};
}

double Trainer::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - began_).count();
}

/// Other errors than these keep their type, and so no place.
void Trainer::say_where(std::string_view where, const Error& error) const {
  const auto text = [&] { return fmt::format("epoch {}, {}: {}", progress_.epoch + 1, where, error.what()); };
  if (typeid(error) == typeid(DivergedError)) fail<DivergedError>("train", "{}", text());
  if (typeid(error) == typeid(Error)) fail("train", "{}", text());
}

CalibrationData Trainer::calibration_data(const datasets::Dataset& training) const {
  (void)steps_per_epoch(training);  // there is a batch to read
  return {training, epoch_order(training.size(), options_.seed, 0), options_.bsz, options_.calibration_batches,
          options_.trained};
}

void Trainer::calibrate(const datasets::Dataset& training) {
  if (!needs_calibration(inventory_)) return;
  located("calibration", [&] { bitstate::calibrate(runner_, inventory_, calibration_data(training)); });
}

void Trainer::transform(const datasets::Dataset& training, const std::function<void(const TransformTarget&)>& change) {
  require(progress_.epoch == 0 && progress_.step == 0, "transforms", "come before training, but {} epochs are trained",
          progress_.epoch);
  for (Quantizer* site : inventory_.quantizers) {
    if (!site->is_stored()) site->range.clear();  // of the model as it was
  }
  const CalibrationData data = calibration_data(training);
  located("transforms", [&] { change(target(data)); });
}

TransformTarget Trainer::target(const CalibrationData& data) {
  return {model_, inventory_, runner_, data, workers_, options_.padded_length, options_.seed};
}

void Trainer::adjust(const datasets::Dataset& training, const TransformHost& host,
                     const std::function<void(const TransformTarget&)>& change) {
  calibrate(training);
  const CalibrationData data = calibration_data(training);
  TransformTarget adjusted = target(data);
  adjusted.host = host;
  located("transforms", [&] { change(adjusted); });
}

bool Trainer::train(const datasets::Dataset& training, const datasets::Dataset& validation) {
  while (progress_.epoch < options_.epochs) {
    if (!epoch(training, validation)) return false;
  }
  return true;
}

std::optional<EpochResult> Trainer::epoch(const datasets::Dataset& training, const datasets::Dataset& validation) {
  require<UsageError>(progress_.epoch < options_.epochs, "epochs", "all {} epochs of the schedule are trained",
                      options_.epochs);
  require<UsageError>(validation.size() > 0, "validation", "expected at least one sequence, but the part is empty");
  calibrate(training);
  if (!train_steps(training)) return std::nullopt;
  const auto evaluation = located("validation", [&] { return evaluate(validation); });
  if (!evaluation) return std::nullopt;
  if (options_.team->size() > 1)
    options_.team->require_same(weights_digest(inventory_), "team",
                                "the processes have trained different weights: their machines compute differently");
  const EpochResult result = finished_epoch(*evaluation);
  if (options_.callbacks.epoch) options_.callbacks.epoch(result);
  return result;
}

EpochResult Trainer::finished_epoch(const Evaluation& validation) {
  EpochResult result;
  result.train_loss = progress_.loss_sum / static_cast<double>(progress_.step);
  result.validation = validation;
  result.epoch = ++progress_.epoch;
  progress_.step = 0;
  progress_.loss_sum = 0.0;
  const bool equal = validation.metric == progress_.best && validation.loss < progress_.best_loss;
  result.best = progress_.best_epoch == 0 || equal || is_better(metric_, validation.metric, progress_.best);
  if (result.best) {
    progress_.best = validation.metric;
    progress_.best_loss = validation.loss;
    progress_.best_epoch = progress_.epoch;
  }
  return result;
}

/// The steps that are left of the epoch; false when a callback ended them.
bool Trainer::train_steps(const datasets::Dataset& training) {
  const Schedule rates = schedule(training);
  const std::size_t steps = rates.steps_per_epoch;
  require(progress_.step <= steps, "train", "the checkpoint stands at step {} of an epoch, but these data have {}",
          progress_.step, steps);
  const auto order = epoch_order(training.size(), options_.seed, progress_.epoch);
  while (progress_.step < steps) {
    located(fmt::format("step {}", progress_.step + 1), [&] {
      train_step(training, std::span(order).subspan(progress_.step * options_.bsz, options_.bsz), rates);
    });
    if (stops()) return false;
    if (options_.callbacks.step) options_.callbacks.step(progress_);
  }
  return true;
}

void Trainer::train_step(const datasets::Dataset& training, std::span<const std::size_t> indices,
                         const Schedule& schedule) {
  const std::uint64_t step = progress_.epoch * schedule.steps_per_epoch + progress_.step;
  const BatchResult& batch = runner_.run(LaneRunner::Mode::train, training, indices, options_.seed, step);
  const double loss =
      std::accumulate(batch.losses.begin(), batch.losses.end(), 0.0) / static_cast<double>(indices.size());
  for (const NamedParameter& named : inventory_.parameters) {
    if (named.parameter->frozen) continue;
    check_gradient(named, runner_.gradient().subspan(named.parameter->offset, named.parameter->value.size()));
  }
  optimizer_.step(inventory_.parameters, runner_.gradient(), schedule.rate(options_.lr, step),
                  schedule.rate(options_.second_lr, step));
  update_ranges(inventory_, runner_.observed());
  update_running_statistics(inventory_, runner_.statistics(), options_.bn_momentum);
  progress_.loss_sum += loss;
  progress_.tokens += batch.tokens;
  ++progress_.step;
}

std::optional<Evaluation> Trainer::evaluate(const datasets::Dataset& part) {
  require<UsageError>(part.size() > 0, "evaluate", "expected at least one sequence, but the part is empty");
  constexpr std::size_t chunk = 256;
  std::vector<std::size_t> indices(part.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  Evaluation total;
  MetricMean metric(metric_);
  std::optional<StreamEvaluation> stream;
  if (options_.carrying_forward != nullptr) {
    stream.emplace(model_, options_.carrying_forward, Judge(model_.output(), metric_, options_.target_units), workers_);
  }
  for (std::size_t first = 0; first < indices.size(); first += chunk) {
    if (stops()) return std::nullopt;
    const std::size_t count = std::min(chunk, indices.size() - first);
    const auto chosen = std::span(indices).subspan(first, count);
    const BatchResult& batch =
        stream ? stream->run(part, first, count) : runner_.run(LaneRunner::Mode::evaluate, part, chosen);
    for (std::size_t i = 0; i < count; ++i) {
      total.loss += batch.losses[i];
      metric.add(batch.metrics[i], batch.weights[i]);
      const std::size_t each = batch.details.size() / count;
      const auto details = std::span(batch.details).subspan(i * each, each);
      if (details.empty()) continue;
      gives_classes(model_.output().output) ? total.details.add_class(details) : total.details.add_targets(details);
    }
    total.tokens += batch.tokens;
  }
  total.loss /= static_cast<double>(indices.size());
  total.metric = metric.value();
  return total;
}

/// Of the options, or what the options name.
RunIdentity Trainer::identity() const {
  RunIdentity own = options_.identity;
  if (own.rules.empty()) own.rules = options_.rules;
  if (!own.settings.empty()) return own;
  own.settings = options_text(options_, metric_);
  own.rules = options_.rules;
  return own;
}

void Trainer::require_ranges() const {
  require(!needs_calibration(inventory_), "checkpoint",
          "a site of the model has no range yet; an epoch or calibrate() gives it one");
}

void Trainer::save(const std::filesystem::path& file) {
  require_ranges();
  progress_.seconds = seconds();
  if (!options_.team->leads()) return;
  save_checkpoint(file, identity(), progress_, inventory_, &optimizer_);
}

void Trainer::save_weights(const std::filesystem::path& file) const {
  require_ranges();
  if (options_.team->leads()) save_checkpoint(file, identity(), progress_, inventory_, nullptr);
}

void Trainer::resume(const std::filesystem::path& file) {
  if (options_.identity.settings.empty()) {
    const RunIdentity own = identity(), saved = identity_in(file);
    const std::string other = saved.rules == own.rules ? first_difference(saved.settings, own.settings) : "rules";
    require(other.empty(), "checkpoint",
            "{} was written by a training with other options ({}); a training resumes with its own only", file.string(),
            other);
    require(saved.data.empty() || own.data.empty() || saved.data == own.data, "checkpoint",
            "{} was trained on other data than these", file.string());
  }
  progress_ = load_checkpoint(file, inventory_, &optimizer_);
  runner_.forget_prefix();
  seconds_before_ = progress_.seconds;
}

Progress Trainer::load_weights(const std::filesystem::path& file) {
  runner_.forget_prefix();
  return load_checkpoint(file, inventory_, nullptr);
}

std::vector<std::string> Trainer::start_from(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  take_weights(reader, inventory_);
  runner_.forget_prefix();
  options_.trained = true;
  return take_stored_ranges(reader, inventory_);
}

}  // namespace bitstate

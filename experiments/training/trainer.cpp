#include "experiments/training/trainer.h"

#include "core/random.h"
#include "models/layers/norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

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

void apply(const TrainerOptions& options, Inventory& inventory) {
  quantize_sites(inventory, QuantConfig::parse(options.rules, options.rules_origin));
}

Inventory quantized(Model& model, const TrainerOptions& options) {
  Inventory inventory = take_inventory(model);
  apply(options, inventory);
  return inventory;
}

LaneSettings lane_settings(const TrainerOptions& options, const Inventory& inventory) {
  // the statistics of a batch are those of all its sequences
  const bool packed = !inventory.buffers.empty();
  return {options.lanes, options.padded_length, packed, options.target_units};
}

std::string optimizer_text(const OptimizerSettings& o) {
  std::string text =
      fmt::format("method = {}\nweight_decay = {}\nbeta1 = {}\nbeta2 = {}\neps = {}\nmomentum = {}\n",
                  o.method == Method::sgd ? "sgd" : "adamw", o.weight_decay, o.beta1, o.beta2, o.eps, o.momentum);
  for (const GroupRule& rule : o.groups) text += fmt::format("group {} = {}\n", rule.glob, name_of(rule.group));
  return text;
}

/// What of the options the weights depend on, a line each.
std::string options_text(const TrainerOptions& o) {
  std::string text;
  const auto add = [&](std::string_view name, const auto& value) { text += fmt::format("{} = {}\n", name, value); };
  add("epochs", o.epochs);
  add("bsz", o.bsz);
  add("lr", o.lr);
  add("ssm_lr", o.ssm_lr);
  add("lr_min", o.lr_min);
  add("warmup_end", o.warmup_end);
  add("cosine_anneal", o.cosine_anneal);
  add("bn_momentum", o.bn_momentum);
  add("calibration_batches", o.calibration_batches);
  add("trained", o.trained);
  add("metric", o.metric ? metric_name(*o.metric) : "auto");
  add("padded_length", o.padded_length);
  add("seed", o.seed);
  add("lanes", o.lanes);
  return text + optimizer_text(o.optimizer);
}

/// The first line of `a` that `b` does not have at its place.
std::string first_difference(std::string_view a, std::string_view b) {
  while (!a.empty()) {
    const std::string_view line = a.substr(0, a.find('\n'));
    if (line != b.substr(0, b.find('\n'))) return std::string(line);
    a.remove_prefix(std::min(a.size(), line.size() + 1));
    b.remove_prefix(std::min(b.size(), line.size() + 1));
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

}  // namespace

Trainer::Trainer(Model model, TrainerOptions options)
    : options_(std::move(options)),
      model_(std::move(model)),
      metric_(options_.metric.value_or(default_metric(model_))),
      inventory_(quantized(model_, options_)),
      workers_(options_.threads),
      runner_(model_, inventory_, metric_, lane_settings(options_, inventory_), workers_),
      optimizer_(inventory_.parameters, options_.optimizer) {
  check_calibration(inventory_, options_.calibration_batches);
}

std::size_t Trainer::steps_per_epoch(const datasets::Dataset& training) const {
  const std::size_t steps = training.size() / options_.bsz;
  require<UsageError>(steps > 0, "bsz", "expected at most {1}, the sequences of the training part, got \"{0}\"",
                      options_.bsz, training.size());
  return steps;
}

double Trainer::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - began_).count();
}

void Trainer::fail_at(std::string_view where, const Error& error) const {
  if (dynamic_cast<const DivergedError*>(&error) != nullptr) {
    fail<DivergedError>("train", "epoch {}, {}: {}", progress_.epoch + 1, where, error.what());
  }
  fail("train", "epoch {}, {}: {}", progress_.epoch + 1, where, error.what());
}

CalibrationData Trainer::calibration_data(const datasets::Dataset& training) const {
  return {training, epoch_order(training.size(), options_.seed, 0), options_.bsz, options_.calibration_batches,
          options_.trained};
}

void Trainer::calibrate(const datasets::Dataset& training) {
  if (!needs_calibration(inventory_)) return;
  located("calibration", [&] { bitstate::calibrate(runner_, inventory_, calibration_data(training)); });
}

bool Trainer::train(const datasets::Dataset& training, const datasets::Dataset& validation) {
  while (progress_.epoch < options_.epochs) {
    if (!epoch(training, validation)) return false;
  }
  return true;
}

std::optional<EpochResult> Trainer::epoch(const datasets::Dataset& training, const datasets::Dataset& validation) {
  calibrate(training);
  if (!train_steps(training)) return std::nullopt;
  const auto evaluation = located("validation", [&] { return evaluate(validation); });
  if (!evaluation) return std::nullopt;
  EpochResult result;
  result.train_loss = progress_.loss_sum / static_cast<double>(progress_.step);
  result.validation = *evaluation;
  result.epoch = ++progress_.epoch;
  progress_.step = 0;
  progress_.loss_sum = 0.0;
  result.best = progress_.best_epoch == 0 || is_better(metric_, evaluation->metric, progress_.best);
  if (result.best) {
    progress_.best = evaluation->metric;
    progress_.best_epoch = progress_.epoch;
  }
  if (options_.callbacks.epoch) options_.callbacks.epoch(result);
  return result;
}

/// The steps that are left of the epoch; false when a callback ended them.
bool Trainer::train_steps(const datasets::Dataset& training) {
  const std::size_t steps = steps_per_epoch(training);
  const Schedule schedule{steps, options_.epochs, options_.warmup_end, options_.cosine_anneal, options_.lr_min};
  const auto order = epoch_order(training.size(), options_.seed, progress_.epoch);
  while (progress_.step < steps) {
    located(fmt::format("step {}", progress_.step + 1), [&] {
      train_step(training, std::span(order).subspan(progress_.step * options_.bsz, options_.bsz), schedule);
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
    check_gradient(named, runner_.gradient().subspan(named.parameter->offset, named.parameter->value.size()));
  }
  optimizer_.step(inventory_.parameters, runner_.gradient(), schedule.rate(options_.lr, step),
                  schedule.rate(options_.ssm_lr, step));
  update_ranges(inventory_, runner_.observed());
  update_running_statistics(inventory_, runner_.statistics(), options_.bn_momentum);
  progress_.loss_sum += loss;
  progress_.tokens += batch.tokens;
  ++progress_.step;
}

std::optional<Evaluation> Trainer::evaluate(const datasets::Dataset& part) {
  constexpr std::size_t chunk = 256;
  std::vector<std::size_t> indices(part.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  Evaluation total;
  MetricMean metric(metric_);
  for (std::size_t first = 0; first < indices.size(); first += chunk) {
    if (stops()) return std::nullopt;
    const std::size_t count = std::min(chunk, indices.size() - first);
    const BatchResult& batch = runner_.run(LaneRunner::Mode::evaluate, part, std::span(indices).subspan(first, count));
    for (std::size_t i = 0; i < count; ++i) {
      total.loss += batch.losses[i];
      metric.add(batch.metrics[i], batch.weights[i]);
    }
    total.tokens += batch.tokens;
  }
  total.loss /= static_cast<double>(indices.size());
  total.metric = metric.value();
  return total;
}

/// Of the options, or what the options name.
RunIdentity Trainer::identity() const {
  if (!options_.identity.settings.empty()) return options_.identity;
  RunIdentity own = options_.identity;
  own.settings = options_text(options_);
  own.rules = options_.rules;
  return own;
}

void Trainer::save(const std::filesystem::path& file) {
  progress_.seconds = seconds();
  save_checkpoint(file, identity(), progress_, inventory_, &optimizer_);
}

void Trainer::save_weights(const std::filesystem::path& file) const {
  save_checkpoint(file, identity(), progress_, inventory_, nullptr);
}

void Trainer::resume(const std::filesystem::path& file) {
  if (options_.identity.settings.empty()) {
    const RunIdentity own = identity(), saved = identity_in(file);
    require(saved.settings == own.settings && saved.rules == own.rules, "checkpoint",
            "{} was written by a training with other options ({}); a training resumes with its own only", file.string(),
            saved.settings == own.settings ? "rules" : first_difference(saved.settings, own.settings));
  }
  progress_ = load_checkpoint(file, inventory_, &optimizer_);
  seconds_before_ = progress_.seconds;
}

void Trainer::load_weights(const std::filesystem::path& file) {
  progress_ = load_checkpoint(file, inventory_, nullptr);
}

}  // namespace bitstate

#include "experiments/allocation/measured_run.h"

#include "core/error.h"
#include "datasets/splits.h"
#include "experiments/host/signals.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/options.h"
#include "experiments/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

Settings base_settings(const MeasurementOptions& options, const Settings& more) {
  Settings settings{{"from", options.run}, {"calibration_batches", std::to_string(options.batches)}};
  settings.insert(settings.end(), options.overrides.begin(), options.overrides.end());
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// The settings of measurements, which train nothing.
RunConfig measuring_config(const MeasurementOptions& options, bool holds_out) {
  require<UsageError>(fs::exists(fs::path(options.run) / "settings.ini"), options.run,
                      "is not the folder of a run: it has no settings.ini");
  return config_from(options, {{"epochs", "1"}, {"out", options.measured.string()}}, holds_out);
}

/// The rules that the overrides name, else those that the run was trained with.
std::string base_rules(const MeasurementOptions& options, const RunConfig& config) {
  const auto gives_bits = [](const auto& setting) { return is_quant_setting(setting.first); };
  if (std::any_of(options.overrides.begin(), options.overrides.end(), gives_bits)) return quant_rules(config);
  return quant_rules(load_run_config((fs::path(options.run) / "settings.ini").string(), {}));
}

/// The rules that say in which form a site is quantized that has no bits yet.
std::string forms(const MeasurementOptions& options) {
  MeasurementOptions plain = options;
  std::erase_if(plain.overrides, [](const auto& setting) { return is_quant_setting(setting.first); });
  return quant_rules(config_from(plain, {{"epochs", "1"}, {"quant", "w8a8"}}, false));
}

Inventory quantized_inventory(Model& model, const std::string& rules) {
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse(rules, "rules"));
  return inventory;
}

}  // namespace

RunConfig config_from(const MeasurementOptions& options, const Settings& more, bool holds_out) {
  Settings settings = base_settings(options, more);
  if (holds_out) settings.insert(settings.begin(), {"val_split", "0.1"});
  return load_run_config("", settings);
}

MeasuredRun::Setup MeasuredRun::set_up(const MeasurementOptions& options) {
  Setup setup{measuring_config(options, false), false, {}};
  setup.data = training_data(setup.config);
  if (setup.data.validation != nullptr) return setup;
  setup = {measuring_config(options, true), true, {}};
  setup.data = training_data(setup.config);
  return setup;
}

MeasuredRun::MeasuredRun(const MeasurementOptions& options) : MeasuredRun(options, set_up(options)) {}

MeasuredRun::MeasuredRun(const MeasurementOptions& options, Setup setup)
    : config_(std::move(setup.config)),
      base_(base_rules(options, config_)),
      holds_out_(setup.holds_out),
      data_(std::move(setup.data)),
      prototype_(make_model(config_, data_)),
      measurements_(options.measured, {config_.source.digest, base_, datasets::digest(data_), options.batches}) {
  const Inventory inventory = quantized_inventory(prototype_, base_);
  base_bits_ = size_bits(inventory);
  table_ = make_site_table(inventory, base_, forms(options), options.widths);
  (void)load_source(config_, data_, inventory);  // an error of the weights comes before the first measurement
}

Measured MeasuredRun::measure(const std::string& rules) {
  if (const Measured* const known = measurements_.find(rules)) return *known;
  TrainerOptions options = trainer_options(config_, data_);
  options.rules = base_ + rules;
  options.rules_origin = "rules";
  options.callbacks.stop = [] { return StopSignals::requested(); };
  if (StopSignals::requested()) throw Stopped{};
  Measured measured;
  try {
    Trainer trainer(prototype_, std::move(options));
    (void)load_source(config_, data_, trainer.inventory());
    trainer.calibrate(*data_.train);
    const auto evaluation = trainer.evaluate(*data_.validation);
    if (!evaluation) throw Stopped{};
    measured = Figures{evaluation->loss, evaluation->metric};
  } catch (const DivergedError&) {  // which is a result, too
  }
  measurements_.add(rules, measured);
  return measured;
}

Metric MeasuredRun::metric() const { return metric_of(data_); }

std::string MeasuredRun::data_summary() const {
  return fmt::format(
      "{}{}", datasets::summary(data_),
      holds_out_ ? "\nthe data have no validation part: a tenth of the training part stands for it" : "");
}

}  // namespace bitstate::experiments

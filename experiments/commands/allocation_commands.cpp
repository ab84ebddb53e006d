#include "experiments/commands/allocation_commands.h"

#include "core/error.h"
#include "core/suggest.h"
#include "core/text.h"
#include "experiments/allocation/allocation.h"
#include "experiments/allocation/mixed.h"
#include "experiments/allocation/sensitivity.h"
#include "experiments/commands/arguments.h"
#include "experiments/run_folder/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace bitstate::experiments {
namespace {

constexpr std::array<std::string_view, 8> of_runs{"quant", "bits", "limit_train", "limit_test",
                                                  "data",  "out",  "threads",     "json"};

std::vector<OptionInfo> measuring_options(const std::vector<OptionInfo>& all, const std::string& out) {
  std::vector<OptionInfo> options;
  std::copy_if(all.begin(), all.end(), std::back_inserter(options),
               [](const OptionInfo& option) { return is_one_of(option.name, of_runs); });
  find_option(options, "out")->help = out;
  options.push_back({.name = "widths",
                     .help = "that a site may have, as in 8,4,2",
                     .unit = "BITS",
                     .group = "allocation",
                     .value = "8,6,4,3,2"});
  options.push_back({.name = "batches",
                     .help = "training batches that set the ranges",
                     .unit = "BATCHES",
                     .group = "allocation",
                     .value = "8"});
  options.push_back({.name = "finetune_epochs",
                     .help = "of fine-tuning; else a third of those of RUN",
                     .unit = "EPOCHS",
                     .group = "allocation"});
  return options;
}

/// The folder of the run, without slashes at the end.
std::string run_of(const CommandLine& line, std::string_view command) {
  std::string run = only_positional(line, command);
  require<UsageError>(!run.empty(), command, "needs the folder of a run");
  while (run.size() > 1 && run.back() == '/') run.pop_back();
  return run;
}

/// The folder of measurements: RUN-sensitivity, with a hash behind it where the options decide what is measured.
std::string measured_folder(const MeasurementOptions& options) {
  Settings settings{{"from", options.run}, {"epochs", "1"}};
  bool decides = options.batches != MeasurementOptions{}.batches;
  for (const auto& [name, value] : options.overrides) {
    if (name == "data" || name == "threads") continue;
    settings.emplace_back(name, value);
    decides = true;
  }
  if (!decides) return options.run + "-sensitivity";
  settings.emplace_back("calibration_batches", fmt::format("{}", options.batches));
  return fmt::format("{}-sensitivity-{}", options.run, settings_hash(load_run_config("", settings)));
}

/// What both commands are told, and what is left of the options.
struct Told {
  MeasurementOptions measurement;
  std::optional<std::size_t> finetune_epochs;
  std::string out;
  bool json = false;
  Settings rest;
};

Told told(const CommandLine& line, std::string_view command) {
  Told t;
  t.measurement.run = run_of(line, command);
  t.measurement.widths = read_widths("8,6,4,3,2");
  for (const auto& [name, value] : line.options) {
    if (name == "widths") {
      t.measurement.widths = read_widths(value);
    } else if (name == "batches") {
      t.measurement.batches = count_of(name, value, 6);
    } else if (name == "finetune_epochs") {
      t.finetune_epochs = options::read_whole(name, value, 0, 999999);
    } else if (name == "out") {
      t.out = value;
    } else if (name == "json") {
      t.json = options::read_flag(name, value);
    } else if (is_one_of(name, of_runs)) {
      t.measurement.overrides.emplace_back(name, value);
    } else {
      t.rest.emplace_back(name, value);
    }
  }
  t.measurement.measured = measured_folder(t.measurement);
  return t;
}

}  // namespace

std::vector<OptionInfo> sensitivity_options(const std::vector<OptionInfo>& all) {
  auto options = measuring_options(all, "folder of what is measured; else RUN-sensitivity");
  options.push_back({.name = "finetune",
                     .help = "train so many of the most sensitive sites and widths, or these, one after the other",
                     .unit = "N|SITE[:BITS],...",
                     .group = "allocation",
                     .value = "0"});
  return options;
}

std::vector<OptionInfo> allocate_options(const std::vector<OptionInfo>& all) {
  auto options = measuring_options(all, "folder of runs and table; else RUN-budget-BYTES");
  for (const std::string_view name : {"preset", "seed"}) options.push_back(*find_option(all, name));
  find_option(options, "preset")->help = "with --share: whose formats w4a8 and w4a16 blocks may have, as quamba2-w4ax";
  find_option(options, "seed")->help = "with --share: of the draws of the evolution";
  for (const auto& [name, unit, help] :
       {std::array<const char*, 3>{"budget", "BYTES", "of all weights and biases"},
        {"accuracy", "NUMBER", "at least, on validation data without training"},
        {"metric", "NUMBER", "as --accuracy, for any metric"},
        {"share", "NUMBER", "of the blocks that may have 16-bit activations, chosen by evolution"},
        {"measured", "FOLDER", "of measurements; else that of bitstate sensitivity"}}) {
    options.push_back({.name = name, .help = help, .unit = unit, .group = "allocation"});
  }
  return options;
}

int sensitivity_command(const CommandLine& line) {
  Told t = told(line, "sensitivity");
  SensitivityOptions options;
  for (const auto& [name, value] : t.rest) {
    options.finetune_sites.clear();
    options.finetune = 0;
    if (value.find_first_not_of("0123456789") == value.npos) {
      options.finetune = options::read_whole(name, value, 0, 999);
    } else {
      options.finetune_sites = split(value, ",");
      require<UsageError>(!options.finetune_sites.empty(), name, "expected a number or SITE[:BITS],..., got \"{}\"",
                          value);
    }
  }
  options.finetune_epochs = t.finetune_epochs;
  options.measurement = std::move(t.measurement);
  if (!t.out.empty()) options.measurement.measured = t.out;
  return run_sensitivity(options, t.json);
}

/// allocate with --share: blocks of a preset with two formats.
int mixed_command(const CommandLine& line, Told t) {
  MixedOptions options;
  for (const auto& [name, value] : line.options) {
    require<UsageError>(!is_one_of(name, std::array{"widths", "quant", "bits", "finetune_epochs", "measured", "budget",
                                                    "accuracy", "metric"}),
                        name, "cannot be given together with --share");
  }
  for (const auto& [name, value] : t.rest) {
    if (name == "preset") options.preset = value;
    if (name == "share") options.share = options::read_real(name, value, {0.0, 1.0});
    if (name == "seed") options.evolution.seed = count_of(name, value, 9);
  }
  require<UsageError>(!options.preset.empty(), "share", "needs --preset=quamba2-w4ax");
  options.run = t.measurement.run;
  options.batches = t.measurement.batches;
  options.overrides = t.measurement.overrides;
  const std::uint64_t seed = options.evolution.seed;
  options.out = !t.out.empty() ? t.out
                               : fmt::format("{}-share-{}{}", options.run, value_of(t.rest, "share"),
                                             seed == 0 ? "" : fmt::format("-seed-{}", seed));
  return run_mixed(options, t.json);
}

int allocate_command(const CommandLine& line) {
  Told t = told(line, "allocate");
  if (last_value(t.rest, "share") != nullptr) return mixed_command(line, std::move(t));
  AllocationOptions options;
  std::string goal;
  for (const auto& [name, value] : t.rest) {
    if (name == "measured") {
      t.measurement.measured = value;
      continue;
    }
    require<UsageError>(name != "preset" && name != "seed", name, "needs --share=NUMBER");
    require<UsageError>(goal.empty() || goal == name, name, "cannot be given together with --{}", goal);
    goal = name;
    if (name == "budget") {
      options.budget = count_of(name, value, 12);
    } else {
      options.goal = options::read_real(name, value, Interval{});
      options.goal_is_accuracy = name == "accuracy";
    }
  }
  require<UsageError>(!goal.empty(), "allocate",
                      "needs --budget=BYTES, --accuracy=NUMBER, --metric=NUMBER or --share=NUMBER");
  options.finetune_epochs = t.finetune_epochs;
  const std::string value = value_of(t.rest, goal);
  options.out = t.out.empty() ? fmt::format("{}-{}-{}", t.measurement.run, goal, value) : t.out;
  options.measurement = std::move(t.measurement);
  return run_allocation(options, t.json);
}

}  // namespace bitstate::experiments

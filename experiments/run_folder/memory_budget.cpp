#include "experiments/run_folder/memory_budget.h"

#include "core/error.h"
#include "experiments/inspect/memory.h"
#include "experiments/run_folder/inspect_run.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/options.h"
#include "experiments/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

constexpr std::array chosen_options = {"top_blocks", "norm_backward", "act_backward"};

/// What a budget leaves as it is.
struct Given {
  explicit Given(const RunConfig& config)
      : top(config.source.top_blocks.has_value()),
        norm(config.training.norm_backward != NormBackward::exact),
        act(config.training.act_backward != ActBackward::exact) {}
  [[nodiscard]] bool all() const { return top && norm && act; }
  [[nodiscard]] bool has(std::string_view name) const {
    return name == "top_blocks" ? top : name == "norm_backward" ? norm : act;
  }
  bool top, norm, act;
};

/// From the most memory to the least; the forms are tried for each number of layers.
std::vector<RunConfig> candidates(const RunConfig& config, const Inventory& inventory) {
  const Given given(config);
  std::vector<RunConfig> all;
  const auto add = [&](std::optional<std::size_t> top) {
    for (const auto& [norm, act] :
         {std::pair{NormBackward::exact, ActBackward::exact}, std::pair{NormBackward::exact, ActBackward::sign},
          std::pair{NormBackward::frozen, ActBackward::sign}}) {
      const bool changes_norm = norm != NormBackward::exact;
      if (changes_norm && (given.norm || inventory.has_batch_statistics())) continue;
      if (given.act && act == ActBackward::exact) continue;  // the next one is the same
      RunConfig& candidate = all.emplace_back(config);
      candidate.source.top_blocks = top;
      if (!given.norm) candidate.training.norm_backward = norm;
      if (!given.act) candidate.training.act_backward = act;
    }
  };
  add(config.source.top_blocks);
  if (given.top || config.source.from.empty()) return all;
  for (std::size_t top = inventory.layer_count() + 1; top-- > 0;) add(top);
  return all;
}

/// Passes that are in memory at once, in sequences.
std::size_t sequences_at_once(const RunConfig& config, const Inventory& inventory) {
  const std::size_t lanes = std::min(config.training.lanes, config.training.bsz);
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t threads = std::min(config.run.threads == 0 ? cores : config.run.threads, lanes);
  if (!inventory.has_batch_statistics()) return threads;
  return config.training.bsz;  // each lane keeps the pass of all its sequences until the lanes have met
}

/// What the training passes of a candidate take: of sequences as long as the longest.
std::size_t bytes_of(const RunConfig& candidate, const Trainer& calibrated, const datasets::Splits& data) {
  Model model = calibrated.model();
  Inventory inventory = take_inventory(model);
  StepSettings step = step_settings(candidate, data, inventory);
  step.padded_length = std::max(step.padded_length, data.max_length);
  if (step.frozen_layers) freeze_below(inventory, *step.frozen_layers);
  const MemoryLedger ledger = memory_ledger(model, inventory, *data.train, step);
  const std::size_t each = candidate.run.memory == "small" ? ledger.peak_of_small : ledger.peak;
  return each * sequences_at_once(candidate, inventory);
}

std::string text_of(const RunConfig& config, std::size_t bytes) {
  const std::string layers =
      !config.source.top_blocks ? std::string("everything") : fmt::format("top_blocks={}", *config.source.top_blocks);
  return fmt::format("{} with norm_backward={} and act_backward={} takes {} bytes", layers,
                     word_of(config.training.norm_backward), word_of(config.training.act_backward), bytes);
}

/// The run with what the settings.ini in the folder says of a choice under the same budget, where there is one.
std::optional<RunConfig> kept_choice(const RunConfig& config, const std::filesystem::path& folder) {
  const auto file = folder / "settings.ini";
  if (config.run.memory_budget == 0 || !std::filesystem::exists(file)) return {};
  const Given given(config);
  RunConfig chosen = config;
  RunConfig before;
  for (const auto& [name, value] : read_ini(file)) {
    if (name == "memory_budget") set_option(before, name, value);
    const bool is_chosen = std::find(chosen_options.begin(), chosen_options.end(), name) != chosen_options.end();
    if (is_chosen && !given.has(name)) set_option(chosen, name, value);
  }
  if (before.run.memory_budget != config.run.memory_budget) return {};
  return chosen;
}

}  // namespace

RunConfig as_chosen(const RunConfig& config, const std::filesystem::path& folder) {
  return kept_choice(config, folder).value_or(config);
}

RunConfig within_budget(const RunConfig& config, const std::filesystem::path& folder, const datasets::Splits& data,
                        std::string& said) {
  const std::size_t budget = config.run.memory_budget;
  if (budget == 0) return config;
  if (const auto kept = kept_choice(config, folder)) return *kept;
  RunConfig whole = config;
  whole.source.top_blocks.reset();
  Trainer trainer(make_model(whole, data), trainer_options(whole, data));
  if (!config.source.from.empty()) static_cast<void>(load_source(whole, data, trainer.inventory()));
  try {
    trainer.calibrate(*data.train);
  } catch (const DivergedError&) {
    return config;  // its training says so
  }
  std::string least;
  std::size_t fewest = ~std::size_t{0};
  for (const RunConfig& candidate : candidates(config, trainer.inventory())) {
    const std::size_t bytes = bytes_of(candidate, trainer, data);
    const std::string text = text_of(candidate, bytes);
    if (bytes <= budget) {
      said = fmt::format("memory_budget = {}: {} for {} sequences at once", budget, text,
                         sequences_at_once(candidate, trainer.inventory()));
      return candidate;
    }
    if (bytes < fewest) std::tie(fewest, least) = std::pair(bytes, text);
  }
  fail<UsageError>("memory_budget", "expected more bytes, got \"{}\": {}, and nothing {} takes less", budget, least,
                   Given(config).all() ? "that was given" : "else");
}

}  // namespace bitstate::experiments

#include "experiments/run_folder/own_size.h"

#include "core/error.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <string_view>
#include <utility>

namespace bitstate::experiments {
namespace {

constexpr std::size_t few_sequences = 16;   // of which windows are made
constexpr std::size_t windows_wanted = 8;   // that do not overlap; of each an eighth is new
constexpr std::size_t steps_wanted = 2000;  // of the optimiser

/// Those that do not depend on the data. A size stands in for the choice until it is made.
Settings fixed_settings() {
  return {{"dataset", "own"},     {"n_layers", "1"},
          {"d_model", "8"},       {"ssm_size_base", "8"},
          {"blocks", "1"},        {"activation_fn", "half_glu1"},
          {"batchnorm", "false"}, {"ssm_lr_base", "0.004"},
          {"lr_factor", "1"},     {"weight_decay", "0.01"},
          {"p_dropout", "0"},     {"warmup_end", "1"},
          {"bsz", "1"},           {"opt_config", "standard"}};
}

struct Size {
  std::size_t below;  // steps of the training part
  std::size_t n_layers, d_model;
};
constexpr Size model_sizes[] = {
    {2'000, 1, 8}, {10'000, 1, 16}, {100'000, 2, 16}, {1'000'000, 2, 32}, {~std::size_t{0}, 4, 64}};

std::size_t steps_of(const datasets::Dataset& part) {
  std::size_t steps = 0;
  datasets::Example example;
  for (std::size_t i = 0; i < part.size(); ++i) {
    example.clear();
    part.read(i, example);
    steps += example.length;
  }
  return steps;
}

/// Sets options that are not given, and remembers which.
class Choice {
 public:
  Choice(RunConfig& config, const std::vector<std::string>& given) : config_(config), given_(given) {}

  [[nodiscard]] bool is_given(std::string_view option) const {
    return std::find(given_.begin(), given_.end(), option) != given_.end();
  }
  void set(const std::string& option, std::size_t value) {
    if (is_given(option)) return;
    set_option(config_, option, std::to_string(value));
    chosen_.push_back(fmt::format("{} = {}", option, value));
  }
  [[nodiscard]] std::string text(std::size_t steps, std::size_t sequences) const {
    if (chosen_.empty()) return "";
    return fmt::format("chosen for {} time steps in {} training sequences: {}", steps, sequences,
                       fmt::join(chosen_, ", "));
  }

 private:
  RunConfig& config_;
  const std::vector<std::string>& given_;
  std::vector<std::string> chosen_;
};

/// Whether a window is longer than the blocks of folds.
bool is_longer_than_blocks(std::size_t window, const RunConfig& config, const datasets::Splits& data) {
  const std::size_t folds = config.data.own.folding.folds;
  if (folds == 0 || !data.validation) return false;
  const std::size_t block = (steps_of(*data.train) + steps_of(*data.validation)) / folds;
  return block < window + config.data.series.horizon;
}

/// Windows of a few long series, if the data are series that can be cut.
void choose_windows(RunConfig& config, std::size_t steps, Choice& choice, datasets::Splits& data) {
  const std::size_t sequences = data.train->size();
  if (choice.is_given("window") || choice.is_given("stride") || sequences > few_sequences || data.pairs) return;
  const std::size_t window = std::clamp<std::size_t>(std::bit_floor(steps / windows_wanted), 32, 1024);
  if (2 * window > data.max_length || is_longer_than_blocks(window, config, data)) return;
  RunConfig cut = config;
  set_option(cut, "window", std::to_string(window));
  try {
    data = training_data(cut);
  } catch (const UsageError&) {  // the data are sequences, which have no windows
    return;
  }
  choice.set("window", window);
  choice.set("stride", window / 8);
  data = training_data(config);
}

}  // namespace

RunConfig run_of_own_data(const Settings& options, std::string& said) {
  std::vector<std::string> given;
  for (const auto& [name, value] : options) given.push_back(name);
  Settings all;
  for (const auto& fixed : fixed_settings()) {
    if (std::find(given.begin(), given.end(), fixed.first) == given.end()) all.push_back(fixed);
  }
  all.insert(all.end(), options.begin(), options.end());
  RunConfig config = load_run_config("", all);
  const bool all_folds = config.data.own.folding.all();
  if (all_folds) config.data.own.folding.fold = 0;  // the size is one for all
  datasets::Splits data = training_data(config);
  Choice choice(config, given);
  const std::size_t steps = steps_of(*data.train);
  choose_windows(config, steps, choice, data);
  const std::size_t sequences = data.train->size();
  const Size& size =
      *std::find_if(std::begin(model_sizes), std::end(model_sizes), [&](const Size& s) { return steps < s.below; });
  choice.set("n_layers", size.n_layers);
  choice.set("d_model", size.d_model);
  if (config.model.model == "s5") choice.set("ssm_size_base", config.model.s5.d_model);
  choice.set("bsz", std::clamp<std::size_t>(std::bit_floor(sequences / 8), 1, 32));
  choice.set("epochs", std::clamp<std::size_t>(steps_wanted * config.training.bsz / sequences, 5, 200));
  said = choice.text(steps, sequences);
  if (all_folds) config.data.own.folding.fold.reset();
  validate(config);
  return config;
}

}  // namespace bitstate::experiments

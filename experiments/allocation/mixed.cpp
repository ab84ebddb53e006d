#include "experiments/allocation/mixed.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "core/text.h"
#include "experiments/allocation/finetune.h"
#include "experiments/allocation/measured_run.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/text_table.h"
#include "experiments/results/texts.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace bitstate::experiments {
namespace {

constexpr std::string_view narrow_format = "w4a8";
constexpr std::string_view wide_format = "w4a16";

std::string wide_rules(const MixedOptions& options) {
  const auto rules = embedded_file(fmt::format("configs/{}/{}.quant", options.preset, wide_format));
  require<UsageError>(rules && embedded_file(fmt::format("configs/{}/{}.quant", options.preset, narrow_format)),
                      "preset", "expected one with configurations {} and {}, as quamba2-w4ax, got \"{}\"",
                      narrow_format, wide_format, options.preset);
  return std::string(*rules);
}

/// How many of so many blocks may be wide.
std::size_t most_wide(const MixedOptions& options, std::size_t blocks) {
  const auto most = static_cast<std::size_t>(options.share * static_cast<double>(blocks) + 1e-9);
  require<UsageError>(most > 0, "share", "expected at least 1 / {}, as {} has {} blocks, got \"{}\"", blocks,
                      options.run, blocks, options.share);
  return most;
}

/// The run with the transforms of the preset, all of whose blocks are narrow. Throws Stopped.
std::string quantized(const MixedOptions& options) {
  const std::string out = (options.out / "narrow").string();
  Settings settings{
      {"from", options.run},      {"epochs", "0"}, {"calibration_batches", fmt::format("{}", options.batches)},
      {"preset", options.preset}, {"out", out},    {"resume", "true"}};
  settings.insert(settings.end(), options.overrides.begin(), options.overrides.end());
  const RunConfig config = load_run_config("", settings);
  // before anything is done
  if (const Option* const layers = find_option(option_table(), "n_layers")) {
    (void)most_wide(options, std::stoul(layers->text(config)));
  }
  const TrainResult result = train(config);
  if (result.status == "interrupted") throw Stopped{};
  require<DivergedError>(result.status == "done", "allocate", "{} diverged: {}", out, result.reason);
  return out;
}

/// Lets the blocks of a quantized run evolve.
class Mixer {
 public:
  Mixer(MeasuredRun& run, const MixedOptions& options) : run_(run), options_(options), rules_(wide_rules(options)) {
    std::vector<std::string> sites;
    for (const TableSite& site : run.table().sites) sites.push_back(site.site);
    blocks_ = blocks_of(sites);
    require<UsageError>(!blocks_.empty(), "allocate", "{} has no blocks", options.run);
    most_ = most_wide(options, blocks_.size());
  }

  Individual best() {
    print_line(fmt::format("{} blocks, of which at most {} get {}", blocks_.size(), most_, wide_format));
    narrow_ = run_.measure("");
    wide_ = measure(WideBlocks(blocks_.size(), true));
    const EvolutionOptions& e = options_.evolution;
    ProgressBar bar(e.population + e.generations * (e.mutations + e.crossovers), 0);
    std::size_t count = 0;
    std::vector<Individual> all =
        evolve(blocks_.size(), most_, run_.metric(), e, [&](const WideBlocks& blocks, std::size_t generation) {
          bar.show(count++, fmt::format("generation {} of {}", generation, e.generations));
          const Measured measured = measure(blocks);
          csv_ += fmt::format("{},{},{},{}\n", generation, names(blocks), metric_of(measured), loss_of(measured));
          return measured;
        });
    require<DivergedError>(all.front().measured.has_value(), "allocate", "every choice of blocks diverges");
    return std::move(all.front());
  }

  /// Those of the wide blocks.
  [[nodiscard]] std::string rules(const WideBlocks& blocks) const {
    std::string text;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (blocks[b]) text += rules_of_block(rules_, blocks_[b]);
    }
    return text;
  }
  [[nodiscard]] std::string csv() const { return "generation,wide,metric,loss\n" + csv_; }
  [[nodiscard]] std::string names(const WideBlocks& blocks) const {
    std::vector<std::string> wide;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (blocks[b]) wide.push_back(blocks_[b]);
    }
    return fmt::format("{}", fmt::join(wide, " "));
  }
  [[nodiscard]] std::string table(const Individual& best) const {
    const std::string metric(metric_name(run_.metric()));
    const auto text = [&](const Measured& m) { return m ? metric_text(metric, m->metric) : std::string("diverges"); };
    return aligned({{"blocks", "validation " + metric},
                    {fmt::format("all {}", narrow_format), text(narrow_)},
                    {fmt::format("{} in {}", count_wide(best.blocks) > 0 ? names(best.blocks) : "none", wide_format),
                     text(best.measured)},
                    {fmt::format("all {}", wide_format), text(wide_)}},
                   "lr");
  }

 private:
  Measured measure(const WideBlocks& blocks) { return run_.measure(rules(blocks)); }
  static std::string metric_of(const Measured& m) { return m ? fmt::format("{}", m->metric) : ""; }
  static std::string loss_of(const Measured& m) { return m ? fmt::format("{}", m->loss) : ""; }

  MeasuredRun& run_;
  const MixedOptions& options_;
  std::string rules_;
  std::vector<std::string> blocks_;
  std::size_t most_ = 0;
  Measured narrow_, wide_;
  std::string csv_;
};

}  // namespace

std::vector<std::string> blocks_of(const std::vector<std::string>& sites) {
  constexpr std::string_view layer = "layers.";
  std::vector<std::string> blocks;
  for (const std::string& site : sites) {
    const std::size_t begin = site.find(':') + 1;
    if (!std::string_view(site).substr(begin).starts_with(layer)) continue;
    const std::string block = site.substr(begin, site.find('.', begin + layer.size()) - begin);
    if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) blocks.push_back(block);
  }
  return blocks;
}

std::string rules_of_block(std::string_view rules, std::string_view block) {
  std::string text;
  for (const std::string& line : split(rules, "\n")) {
    const std::string_view rule = trimmed(std::string_view(line).substr(0, line.find('#')));
    const std::string_view glob = rule.substr(rule.starts_with('?') ? 1 : 0);
    const std::size_t star = glob.find(":*");
    if (star == glob.npos || !(glob.starts_with("act") || glob.starts_with("state"))) continue;
    const std::string_view rest = glob.substr(star + 2);
    text += fmt::format("?{}:{}{}{}\n", glob.substr(0, star), block, rest.starts_with('.') ? "" : ".*", rest);
  }
  return text;
}

int run_mixed(const MixedOptions& options, bool json) {
  (void)wide_rules(options);
  try {
    const StopSignals signals;
    const std::string narrow = quantized(options);
    const MeasurementOptions measurement{narrow, {8}, options.batches, options.overrides, options.out / "measured"};
    std::optional<FolderLock> measuring(measurement.measured);
    MeasuredRun run(measurement);
    print_line(run.data_summary());
    Mixer mixer(run, options);
    const Individual best = mixer.best();
    measuring.reset();
    write_file_atomically(options.out / "evolution.csv", mixer.csv());
    const Finetuning tuning{measurement, run.holds_out(), 0};
    const TrainResult result = finetune(tuning, run.base() + mixer.rules(best.blocks), options.out / "mixed");
    const std::string& metric = result.metric_name;
    fmt::print("{}\nvalidation {} {}, test {}\nrun in {}\n", mixer.table(best), metric,
               metric_text(metric, result.val_metric), metric_text(metric, result.test_metric),
               (options.out / "mixed").string());
    if (json) {
      const nlohmann::json figures = {{"run", (options.out / "mixed").string()},
                                      {"wide", mixer.names(best.blocks)},
                                      {"metric", metric},
                                      {"val_" + metric, result.val_metric},
                                      {"test_" + metric, result.test_metric}};
      fmt::print("{}\n", figures.dump());
    }
    return 0;
  } catch (const Stopped&) {
    print_line("stopped; the same command continues");
    return exit_interrupted;
  }
}

}  // namespace bitstate::experiments

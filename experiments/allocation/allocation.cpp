#include "experiments/allocation/allocation.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "experiments/allocation/finetune.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/text_table.h"
#include "experiments/results/texts.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

std::uint64_t bytes_of(std::uint64_t bits) { return (bits + 7) / 8; }

/// Chooses widths for the weights of a run.
class Allocator {
 public:
  Allocator(MeasuredRun& run, const AllocationOptions& options) : run_(run), options_(options) {
    problem_.metric = run.metric();
    for (std::size_t i = 0; i < table().sites.size(); ++i) {
      if (is_constant(table().sites[i].kind)) weights_.push_back(i);
    }
    require<UsageError>(!weights_.empty(), "allocate", "{} has no weight that could have bits",
                        options.measurement.run);
  }

  /// Throws UsageError when the goal is none of this run, or the budget less than the least size.
  void check_goal() const;
  Answer choose();
  /// The run as it is, uniform widths, and widths that are allocated for several sizes without exchanges.
  std::vector<FrontRow> front(const Answer& answer);
  std::string rules(const Combination& combination) const;
  FrontRow row(const Combination& combination, std::string_view kind) const;
  /// The index of the width that all sites have; nothing where they differ.
  static std::optional<std::size_t> common_width(const Combination& combination);
  int width(std::size_t index) const { return table().widths[index]; }

 private:
  const SiteTable& table() const { return run_.table(); }
  void measure_alone();
  std::string rules(const std::vector<std::size_t>& chosen) const;
  Measure measuring() {
    return [this](const std::vector<std::size_t>& chosen) {
      say_line(fmt::format("combination {}", ++combinations_), true);
      return run_.measure(rules(chosen));
    };
  }
  std::uint64_t size_of_others() const { return table().other_bits; }

  MeasuredRun& run_;
  const AllocationOptions& options_;
  std::vector<std::size_t> weights_;  // sites of the table
  Problem problem_;
  std::size_t combinations_ = 0;  // measured
};

void Allocator::check_goal() const {
  const std::string_view name = options_.goal_is_accuracy ? "accuracy" : "metric";
  if (options_.goal) {
    require<UsageError>(!options_.goal_is_accuracy || problem_.metric == Metric::accuracy, name,
                        "{} is judged by {}; give --metric={}", options_.measurement.run, metric_name(problem_.metric),
                        *options_.goal);
    require<UsageError>(problem_.metric != Metric::accuracy || *options_.goal <= 1.0, name,
                        "expected an accuracy from 0 to 1, as 0.97 for 97 %, got \"{}\"", *options_.goal);
    return;
  }
  std::uint64_t least = table().other_bits;
  for (const std::size_t i : weights_) least += table().sites[i].stored_bits.back();
  require<UsageError>(bytes_of(least) <= *options_.budget, "budget",
                      "expected at least {} bytes, got \"{}\": even at {} bits the model takes {} bytes",
                      bytes_of(least), *options_.budget, table().widths.back(), bytes_of(least));
}

std::string Allocator::rules(const std::vector<std::size_t>& chosen) const {
  std::string text;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    text += table().sites[weights_[i]].rule(table().widths[chosen[i]]) + "\n";
  }
  return text;
}

std::string Allocator::rules(const Combination& combination) const { return run_.base() + rules(combination.chosen); }

/// Each weight at each width alone; a width at which the model diverges is never taken.
void Allocator::measure_alone() {
  const Measured base = run_.measure("");
  require(base.has_value(), "allocate", "the run itself gives a NaN or an infinity on validation data");
  ProgressBar bar(weights_.size() * table().widths.size(), 0);
  for (const std::size_t i : weights_) {
    const TableSite& site = table().sites[i];
    std::vector<Choice>& choices = problem_.sites.emplace_back();
    for (std::size_t w = 0; w < table().widths.size(); ++w) {
      bar.show((problem_.sites.size() - 1) * table().widths.size() + w,
               fmt::format("{} with {} bits", site.site, table().widths[w]));
      const Measured measured = run_.measure(site.rule(table().widths[w]) + "\n");
      const double cost =
          measured ? std::max(0.0, measured->loss - base->loss) : std::numeric_limits<double>::infinity();
      choices.push_back({site.stored_bits[w], cost});
    }
    require(std::any_of(choices.begin(), choices.end(), [](const Choice& c) { return std::isfinite(c.cost); }),
            "allocate", "with {} quantized alone the model diverges at every width", site.site);
  }
}

Answer Allocator::choose() {
  measure_alone();
  if (options_.budget) {
    const std::uint64_t size = *options_.budget * 8 - size_of_others();
    const std::uint64_t least = Knapsack(problem_.sites).least();
    require<UsageError>(least <= size, "budget",
                        "expected at least {} bytes, got \"{}\": with fewer bits some weight alone makes it diverge",
                        bytes_of(least + size_of_others()), *options_.budget);
    return within_size(problem_, size, measuring());
  }
  auto answer = reaching(problem_, *options_.goal, measuring());
  if (!answer) {
    const Combination widest = uniform(problem_, 0, measuring());
    fail<UsageError>(options_.goal_is_accuracy ? "accuracy" : "metric",
                     "expected what widths reach without training, got \"{}\": with {} bits everywhere it is {}",
                     *options_.goal, width(0), widest.measured ? fmt::format("{}", widest.measured->metric) : "a NaN");
  }
  return *answer;
}

std::optional<std::size_t> Allocator::common_width(const Combination& combination) {
  const std::size_t first = combination.chosen.front();
  const bool same = std::all_of(combination.chosen.begin(), combination.chosen.end(),
                                [&](std::size_t width) { return width == first; });
  return same ? std::optional(first) : std::nullopt;
}

FrontRow Allocator::row(const Combination& combination, std::string_view kind) const {
  const std::uint64_t bits = combination.size + size_of_others();
  FrontRow row{fmt::format("allocated in {} bytes", bytes_of(bits)), bits, {}, std::string(kind)};
  if (const auto common = common_width(combination)) row.label = fmt::format("uniform {} bits", width(*common));
  if (combination.measured) row.metric = combination.measured->metric;
  return row;
}

std::vector<FrontRow> Allocator::front(const Answer& answer) {
  const Measured base = run_.measure("");
  std::vector<FrontRow> rows{{"the run as it is", run_.base_bits(), base->metric, "run"}};
  for (std::size_t w = 0; w < table().widths.size(); ++w) {
    rows.push_back(row(uniform(problem_, w, measuring()), "uniform"));
  }
  std::vector<std::vector<std::size_t>> seen;
  const auto add = [&](const Combination& combination) {
    if (common_width(combination) || std::find(seen.begin(), seen.end(), combination.chosen) != seen.end()) return;
    seen.push_back(combination.chosen);
    rows.push_back(row(combination, "allocated"));
  };
  add(answer.allocated);
  for (const Combination& point : along_front(problem_, measuring())) add(point);
  return rows;
}

/// What may become the answer: widths with the weights of the run, or fine-tuned.
struct Competitor {
  const Combination* combination;
  std::string name;              ///< of its folder
  std::optional<double> metric;  ///< on the validation part; none where it diverges
  bool trained = false;
  TrainResult result = {};
};

std::optional<double> validation_metric(const Measured& measured) {
  return measured ? std::optional(measured->metric) : std::nullopt;
}

/// The widths that compete, untrained: allocated ones, and beside them for a budget the best uniform ones.
std::vector<Competitor> untrained(const Allocator& allocator, const Answer& answer, bool for_budget) {
  std::vector<Competitor> all;
  const auto add = [&](const Combination& combination, const std::string& name) {
    all.push_back({&combination, name + "-untrained", validation_metric(combination.measured)});
  };
  if (!answer.uniform_wins) add(answer.allocated, "allocated");
  if (answer.uniform && (answer.uniform_wins || for_budget)) {
    add(*answer.uniform, fmt::format("uniform-{}", allocator.width(*Allocator::common_width(*answer.uniform))));
  }
  return all;
}

/// The same widths, each trained in a folder of its own.
std::vector<Competitor> fine_tuned(std::vector<Competitor> competitors, const Allocator& allocator,
                                   const Finetuning& tuning, const fs::path& out) {
  for (Competitor& one : competitors) {
    one.name.resize(one.name.rfind('-'));
    one.trained = true;
    print_line(fmt::format("{}: {}", one.name, (out / one.name).string()));
    one.result = finetune(tuning, allocator.rules(*one.combination), out / one.name);
    one.metric = one.result.status == "done" ? std::optional(one.result.val_metric) : std::nullopt;
  }
  return competitors;
}

/// A line of pareto.csv.
FrontRow trained_row(const Competitor& competitor, const Allocator& allocator) {
  const bool allocated = competitor.name == "allocated";
  FrontRow row = allocator.row(*competitor.combination, allocated ? "allocated-finetuned" : "uniform-finetuned");
  row.metric = competitor.metric;
  return row;
}

/// The one of the best validation metric, the first of equals; null where all diverge.
Competitor* best_of(std::vector<Competitor>& competitors, Metric metric) {
  Competitor* best = nullptr;
  for (Competitor& one : competitors) {
    if (!one.metric) continue;
    if (best == nullptr || bitstate::is_better(metric, *one.metric, *best->metric)) best = &one;
  }
  return best;
}

std::string front_text(std::vector<FrontRow> rows, Metric metric) {
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.bits < b.bits; });
  const std::string name(metric_name(metric));
  Cells cells{{"weights", "bytes", "validation " + name, ""}};
  for (const FrontRow& row : rows) {
    cells.push_back({row.label, fmt::format("{}", bytes_of(row.bits)),
                     row.metric ? metric_text(name, *row.metric) : "diverges",
                     row.kind.ends_with("finetuned") ? "fine-tuned" : ""});
  }
  return aligned(cells, "lrrl");
}

/// What the answer is, in a sentence.
std::string answer_text(const Competitor& best, const Answer& answer, const FrontRow& row,
                        const AllocationOptions& options) {
  const bool hurt = !best.trained && options.finetune_epochs != std::size_t{0};
  const std::string label = row.label + (hurt ? ", untrained, since fine-tuning makes it no better" : "");
  const bool allocated = best.combination == &answer.allocated;
  if (!allocated) return fmt::format("{}: allocated widths are not better on validation data", label);
  if (!answer.uniform) return fmt::format("{}: no uniform width meets the goal", label);
  return fmt::format("{}: {}", label,
                     options.budget ? "better on validation data than the best uniform width within the budget"
                                    : "fewer bytes than the narrowest uniform width that meets the goal");
}

void print_json(const AllocationOptions& options, const Competitor& best, const FrontRow& row) {
  const TrainResult& r = best.result;
  const nlohmann::json figures = {
      {"answer", best.name},     {"run", (options.out / best.name).string()}, {"bytes", bytes_of(row.bits)},
      {"metric", r.metric_name}, {"val_" + r.metric_name, r.val_metric},      {"test_" + r.metric_name, r.test_metric}};
  fmt::print("{}\n", figures.dump());
}

}  // namespace

std::string front_csv(std::vector<FrontRow> rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.bits < b.bits; });
  std::string text = "label,bytes,metric,kind\n";
  for (const FrontRow& row : rows) {
    text += fmt::format("{},{},{},{}\n", row.label, bytes_of(row.bits),
                        row.metric ? fmt::format("{}", *row.metric) : "", row.kind);
  }
  return text;
}

int run_allocation(const AllocationOptions& options, bool json) {
  std::optional<FolderLock> measuring(options.measurement.measured);
  MeasuredRun run(options.measurement);
  Finetuning tuning{options.measurement, run.holds_out(), options.finetune_epochs};
  check_epochs(tuning);
  Allocator allocator(run, options);
  allocator.check_goal();
  print_line(run.data_summary());
  try {
    Answer answer;
    std::vector<FrontRow> rows;
    {
      const StopSignals signals;
      answer = allocator.choose();
      rows = allocator.front(answer);
      say_line("", true);
    }
    measuring.reset();  // others may measure while this one trains
    fs::create_directories(options.out);
    write_file_atomically(options.out / "pareto.csv", front_csv(rows));
    std::vector<Competitor> competitors = untrained(allocator, answer, options.budget.has_value());
    if (options.finetune_epochs != std::size_t{0}) {
      const auto trained = fine_tuned(competitors, allocator, tuning, options.out);
      for (const Competitor& one : trained) rows.push_back(trained_row(one, allocator));
      write_file_atomically(options.out / "pareto.csv", front_csv(rows));
      competitors.insert(competitors.begin(), trained.begin(), trained.end());
    }
    Competitor* const best = best_of(competitors, run.metric());
    require(best != nullptr, "allocate", "every width that fits diverges; pareto.csv in {} has what was measured",
            options.out.string());
    if (!best->trained) {
      tuning.epochs = 0;
      best->result = finetune(tuning, allocator.rules(*best->combination), options.out / best->name);
    }
    const FrontRow row = allocator.row(*best->combination, "");
    const std::string& metric = best->result.metric_name;
    fmt::print("{}\n{}\nvalidation {} {}, test {}\nrun in {}\n", front_text(rows, run.metric()),
               answer_text(*best, answer, row, options), metric, metric_text(metric, best->result.val_metric),
               metric_text(metric, best->result.test_metric), (options.out / best->name).string());
    if (json) print_json(options, *best, row);
    return 0;
  } catch (const Stopped&) {
    print_line("stopped; the same command continues");
    return exit_interrupted;
  }
}

}  // namespace bitstate::experiments

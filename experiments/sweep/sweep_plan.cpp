#include "experiments/sweep/sweep_plan.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/run_folder/load.h"
#include "experiments/sweep/sweep_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace bitstate::experiments {

namespace {

constexpr std::size_t most_unasked = 1000;  // runs
constexpr std::size_t most_points = 100000;

/// Which point of each axis.
using Digits = std::vector<std::size_t>;

/// Steps `digits` to the next point of the product, the last axis fastest; false after the last one.
bool advance(Digits& digits, const std::vector<SweepAxis>& axes) {
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (++digits[i] < axes[i].points.size()) return true;
    digits[i] = 0;
  }
  return false;
}

/// What the axes say at a point.
Settings options_at(const Digits& digits, const std::vector<SweepAxis>& axes) {
  Settings options;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Settings& point = axes[i].points[digits[i]].options;
    options.insert(options.end(), point.begin(), point.end());
  }
  return options;
}

/// The label of the row at a point; empty without rows.
std::string row_label(const Digits& digits, const std::vector<SweepAxis>& axes) {
  return axes.empty() || axes.front().key != "row" ? "" : axes.front().points[digits.front()].name;
}

/// The option's own text for what `given` says of it, so that 0.10 is 0.1.
std::string canonical(const std::string& name, const Settings& given) {
  RunConfig config;
  for (const auto& [key, value] : given) {
    if (key == name) set_option(config, key, value);
  }
  return find_option(option_table(), name)->text(config);
}

/// Whether `skip` leaves out the runs of `stage` at a point.
bool holds(const NamedSettings& skip, const Settings& options, const std::string& label, const std::string& stage) {
  return std::all_of(skip.options.begin(), skip.options.end(), [&](const auto& condition) {
    const auto& [name, value] = condition;
    if (name == "row") return value == label;
    if (name == "stage") return value == stage;
    return last_value(options, name) != nullptr && canonical(name, options) == canonical(name, skip.options);
  });
}

/// The stages behind the first that no constraint leaves out at a point.
std::vector<const NamedSettings*> stages_at(const Digits& digits, const SweepFile& sweep) {
  const Settings options = options_at(digits, sweep.axes);
  const std::string label = row_label(digits, sweep.axes);
  std::vector<const NamedSettings*> stages;
  for (std::size_t i = 1; i < sweep.stages.size(); ++i) {
    const NamedSettings& stage = sweep.stages[i];
    const bool left_out = std::any_of(sweep.skips.begin(), sweep.skips.end(), [&](const NamedSettings& skip) {
      return holds(skip, options, label, stage.name);
    });
    if (!left_out) stages.push_back(&stage);
  }
  return stages;
}

std::string names_of_skips(const SweepFile& sweep) {
  std::vector<std::string> names;
  for (const NamedSettings& skip : sweep.skips) names.push_back("skip." + skip.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The points of the product that no constraint leaves out.
std::vector<Digits> points_of(const SweepFile& sweep, std::string_view where) {
  std::size_t product = 1;
  for (const SweepAxis& axis : sweep.axes) {
    product *= axis.points.size();  // both factors are far below the root of the largest number
    require<UsageError>(product <= most_points, where,
                        "asks for more than {} points in the product of its axes, which --yes does not permit either",
                        most_points);
  }
  std::vector<Digits> points;
  std::set<std::string> used;
  Digits digits(sweep.axes.size(), 0);
  do {
    const Settings options = options_at(digits, sweep.axes);
    bool left_out = false;
    for (const NamedSettings& skip : sweep.skips) {
      const std::string* const stage = last_value(skip.options, "stage");
      if (!holds(skip, options, row_label(digits, sweep.axes), stage == nullptr ? "" : *stage)) continue;
      used.insert(skip.name);
      left_out = left_out || stage == nullptr;
    }
    if (!left_out) points.push_back(digits);
  } while (advance(digits, sweep.axes));
  for (const NamedSettings& skip : sweep.skips) {
    require<UsageError>(used.count(skip.name) > 0, where, "skip.{} leaves out no point; is one of its values mistyped?",
                        skip.name);
  }
  require<UsageError>(!points.empty(), where, "leaves out every point of the product ({})", names_of_skips(sweep));
  return points;
}

/// In `from`, {seed} is the seed of the run: runs of several seeds start from float runs of the same seeds.
void put_seed_in_source(Settings& options, std::string_view where) {
  constexpr std::string_view mark = "{seed}";
  const std::string* const seed = last_value(options, "seed");
  for (auto& [key, value] : options) {
    if (key != "from" || value.find(mark) == value.npos) continue;
    require<UsageError>(seed != nullptr, where, "from={} names the seed of a run, but the sweep has no seeds", value);
    for (std::size_t at = 0; (at = value.find(mark, at)) != value.npos; at += seed->size()) {
      value.replace(at, mark.size(), *seed);
    }
  }
}

/// The run without bits, and without what moves the ranges that only bits have.
RunConfig float_reference(const RunConfig& config) {
  RunConfig reference = config;
  reference.quantization.weight_range = "absmax";
  drop_searches(reference.source);
  for (const Option& option : option_table()) {
    if (option.gives_bits) option.set(reference, "none");
  }
  reference.quantization.text.clear();
  reference.quantization.trained_rules.reset();
  return reference;
}

/// Whether a float run can have the option: it neither gives bits nor is about the weights of another run.
bool is_of_float(const std::string& name) {
  const Option& option = *find_option(option_table(), name);
  return !option.gives_bits && option.inherited;
}

/// A point of the product, as settings and as words.
struct Point {
  Settings options;
  std::vector<std::string> words;   ///< what its row is called
  std::vector<std::string> others;  ///< its "option=value" that a float run can have
  std::string seed;                 ///< "seed=1", where the sweep says
  bool labelled = false;            ///< by row.LABEL
  std::size_t place = 0;            ///< in the order of the rows
};

Point point_at(const Digits& digits, const SweepFile& sweep) {
  Point point{sweep.fixed, {}, {}, "", !row_label(digits, sweep.axes).empty(), 0};
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    const NamedSettings& chosen = sweep.axes[i].points[digits[i]];
    if (!chosen.name.empty()) point.words.push_back(chosen.name);
    for (const auto& [name, value] : chosen.options) {
      const std::string word = name + "=" + value;
      point.options.emplace_back(name, value);
      if (name == "seed") {
        point.seed = word;
        continue;
      }
      if (is_of_float(name)) point.others.push_back(word);
      if (chosen.name.empty()) (is_quant_setting(name) ? point.words : rest).push_back(word);
    }
  }
  point.words.insert(point.words.end(), rest.begin(), rest.end());
  if (point.words.empty()) point.words.emplace_back("quantized");
  return point;
}

/// The runs of a plan, each once.
class Plan {
 public:
  Plan(const SweepFile& sweep, std::string_view where) : sweep_(sweep), where_(where) {}

  void add(const Digits& digits) {
    Point point = point_at(digits, sweep_);
    put_seed_in_source(point.options, where_);
    point.place = next_place_;
    next_place_ += 2;  // the float run of a point stands before it
    if (sweep_.stages.empty()) {
      add_run(point);
    } else {
      add_stages(point, stages_at(digits, sweep_));
    }
  }

  /// In the order in which they are to be started.
  std::vector<SweepRun> runs() && { return std::move(runs_); }

 private:
  [[nodiscard]] RunConfig config_of(const Settings& options, const Point& point, const std::string& stage) const;
  void add_run(const Point& point);
  void add_stages(const Point& point, const std::vector<const NamedSettings*>& later);
  void add_float(const RunConfig& config, const Point& point, const std::string& stage);
  void keep(const RunConfig& config, const Point& point, const std::string& stage, const std::string& source);

  const SweepFile& sweep_;
  std::string_view where_;
  std::vector<SweepRun> runs_;
  std::map<std::string, std::size_t> known_;  // places in runs_, by hash
  std::set<std::string> labelled_;            // hashes
  std::size_t next_place_ = 0;
};

/// Of a run that two points share, the label that the file gives it counts.
void Plan::keep(const RunConfig& config, const Point& point, const std::string& stage, const std::string& source) {
  SweepRun run{config,     settings_hash(config), "", fmt::format("{}", fmt::join(point.words, " ")), stage, source,
               point.place};
  run.label = run.row;
  for (const std::string& word : {stage, point.seed}) run.label += (word.empty() ? "" : " ") + word;
  const auto [known, is_new] = known_.emplace(run.hash, runs_.size());
  const bool relabels = point.labelled && labelled_.insert(run.hash).second;
  if (is_new) {
    runs_.push_back(std::move(run));
  } else if (relabels) {
    runs_[known->second] = std::move(run);
  }
}

/// The float run of a point, which is called so.
void Plan::add_float(const RunConfig& config, const Point& point, const std::string& stage) {
  Point reference = point;
  reference.words = {"float"};
  reference.words.insert(reference.words.end(), point.others.begin(), point.others.end());
  reference.labelled = false;
  keep(config, reference, stage, "");
}

/// A value that an option does not take is a mistake of the file, in the row of this point.
RunConfig Plan::config_of(const Settings& options, const Point& point, const std::string& stage) const {
  try {
    return load_run_config(sweep_.recipe, options);
  } catch (const UsageError& error) {
    const std::string of_stage = stage.empty() ? "" : fmt::format(", stage {}", stage);
    fail<UsageError>(where_, "the row {}{}: {}", fmt::join(point.words, " "), of_stage, error.what());
  }
}

void Plan::add_run(const Point& point) {
  const RunConfig config = config_of(point.options, point, "");
  const RunConfig reference = float_reference(config);
  const bool is_float = settings_hash(reference) == settings_hash(config);
  Point own = point;
  ++own.place;
  if (!is_float || !point.labelled) add_float(reference, point, "");
  if (!is_float || point.labelled) keep(config, own, "", "");
}

/// The float run, and the runs of the `later` stages that start from it. They are known by it and not by its weights,
/// which are not there yet.
void Plan::add_stages(const Point& point, const std::vector<const NamedSettings*>& later) {
  Settings first = point.options;
  std::erase_if(first, [](const auto& setting) { return !is_of_float(setting.first); });
  const NamedSettings& stage = sweep_.stages.front();
  first.insert(first.end(), stage.options.begin(), stage.options.end());
  const RunConfig source = float_reference(config_of(first, point, stage.name + " (the first: the float run)"));
  const std::string source_hash = settings_hash(source);
  Point own = point;
  ++own.place;
  const auto started = [&](const Settings& more, const std::string& name) {
    Settings options = point.options;
    options.insert(options.end(), more.begin(), more.end());
    options.emplace_back("from", source_hash);
    RunConfig config = config_of(options, point, name);
    config.source.digest.clear();
    return config;
  };
  const bool is_float_row =
      point.labelled &&
      quant_rules(later.empty() ? started({}, "") : started(later.front()->options, later.front()->name)).empty();
  if (is_float_row) keep(source, own, stage.name, "");
  for (const NamedSettings* const next : later) {
    const RunConfig config = started(next->options, next->name);
    add_float(source, point, stage.name);
    if (!quant_rules(config).empty() || epochs_of(config) > 0) keep(config, own, next->name, source_hash);
  }
}

}  // namespace

std::vector<SweepRun> plan_sweep(const Settings& file, std::string_view where, const Settings& overrides, bool large) {
  const auto check_size = [&](std::size_t runs) {
    require<UsageError>(large || runs <= most_unasked, where,
                        "asks for {} runs, which is more than {}; --yes says that this is meant", runs, most_unasked);
  };
  const SweepFile sweep = read_sweep_file(file, where, overrides);
  const bool starts_from = last_value(sweep.fixed, "from") != nullptr ||
                           std::any_of(sweep.axes.begin(), sweep.axes.end(),
                                       [](const SweepAxis& axis) { return is_one_of("from", axis.names); });
  require<UsageError>(!sweep.recipe.empty() || starts_from, where,
                      "names neither a recipe nor a run to start from (--from, or set.from in the file)");
  const std::vector<Digits> points = points_of(sweep, where);
  check_size(points.size());
  Plan plan(sweep, where);
  for (const Digits& point : points) plan.add(point);
  std::vector<SweepRun> runs = std::move(plan).runs();
  require<UsageError>(!runs.empty(), where, "leaves out every run of every stage ({})", names_of_skips(sweep));
  check_size(runs.size());
  return runs;
}

std::vector<std::vector<const SweepRun*>> table_rows(const std::vector<SweepRun>& plan) {
  std::vector<const SweepRun*> in_order;
  for (const SweepRun& run : plan) in_order.push_back(&run);
  std::stable_sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) { return a->place < b->place; });
  std::vector<std::vector<const SweepRun*>> rows;
  for (const SweepRun* const run : in_order) {
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const auto& row) {
      return row.front()->row == run->row && row.front()->stage == run->stage &&
             std::none_of(row.begin(), row.end(), [&](const SweepRun* other) {
               return other->config.training.seed == run->config.training.seed;
             });
    });
    (same != rows.end() ? *same : rows.emplace_back()).push_back(run);
  }
  return rows;
}

std::vector<SweepRun> runs_for(const std::vector<SweepRun>& plan, const std::string& hash) {
  const auto wanted = std::find_if(plan.begin(), plan.end(), [&](const SweepRun& run) { return run.hash == hash; });
  require<UsageError>(wanted != plan.end(), "run",
                      "the sweep has no run '{}'; the names of folders below runs/ end with "
                      "such a hash",
                      hash);
  std::vector<SweepRun> runs;
  std::copy_if(plan.begin(), plan.end(), std::back_inserter(runs),
               [&](const SweepRun& run) { return run.hash == hash || run.hash == wanted->source; });
  return runs;
}

}  // namespace bitstate::experiments

#include "datasets/own/folds.h"

#include "core/error.h"
#include "datasets/own/own_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace bitstate::datasets {
namespace {

/// Whether each of `count` is in the fold: without labels a block of neighbours, with labels every folds-th of those
/// that have the same.
std::vector<bool> in_fold(std::size_t count, const std::vector<double>& labels, const FoldSettings& settings) {
  require<UsageError>(count >= settings.folds, "folds",
                      "expected at most {}, the number of sequences for training and validation, got {}", count,
                      settings.folds);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!labels.empty()) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return labels[a] < labels[b]; });
  }
  std::vector<bool> taken(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t block = labels.empty() ? i * settings.folds / count : i % settings.folds;
    taken[order[i]] = block == *settings.fold;
  }
  return taken;
}

/// Rows first to last - 1 of a series.
Series rows_of(const Series& series, std::size_t first, std::size_t last, std::size_t d_input, std::size_t d_output) {
  const auto rows = [&](const std::vector<double>& all, std::size_t columns) {
    return std::vector(all.begin() + static_cast<std::ptrdiff_t>(first * columns),
                       all.begin() + static_cast<std::ptrdiff_t>(last * columns));
  };
  return {series.origin, last - first, rows(series.x, d_input), rows(series.target, d_output)};
}

/// Cuts series, one after the other, at the ends of the fold's block.
class StepBlocks {
 public:
  StepBlocks(std::size_t d_input, std::size_t d_output, const SeriesSettings& series, const FoldSettings& settings)
      : d_input_(d_input), d_output_(d_output), series_(series), settings_(settings) {}

  void add(const std::vector<Series>& all, SeriesParts& to) const {
    std::size_t steps = 0;
    for (const Series& one : all) steps += one.rows;
    const std::size_t least = std::max<std::size_t>(series_.window, 1) + series_.horizon;
    const std::size_t shortest = steps / settings_.folds;
    require<UsageError>(shortest >= least, "folds",
                        "{} blocks of {} steps have {} each; expected at least {}, for a window of {} and a horizon of "
                        "{}",
                        settings_.folds, steps, shortest, least, series_.window, series_.horizon);
    for (std::size_t fold = 0; fold < settings_.folds; ++fold) check(all, steps, fold);
    for_each(all, steps, *settings_.fold, [&](const Series& one, std::size_t begin, std::size_t end) {
      put(one, 0, begin, to.train);
      put(one, begin, end, to.validation);
      put(one, end, one.rows, to.train);
    });
  }

 private:
  /// Calls use(series, begin, end) for each series: its rows begin to end - 1 are in the block of a fold.
  template <class Use>
  void for_each(const std::vector<Series>& all, std::size_t steps, std::size_t fold, Use use) const {
    const std::size_t begin = steps * fold / settings_.folds;
    const std::size_t end = steps * (fold + 1) / settings_.folds;
    std::size_t first = 0;  // of all steps
    for (const Series& one : all) {
      const auto row = [&](std::size_t step) { return std::clamp(step, first, first + one.rows) - first; };
      use(one, row(begin), row(end));
      first += one.rows;
    }
  }

  /// A block of the ends of several series may have no piece with a target, or a window; nor may what is left.
  void check(const std::vector<Series>& all, std::size_t steps, std::size_t fold) const {
    std::size_t in_block = 0, outside = 0;
    for_each(all, steps, fold, [&](const Series& one, std::size_t begin, std::size_t end) {
      in_block = std::max(in_block, end - begin);
      outside = std::max({outside, begin, one.rows - end});
    });
    const std::size_t least = std::max<std::size_t>(series_.window, 1) + series_.horizon;
    require<UsageError>(std::min(in_block, outside) >= least, "folds",
                        "{} block {} of {} has at most {} steps of one series; expected at least {}, for a window of "
                        "{} and a horizon of {}: use other folds",
                        in_block < least ? "the" : "all but", fold, settings_.folds, std::min(in_block, outside), least,
                        series_.window, series_.horizon);
  }

  void put(const Series& series, std::size_t first, std::size_t last, std::vector<Series>& to) const {
    if (last - first > series_.horizon) to.push_back(rows_of(series, first, last, d_input_, d_output_));
  }

  std::size_t d_input_, d_output_;
  const SeriesSettings& series_;
  const FoldSettings& settings_;
};

void refuse_validation(bool given) {
  require<UsageError>(!given, "folds", "are cut from the training part, but there is a validation part, too");
}

}  // namespace

OptionTable<FoldSettings> fold_options() {
  constexpr std::size_t most = 1000;
  OptionTable<FoldSettings> table("data");
  table.add(
      "folds", "BLOCKS", "cut what is for training and validation into so many, each the validation part once; none",
      [](FoldSettings& s, std::string_view value) {
        s.folds = value == "none" ? 0 : options::read_whole("folds", value, 2, most);
      },
      [](const FoldSettings& s) { return s.folds > 0 ? options::whole_text(s.folds) : "none"; });
  table.add(
      "fold", "BLOCK", "the block that is the validation part, from 0 on; all: train a run for each",
      [](FoldSettings& s, std::string_view value) {
        s.fold.reset();
        if (value != "all") s.fold = options::read_whole("fold", value, 0, most - 1);
      },
      [](const FoldSettings& s) { return s.fold ? options::whole_text(*s.fold) : "all"; });
  return table;
}

void check_folds(const FoldSettings& settings) {
  require<UsageError>(settings.folds > 0 || !settings.fold, "fold", "is {}, but there are no folds: say --folds=K",
                      settings.fold.value_or(0));
  require<UsageError>(!settings.all(), "fold", "is missing: expected one of the {} folds, from 0 on", settings.folds);
  require<UsageError>(settings.folds == 0 || *settings.fold < settings.folds, "fold",
                      "expected a number below {}, the number of folds, got {}", settings.folds,
                      settings.fold.value_or(0));
}

void take_fold(SeriesParts& parts, std::size_t d_input, std::size_t d_output, Task task, const SeriesSettings& series,
               const FoldSettings& settings) {
  if (settings.folds == 0 || parts.train.empty()) return;
  refuse_validation(!parts.validation.empty());
  const std::vector<Series> all = std::exchange(parts.train, {});
  const StepBlocks steps(d_input, d_output, series, settings);
  const bool classes = task == Task::classification;
  const bool cut = series.window > 0 || all.size() == 1;  // a single series, as without folds
  if (task == Task::regression || (task == Task::value && cut)) {
    steps.add(all, parts);
  } else if (classes && cut && all.size() < settings.folds) {
    for (const Series& one : all) steps.add({one}, parts);
  } else {
    std::vector<double> labels;
    for (const Series& one : all) {
      if (classes) labels.push_back(one.target.back());
    }
    const std::vector<bool> taken = in_fold(all.size(), labels, settings);
    for (std::size_t i = 0; i < all.size(); ++i) (taken[i] ? parts.validation : parts.train).push_back(all[i]);
  }
}

void take_fold(std::vector<Part>& parts, const FoldSettings& settings) {
  if (settings.folds == 0 || parts.size() == 1) return;
  refuse_validation(parts.size() > 2);
  Part& train = parts[0];
  std::vector<double> labels;
  for (const Cut& cut : train.cuts) {
    if (train.steps->task == Task::classification) labels.push_back(train.steps->classes[cut.answer]);
  }
  const std::vector<Cut> all = std::exchange(train.cuts, {});
  const std::vector<bool> taken = in_fold(all.size(), labels, settings);
  Part validation = train;
  for (std::size_t i = 0; i < all.size(); ++i) (taken[i] ? validation : train).cuts.push_back(all[i]);
  parts.push_back(std::move(validation));
}

}  // namespace bitstate::datasets

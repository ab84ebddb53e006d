#include "datasets/own/own_part.h"

#include "core/error.h"
#include "datasets/own/folds.h"
#include "datasets/own/own_series.h"
#include "datasets/splits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::uint32_t split_seed = 42;

/// The numbers of a part's sequences.
std::vector<std::span<const double>> blocks_of(const Part& part, const std::vector<double>& numbers,
                                               Range (*range)(const Steps&, const Cut&)) {
  std::vector<std::span<const double>> blocks;
  for (const Cut& cut : part.cuts) {
    const auto [first, count] = range(*part.steps, cut);
    blocks.push_back(std::span(numbers).subspan(first, count));
  }
  return blocks;
}

/// What stands behind a sequence's end stays 0.
void standardise_part(const Part& part, const Reading& reading) {
  Steps& s = *part.steps;
  s.x.resize(part.numbers->x.size());
  s.target.resize(part.numbers->target.size());
  for (const Cut& cut : part.cuts) {
    if (!s.x.empty()) {
      const auto [first, count] = input_range(s, cut);
      standardise_into(reading.input_units, std::span(part.numbers->x).subspan(first, count),
                       std::span(s.x).subspan(first, count), part.where);
    }
    if (!s.target.empty()) {
      const auto [first, count] = target_range(s, cut);
      standardise_into(reading.target_units, std::span(part.numbers->target).subspan(first, count),
                       std::span(s.target).subspan(first, count), part.where);
    }
  }
}

/// The number of tokens: that which a model was trained with, or what the file says, or one more than the largest.
std::size_t token_count(const Notes& notes, const Ids& tokens, std::size_t known) {
  if (known > 0) {
    tokens.check_known(known, "tokens");
    return known;
  }
  const std::size_t least = static_cast<std::size_t>(tokens.largest()) + 1;
  require(notes.vocabulary == 0 || notes.vocabulary >= least, notes.where,
          "expected the attribute vocabulary to be from {} (the data hold {}) to {}, got {}", least, tokens.largest(),
          max_id + 1, notes.vocabulary);
  return std::max(notes.vocabulary, least);
}

void check_alike(const Part& a, const Part& b) {
  const Steps& s = *a.steps;
  const Steps& t = *b.steps;
  require(s.tokens.empty() == t.tokens.empty() && s.d_input == t.d_input, b.where,
          "x has {} columns of {}, but that of {} has {} of {}", t.d_input, t.tokens.empty() ? "numbers" : "tokens",
          a.where, s.d_input, s.tokens.empty() ? "numbers" : "tokens");
  require(s.task == t.task && s.d_output == t.d_output, b.where,
          "y is for {} of {} columns, but that of {} is for {} of {}", name_of(t.task), t.d_output, a.where,
          name_of(s.task), s.d_output);
}

/// The units of `given`, or those of the training part if the file asks for it.
Reading reading_of(const Part& train, const Notes& notes, const std::optional<Reading>& given) {
  const Steps& steps = *train.steps;
  if (given) {
    const std::size_t columns = given->input_units.mean.size();
    require(columns == 0 || columns == steps.d_input, train.where,
            "x has {} columns, but the model was trained with {}", steps.d_input, columns);
    return *given;
  }
  Reading reading;
  if (!notes.standardize) return reading;
  const Numbers& numbers = *train.numbers;
  if (steps.tokens.empty()) {
    reading.input_units = units_of(blocks_of(train, numbers.x, input_range), steps.d_input);
  }
  if (steps.task != Task::classification) {
    reading.target_units = units_of(blocks_of(train, numbers.target, target_range), steps.d_output);
  }
  return reading;
}

/// The windows of sequences, each with the answer of its sequence.
std::vector<Cut> windows_in(const std::vector<Cut>& sequences, std::size_t window, std::size_t stride, bool rest) {
  std::vector<Cut> windows;
  for (const Cut& sequence : sequences) {
    const std::size_t before = windows.size();
    append_cuts(sequence.first, sequence.length, window, stride, rest, windows);
    for (std::size_t i = before; i < windows.size(); ++i) windows[i].answer = sequence.answer;
  }
  return windows;
}

/// Classes that are places of labels become those of the model. Parts may share their steps.
void number_classes(const std::vector<Part>& parts, const Classes& classes) {
  std::set<Steps*> done;
  for (const Part& part : parts) {
    if (!done.insert(part.steps.get()).second) continue;
    for (std::int32_t& label : part.steps->classes) label = classes.of[static_cast<std::size_t>(label)];
  }
}

}  // namespace

std::string_view name_of(Task task) {
  constexpr std::array<std::string_view, 3> names = {"classification", "regression", "value"};
  return names.at(static_cast<std::size_t>(task));
}

Range input_range(const Steps& s, const Cut& cut) { return {cut.first * s.d_input, cut.length * s.d_input}; }

Range target_range(const Steps& s, const Cut& cut) {
  const bool per_step = s.task == Task::regression;
  return {(per_step ? cut.first : cut.answer) * s.d_output, (per_step ? cut.length : 1) * s.d_output};
}

std::vector<std::vector<std::uint32_t>> split_by_chance(std::size_t count, const std::vector<std::int32_t>& classes,
                                                        std::string_view where, const FoldSettings& folding) {
  require(count >= least_to_split, where, "there are {} sequences, but splitting them takes at least {}", count,
          least_to_split);
  const std::size_t train = count * 8 / 10;
  const std::size_t validation = count / 10;
  const std::vector<std::size_t> sizes{train, validation, count - train - validation};
  auto chosen = classes.empty() ? random_split(sizes, split_seed) : stratified_split(classes, sizes, split_seed);
  if (folding.folds > 0) {
    chosen[0].insert(chosen[0].end(), chosen[1].begin(), chosen[1].end());
    chosen[1].clear();
  }
  return chosen;
}

std::vector<Part> split_by_chance(const Part& all, const FoldSettings& folding) {
  std::vector<std::int32_t> classes;
  if (all.steps->task == Task::classification) {
    for (const Cut& cut : all.cuts) classes.push_back(all.steps->classes[cut.answer]);
  }
  const auto chosen = split_by_chance(all.cuts.size(), classes, all.where, folding);
  std::vector<Part> parts;
  for (const std::size_t p : {0, 2, 1}) {
    if (chosen[p].empty()) continue;
    Part part{all.where, all.steps, all.numbers, {}, all.read};
    for (const std::uint32_t i : chosen[p]) part.cuts.push_back(all.cuts[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

void append(Part& part, Part&& more) {
  check_alike(part, more);
  Steps& s = *part.steps;
  const auto put_behind = [](auto& all, const auto& others) { all.insert(all.end(), others.begin(), others.end()); };
  const std::size_t first = s.tokens.empty() ? part.numbers->x.size() / s.d_input : s.tokens.size();
  const std::size_t answer = s.task == Task::classification ? s.classes.size()
                             : s.task == Task::value        ? part.numbers->target.size() / s.d_output
                                                            : part.cuts.size();
  for (const Cut& cut : more.cuts) part.cuts.push_back({first + cut.first, cut.length, answer + cut.answer});
  put_behind(s.tokens, more.steps->tokens);
  put_behind(s.classes, more.steps->classes);
  put_behind(part.numbers->x, more.numbers->x);
  put_behind(part.numbers->target, more.numbers->target);
}

Splits splits_of(std::vector<Part> parts, const Labels& labels, const Notes& notes, const SeriesSettings& series,
                 const std::optional<Reading>& reading, const FoldSettings& folding) {
  check_windows(series);
  take_fold(parts, folding);
  const Steps& train = *parts[0].steps;
  const Classes classes = train.task == Task::classification ? classes_of(labels, reading, notes.classes) : Classes{};
  Ids tokens;
  Splits splits;
  for (const Part& part : parts) {
    check_alike(parts[0], part);
    if (!train.tokens.empty()) {
      for (const Cut& cut : part.cuts) tokens.add(std::span(part.steps->tokens).subspan(cut.first, cut.length));
    }
  }
  splits.reading = reading_of(parts[0], notes, reading);
  number_classes(parts, classes);
  splits.reading.classes = classes.names;
  for (const Part& part : parts) standardise_part(part, splits.reading);
  std::size_t steps = 0;
  for (const Part& part : parts) {
    for (const Cut& cut : part.cuts) steps += cut.length;
  }
  const bool standardised = !splits.reading.input_units.mean.empty() || !splits.reading.target_units.mean.empty();
  splits.origin =
      fmt::format("{} steps of {}: {}, {}standardised", steps, notes.where, parts[0].read, standardised ? "" : "not ");
  splits.name = "own";
  splits.task = train.task;
  splits.tokens = !train.tokens.empty();
  splits.d_input = splits.tokens ? token_count(notes, tokens, reading ? reading->inputs : 0) : train.d_input;
  splits.d_output = train.task == Task::classification ? classes.count : train.d_output;
  const auto made = [&](const Part& part, std::size_t stride, bool rest) {
    auto cuts = series.window == 0 ? part.cuts : windows_in(part.cuts, series.window, stride, rest);
    splits.max_length = std::max(splits.max_length, longest(cuts));
    return in_memory(part.steps, std::move(cuts));
  };
  splits.train = made(parts[0], series.stride > 0 ? series.stride : series.window, parts.size() == 1);
  splits.test = parts.size() > 1 ? made(parts[1], series.window, true) : splits.train;
  if (parts.size() > 2) splits.validation = made(parts[2], series.window, true);
  return splits;
}

}  // namespace bitstate::datasets

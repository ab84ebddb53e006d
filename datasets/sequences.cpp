#include "datasets/sequences.h"

#include "core/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

namespace bitstate::datasets {
namespace {

class InMemory final : public Dataset {
 public:
  InMemory(std::shared_ptr<const Steps> steps, std::vector<Cut> cuts)
      : steps_(std::move(steps)), cuts_(std::move(cuts)) {}

  [[nodiscard]] std::size_t size() const override { return cuts_.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < cuts_.size(), "data", "example {} of {} does not exist", index, cuts_.size());
    const Cut& cut = cuts_[index];
    const Steps& s = *steps_;
    out.length = cut.length;
    copy_rows(s.x, s.d_input, cut.first, cut.length, out.x);
    copy_rows(s.tokens, 1, cut.first, cut.length, out.tokens);
    out.second.clear();
    out.label = 0;
    out.target.clear();
    if (s.task == Task::classification) out.label = s.classes[cut.answer];
    if (s.task == Task::regression) copy_rows(s.target, s.d_output, cut.first, cut.length, out.target);
    if (s.task == Task::value) copy_rows(s.target, s.d_output, cut.answer, 1, out.target);
  }

 private:
  template <class T>
  static void copy_rows(const std::vector<T>& from, std::size_t cols, std::size_t first, std::size_t rows,
                        std::vector<T>& to) {
    to.clear();
    if (from.empty()) return;
    const T* const begin = from.data() + first * cols;
    to.assign(begin, begin + rows * cols);
  }

  std::shared_ptr<const Steps> steps_;
  std::vector<Cut> cuts_;
};

using Blocks = std::vector<std::span<const double>>;

/// The units of one side, x or target, of the training part, or those that are `given`.
Units units_of_side(const std::vector<Series>& train, std::vector<double> Series::*values, std::size_t columns,
                    const Units* given) {
  if (given == nullptr) {
    Blocks blocks;
    for (const Series& series : train) blocks.emplace_back(series.*values);
    return units_of(blocks, columns);
  }
  require(given->mean.empty() || given->mean.size() == columns, "data",
          "{} columns are read, but the model was trained with {}", columns, given->mean.size());
  return *given;
}

/// Appends values, standardised.
void append_standardised(const Units& units, std::span<const double> values, std::string_view where,
                         std::vector<float>& to) {
  const std::size_t size = to.size();
  to.resize(size + values.size());
  standardise_into(units, values, std::span(to).subspan(size), where);
}

/// Appends the class of every step.
void append_classes(const Series& series, std::size_t horizon, std::vector<std::int32_t>& classes) {
  for (std::size_t row = horizon; row < series.rows; ++row) {
    const double value = series.target[row];
    require(value >= 0.0 && value <= max_id && value == std::floor(value), series.origin,
            "row {0} of numbers: expected a class (a whole number from 0 to {2}), got {1}", row, value, max_id);
    classes.push_back(static_cast<std::int32_t>(value));
  }
}

struct Joined {
  std::shared_ptr<Steps> steps;
  std::vector<Cut> cuts;
};

/// The series of a part, one after the other, standardised, each step with the target of its row + horizon.
Joined joined(const std::vector<Series>& part, std::size_t d_input, std::size_t d_output, const Cutting& cutting,
              const Reading& reading, bool train) {
  Joined all{std::make_shared<Steps>(), {}};
  Steps& steps = *all.steps;
  steps.task = cutting.task;
  steps.d_input = d_input;
  steps.d_output = d_output;
  std::size_t first = 0;
  for (const Series& series : part) {
    require(series.rows > cutting.horizon, series.origin, "there are {} rows, but the horizon of {} needs at least {}",
            series.rows, cutting.horizon, cutting.horizon + 1);
    const std::size_t count = series.rows - cutting.horizon;
    append_standardised(reading.input_units, std::span(series.x).first(count * d_input), series.origin, steps.x);
    if (cutting.task == Task::classification) {
      append_classes(series, cutting.horizon, steps.classes);
    } else {
      append_standardised(reading.target_units, std::span(series.target).subspan(cutting.horizon * d_output),
                          series.origin, steps.target);
    }
    const std::size_t window = train ? cutting.window : cutting.test_window;
    const std::size_t stride = train && cutting.stride > 0 ? cutting.stride : window;
    append_cuts(first, count, window, stride, !train, all.cuts);
    first += count;
  }
  return all;
}

}  // namespace

std::shared_ptr<const Dataset> in_memory(std::shared_ptr<const Steps> steps, std::vector<Cut> cuts) {
  return std::make_shared<InMemory>(std::move(steps), std::move(cuts));
}

void append_cuts(std::size_t first, std::size_t steps, std::size_t window, std::size_t stride, bool rest,
                 std::vector<Cut>& cuts) {
  const auto append = [&](std::size_t start, std::size_t length) {
    cuts.push_back({first + start, length, first + start + length - 1});
  };
  if (window == 0 || steps <= window) return append(0, steps);
  std::size_t start = 0;
  for (; start + window <= steps; start += stride) append(start, window);
  if (rest && start < steps) append(start, steps - start);
}

std::size_t longest(const std::vector<Cut>& cuts) {
  std::size_t length = 0;
  for (const Cut& cut : cuts) length = std::max(length, cut.length);
  return length;
}

Units units_of(const Blocks& blocks, std::size_t columns) {
  std::size_t rows = 0;
  for (const auto& block : blocks) rows += block.size() / columns;
  require(rows > 0, "data", "the training part has no rows to take units of");
  Units units;
  for (std::size_t c = 0; c < columns; ++c) {
    double sum = 0.0;
    double squares = 0.0;
    const double one = blocks.front()[c];
    const auto for_each = [&](auto f) {
      for (const auto& block : blocks) {
        for (std::size_t i = c; i < block.size(); i += columns) f(block[i]);
      }
    };
    // sums of distances from one of the numbers: far from 0 they keep more digits than sums of the numbers
    for_each([&](double v) { sum += v - one; });
    const double mean = one + sum / static_cast<double>(rows);
    for_each([&](double v) { squares += (v - mean) * (v - mean); });
    // of tiny numbers the deviation may be none that can be divided by
    const double deviation = std::sqrt(squares / static_cast<double>(rows));
    units.mean.push_back(mean);
    units.deviation.push_back(std::isnormal(deviation) ? deviation : 1.0);
  }
  return units;
}

void standardise_into(const Units& units, std::span<const double> values, std::span<float> to, std::string_view where) {
  standardise(units, values, to);
  const auto found = std::find_if(to.begin(), to.end(), [](float v) { return !std::isfinite(v); });
  if (found == to.end()) return;
  const double value = values[static_cast<std::size_t>(found - to.begin())];
  require(!units.mean.empty(), where, "the value {} does not fit a float", value);
  fail(where, "{} is too far from the training part's mean: divided by its deviation it does not fit a float", value);
}

void Ids::add(std::span<const std::int32_t> ids) {
  for (const std::int32_t id : ids) there_.at(static_cast<std::size_t>(id)) = true;
}

std::int32_t Ids::largest() const {
  std::size_t end = there_.size();
  while (end > 1 && !there_[end - 1]) --end;
  return static_cast<std::int32_t>(end - 1);
}

void Ids::check_known(std::size_t known, std::string_view what) const {
  constexpr std::size_t enough = 5;
  std::vector<std::string> others;
  for (std::size_t id = known; id < there_.size() && others.size() <= enough; ++id) {
    if (there_[id]) others.push_back(others.size() == enough ? "..." : std::to_string(id));
  }
  require(others.empty(), "data", "the model was trained with the {} 0 to {}; these data also hold {}", what, known - 1,
          fmt::join(others, ", "));
}

Series series_of(const Csv& table, std::size_t d_input, std::size_t first, std::size_t last, std::string origin) {
  const std::size_t cols = table.names.size();
  Series series{std::move(origin), last - first, {}, {}};
  for (std::size_t row = first; row < last; ++row) {
    const double* const cells = table.values.data() + row * cols;
    series.x.insert(series.x.end(), cells, cells + d_input);
    series.target.insert(series.target.end(), cells + d_input, cells + cols);
  }
  return series;
}

std::vector<Series> all_series_of(const Csv& table, std::size_t d_input, std::size_t first, std::size_t last,
                                  std::size_t horizon, const std::string& origin) {
  std::vector<Series> found;
  std::vector<std::size_t> ends;
  std::copy_if(table.starts.begin(), table.starts.end(), std::back_inserter(ends),
               [&](std::size_t row) { return row > first && row < last; });
  ends.push_back(last);
  const bool several = ends.size() > 1;
  for (const std::size_t end : ends) {
    if (!several || end - first > horizon) found.push_back(series_of(table, d_input, first, end, origin));
    first = end;
  }
  return found;
}

OptionTable<SeriesSettings> series_options() {
  using S = SeriesSettings;
  constexpr std::size_t many = 1000000000;
  OptionTable<S> table("data");
  table.whole("window", "STEPS", &S::window, 0, many, "of a training sequence cut from a series; 0: all of it");
  table.whole("stride", "STEPS", &S::stride, 0, many, "between the starts of windows; 0: as long as a window");
  auto& horizon = table.whole("horizon", "STEPS", &S::horizon, 0, many, "the target is that of so many steps later");
  horizon.decides_test = true;
  return table;
}

Splits cut_series(std::string name, const SeriesParts& parts, std::size_t d_input, std::size_t d_output,
                  const Cutting& cutting) {
  Splits splits;
  splits.name = std::move(name);
  splits.task = cutting.task;
  splits.d_input = d_input;
  splits.d_output = d_output;
  const Reading* const given = cutting.reading ? &*cutting.reading : nullptr;
  Reading& reading = splits.reading;
  reading.input_units =
      units_of_side(parts.train, &Series::x, d_input, given != nullptr ? &given->input_units : nullptr);
  const bool classes = cutting.task == Task::classification;
  if (!classes) {
    reading.target_units =
        units_of_side(parts.train, &Series::target, d_output, given != nullptr ? &given->target_units : nullptr);
  }

  Ids ids;
  const auto made = [&](const std::vector<Series>& part, bool train) -> std::shared_ptr<const Dataset> {
    if (part.empty()) return nullptr;
    Joined all = joined(part, d_input, d_output, cutting, reading, train);
    splits.max_length = std::max(splits.max_length, longest(all.cuts));
    ids.add(all.steps->classes);
    return in_memory(std::move(all.steps), std::move(all.cuts));
  };
  splits.train = made(parts.train, true);
  splits.validation = made(parts.validation, false);
  splits.test = made(parts.test, false);
  if (splits.train == nullptr) splits.train = splits.test;
  if (!classes) return splits;
  const std::size_t known = given != nullptr ? given->outputs : 0;
  if (known > 0) ids.check_known(known, "classes");
  splits.d_output = known > 0 ? known : static_cast<std::size_t>(ids.largest()) + 1;
  return splits;
}

}  // namespace bitstate::datasets

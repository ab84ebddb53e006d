#include "datasets/own/own_series.h"

#include "core/error.h"
#include "datasets/own/own_part.h"

#include <fmt/format.h>

#include <utility>

namespace bitstate::datasets {

Task series_task(std::string_view task) {
  if (task == "classification") return Task::classification;
  return task == "value" ? Task::value : Task::regression;
}

void check_windows(const SeriesSettings& series) {
  require<UsageError>(series.stride == 0 || series.window > 0, "stride", "is {}, but there is no window to move",
                      series.stride);
}

SeriesParts cut_in_time(const Series& series, std::size_t d_input, std::size_t d_output, const FoldSettings& folding) {
  require(series.rows >= least_to_split, series.origin, "there are {} rows, but splitting them takes at least {}",
          series.rows, least_to_split);
  const auto part = [&](std::string_view name, std::size_t first, std::size_t last) {
    const auto rows = [&](const std::vector<double>& all, std::size_t columns) {
      return std::vector(all.begin() + static_cast<std::ptrdiff_t>(first * columns),
                         all.begin() + static_cast<std::ptrdiff_t>(last * columns));
    };
    return std::vector{Series{fmt::format("{}, the {} part", series.origin, name), last - first,
                              rows(series.x, d_input), rows(series.target, d_output)}};
  };
  const std::size_t train = series.rows * 8 / 10;
  const std::size_t validation = series.rows * 9 / 10;
  const auto test = part("test", validation, series.rows);
  if (folding.folds > 0) return {part("training", 0, validation), {}, test};
  return {part("training", 0, train), part("validation", train, validation), test};
}

SeriesParts split_files(std::vector<Series> files, Task task, std::string_view folder, const FoldSettings& folding) {
  SeriesParts parts;
  std::vector<std::int32_t> classes;
  if (task == Task::classification) {
    for (const Series& file : files) classes.push_back(static_cast<std::int32_t>(file.target.back()));
  }
  const auto chosen = split_by_chance(files.size(), classes, folder, folding);
  for (const auto& [part, indices] :
       {std::pair{&parts.train, &chosen[0]}, {&parts.validation, &chosen[1]}, {&parts.test, &chosen[2]}}) {
    for (const std::uint32_t i : *indices) part->push_back(std::move(files[i]));
  }
  return parts;
}

Splits cut_own_series(SeriesParts parts, std::size_t d_input, std::size_t d_output, Task task, const Labels& labels,
                      const SeriesSettings& series, const std::optional<Reading>& reading,
                      const FoldSettings& folding) {
  take_fold(parts, d_input, d_output, task, series, folding);
  Classes classes;
  if (task == Task::classification) {
    classes = classes_of(labels, reading);
    for (std::vector<Series>* const part : {&parts.train, &parts.validation, &parts.test}) {
      for (Series& one : *part) {
        for (double& target : one.target) target = classes.of[static_cast<std::size_t>(target)];
      }
    }
  }
  Splits splits = cut_series("own", parts, d_input, d_output,
                             {task, series.window, series.stride, series.window, series.horizon, reading});
  splits.reading.classes = std::move(classes.names);
  return splits;
}

}  // namespace bitstate::datasets

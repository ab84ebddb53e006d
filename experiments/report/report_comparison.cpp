// The table that compares two sweeps.
#include "experiments/report/report.h"
#include "experiments/results/csv.h"
#include "experiments/results/texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace bitstate::experiments {

std::vector<std::vector<std::string>> comparison_cells(const Comparison& comparison) {
  std::vector<std::vector<std::string>> cells(1, comparison.titles);
  const std::string& metric = comparison.rows.front().metric;
  const bool common = std::all_of(comparison.rows.begin(), comparison.rows.end(),
                                  [&](const MatchedRow& row) { return row.metric == metric; });
  const std::string title = metric_title(common ? metric : "");
  for (const auto& text :
       {"A: " + title, std::string("n"), "B: " + title, std::string("n"), std::string("B − A"), std::string("pairs")}) {
    cells[0].push_back(text);
  }
  for (const auto& row : comparison.rows) {
    auto& line = cells.emplace_back(row.names);
    for (const Statistic* s : {&row.a, &row.b}) {
      line.push_back(statistic_text(row.metric, *s));
      line.push_back(fmt::format("{}", s->n));
    }
    line.push_back(difference_text(row.metric, row.difference, row.b.mean.value_or(0.0)));
    line.push_back(fmt::format("{}", row.difference.n));
  }
  return cells;
}

std::vector<std::string> comparison_notes(const Comparison& comparison) {
  std::vector<std::string> notes{fmt::format("A is {}, B is {}.", comparison.a, comparison.b)};
  if (!comparison.settings.empty()) {
    notes.push_back(fmt::format("Their runs differ in {}.", fmt::join(comparison.settings, "; ")));
  }
  notes.emplace_back(
      "n counts the seeds that are done. B − A is the mean over the seeds that both have, with its 95 % interval "
      "(Student's t).");
  if (!comparison.only_a.empty()) notes.push_back(fmt::format("Only in A: {}.", fmt::join(comparison.only_a, "; ")));
  if (!comparison.only_b.empty()) notes.push_back(fmt::format("Only in B: {}.", fmt::join(comparison.only_b, "; ")));
  return notes;
}

std::string comparison_csv(const Comparison& comparison) {
  std::vector<std::string> titles = comparison.titles;
  for (const char* title : {"metric", "a_mean", "a_std", "a_n", "b_mean", "b_std", "b_n", "difference",
                            "difference_low", "difference_high", "difference_std", "difference_n"}) {
    titles.emplace_back(title);
  }
  std::string text = csv_line(titles);
  for (const auto& row : comparison.rows) {
    std::vector<std::string> fields = row.names;
    fields.push_back(row.metric);
    for (const Statistic* s : {&row.a, &row.b}) {
      fields.push_back(csv_number(s->mean));
      fields.push_back(csv_number(s->deviation));
      fields.push_back(fmt::format("{}", s->n));
    }
    const auto interval = interval_95(row.difference);
    fields.push_back(csv_number(row.difference.mean));
    fields.push_back(interval ? csv_number(interval->low) : "");
    fields.push_back(interval ? csv_number(interval->high) : "");
    fields.push_back(csv_number(row.difference.deviation));
    fields.push_back(fmt::format("{}", row.difference.n));
    text += csv_line(fields);
  }
  return text;
}

}  // namespace bitstate::experiments

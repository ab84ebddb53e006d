// The heat map of a table by two keys.
#include "experiments/report/figure_parts.h"
#include "experiments/results/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitstate::experiments {

namespace {

/// Where the colours of a map begin and end.
struct Span {
  double low = INFINITY;
  double high = -INFINITY;
  std::string metric;

  [[nodiscard]] bool is_log() const { return spans_ratios(low, high); }
  /// From the worst, 0, to the best, 1.
  [[nodiscard]] double share(double value) const {
    if (high <= low) return 1.0;
    const double part = is_log() ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return larger_is_better(metric) ? part : 1.0 - part;
  }
  [[nodiscard]] std::vector<std::string> scale() const {
    std::vector<std::string> texts;
    if (high <= low) return texts;
    const double middle = is_log() ? std::sqrt(low * high) : 0.5 * (low + high);
    for (const double value : {low, middle, high}) texts.push_back(metric_text(metric, value));
    if (!larger_is_better(metric)) std::reverse(texts.begin(), texts.end());
    return texts;
  }
};

/// Nothing unless there are results, all comparable.
std::optional<Span> span_of(const Report& report, const PivotGrid& grid) {
  Span span;
  const ReportRow* first = nullptr;
  for (const auto& line : grid.cells) {
    for (const ReportRow* row : line) {
      if (row == nullptr || !row->test.mean) continue;
      if (first == nullptr) first = row;
      if (!report.comparable(*first, *row)) return std::nullopt;
      span.low = std::min(span.low, *row->test.mean);
      span.high = std::max(span.high, *row->test.mean);
    }
  }
  if (first == nullptr) return std::nullopt;
  span.metric = first->metric;
  return span;
}

HeatCell cell_of(const ReportRow* row, const Span& span) {
  HeatCell cell{.text = "–"};
  if (row != nullptr && row->test.mean) {
    cell.value = shown(span.metric, *row->test.mean);
    if (row->test.deviation) cell.deviation = shown(span.metric, *row->test.deviation);
    cell.text = statistic_text(span.metric, row->test);
    cell.share = span.share(*row->test.mean);
    if (row->test.n < row->seeds()) cell.below = fmt::format("{} of {} seeds", row->test.n, row->seeds());
    if (!row->qs5.empty()) cell.below += (cell.below.empty() ? "" : ", ") + ("Q-S5: " + row->qs5);
  } else if (row != nullptr && row->running + row->diverged + row->given_up > 0) {
    cell.text = row->running > 0 ? "running" : row->diverged > 0 ? "diverged" : "given up";
  }
  return cell;
}

std::size_t longest(const std::vector<std::string>& values) {
  std::size_t size = 0;
  for (const auto& value : values) size = std::max(size, value.size());
  return size;
}

}  // namespace

std::optional<HeatMap> heat_map(const Report& report, const PivotGrid& grid) {
  const auto span = span_of(report, grid);
  if (!span || grid.down.size() < 2 || grid.across.size() < 2) return std::nullopt;
  const bool turned = longest(grid.across) > 12 && longest(grid.across) > longest(grid.down);  // beside rows is room
  HeatMap map{.row_label = turned ? report.pivot.columns : report.pivot.rows,
              .column_label = turned ? report.pivot.rows : report.pivot.columns,
              .value_label = metric_title(span->metric),
              .rows = turned ? grid.across : grid.down,
              .columns = turned ? grid.down : grid.across,
              .scale = span->scale()};
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      HeatCell cell = cell_of(turned ? grid.cells[c][r] : grid.cells[r][c], *span);
      cell.row = r;
      cell.column = c;
      map.cells.push_back(std::move(cell));
    }
  }
  return map;
}

}  // namespace bitstate::experiments

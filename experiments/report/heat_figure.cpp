// The heat map of two settings.
#include "experiments/report/figure_parts.h"
#include "experiments/results/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitstate::experiments {

namespace {

/// Whether a row belongs to the group, with or without a result.
bool is_of(const Report& report, const RowGroup& rows, const ReportRow& row) {
  return row.test.mean ? report.comparable(row, *rows.front()) : report.same_data(row, *rows.front());
}

/// The values of a column in the rows of a group, in order.
std::vector<std::string> axis_of(const Report& report, const RowGroup& rows, std::size_t column) {
  std::vector<std::string> values = report.axis(column);
  std::erase_if(values, [&](const std::string& value) {
    return std::none_of(report.rows.begin(), report.rows.end(),
                        [&](const ReportRow& row) { return row.values[column] == value && is_of(report, rows, row); });
  });
  return values;
}

}  // namespace

HeatMap heat_map(const Report& report, const RowGroup& rows, const std::string& value_label) {
  const auto longest = [&](std::size_t column) {
    std::size_t size = 0;
    for (const auto& value : axis_of(report, rows, column)) size = std::max(size, value.size());
    return size;
  };
  const bool turned = longest(1) > 12 && longest(1) > longest(0);  // long words stand beside rows
  const std::size_t down = turned ? 1 : 0;
  const std::size_t across = turned ? 0 : 1;
  HeatMap map{.row_label = report.columns[down], .column_label = report.columns[across], .value_label = value_label};
  const std::string& metric = rows.front()->metric;
  double low = INFINITY;
  double high = -INFINITY;
  for (const ReportRow* row : rows) {
    low = std::min(low, *row->test.mean);
    high = std::max(high, *row->test.mean);
  }
  const bool log = spans_ratios(low, high);
  const auto share = [&](double value) {
    if (high <= low) return 1.0;
    const double part = log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return larger_is_better(metric) ? part : 1.0 - part;
  };
  const auto row_values = axis_of(report, rows, down);
  const auto column_values = axis_of(report, rows, across);
  const auto text = [&](std::size_t column, const std::string& value) {
    const std::string shown_value = value_text(report.columns[column], value);
    return shown_value.empty() ? "none" : shown_value;  // no rules
  };
  for (const auto& value : column_values) map.columns.push_back(text(across, value));
  for (std::size_t r = 0; r < row_values.size(); ++r) {
    map.rows.push_back(text(down, row_values[r]));
    for (std::size_t c = 0; c < column_values.size(); ++c) {
      const ReportRow* row =
          turned ? report.at(column_values[c], row_values[r]) : report.at(row_values[r], column_values[c]);
      if (row != nullptr && !is_of(report, rows, *row)) row = nullptr;
      HeatCell cell{.row = r, .column = c, .text = "–"};
      if (row != nullptr && row->test.mean) {
        cell.value = shown(metric, *row->test.mean);
        if (row->test.deviation) cell.deviation = shown(metric, *row->test.deviation);
        cell.text = statistic_text(metric, row->test);
        cell.share = share(*row->test.mean);
        if (!row->qs5.empty()) cell.below = "Q-S5: " + row->qs5;
      } else if (row != nullptr && row->running + row->diverged + row->given_up > 0) {
        cell.text = row->running > 0 ? "running" : row->diverged > 0 ? "diverged" : "given up";
      }
      map.cells.push_back(std::move(cell));
    }
  }
  const double middle = log ? std::sqrt(low * high) : 0.5 * (low + high);
  if (high > low) {
    for (const double value : {low, middle, high}) map.scale.push_back(metric_text(metric, value));
    if (!larger_is_better(metric)) std::reverse(map.scale.begin(), map.scale.end());
  }
  return map;
}

}  // namespace bitstate::experiments

#include "experiments/report/figures.h"

#include "core/text.h"
#include "experiments/report/figure_parts.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bitstate::experiments {

namespace {

/// The rows with a result, in groups that are tested on the same data.
std::vector<RowGroup> comparable_rows(const Report& report) {
  std::vector<RowGroup> groups;
  for (const auto& row : report.rows) {
    if (!row.test.mean) continue;
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const RowGroup& rows) { return report.comparable(*rows.front(), row); });
    if (group == groups.end()) {
      groups.push_back({&row});
    } else {
      group->push_back(&row);
    }
  }
  return groups;
}

/// What the rows of a group share and those of other groups do not: " (tau 17)".
std::string group_text(const Report& report, const RowGroup& rows) {
  std::string text;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (!decides_test(report.columns[i])) continue;
    text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", report.columns[i], rows.front()->values[i]);
  }
  return text.empty() ? text : text + ")";
}

bool any_published(const RowGroup& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const ReportRow* row) { return !row->published.empty(); });
}

void add_heat_maps(const Report& report, std::vector<Figure>& figures) {
  std::size_t number = 0;
  for (const auto& grid : pivot_grids(report)) {
    auto map = heat_map(report, grid);
    if (!map) continue;
    const std::string end = number++ == 0 ? "" : fmt::format("-{}", number);
    const auto below = [&](const char* word) {
      return std::any_of(map->cells.begin(), map->cells.end(),
                         [&](const HeatCell& cell) { return cell.below.find(word) != cell.below.npos; });
    };
    figures.push_back({"heat-map" + end,
                       fmt::format("{} by {} and {}{}", map->value_label, report.pivot.rows, report.pivot.columns,
                                   grid.title.empty() ? "" : " (" + grid.title + ")"),
                       fmt::format("Mean ± sample standard deviation over the seeds. The deeper the colour, the "
                                   "better.{}{}",
                                   below("Q-S5") ? " Below: what Q-S5 published." : "",
                                   below("seeds") ? " Below, where seeds are missing: how many there are." : ""),
                       std::move(*map)});
  }
}

void add_allocations(const Report& report, std::vector<Figure>& figures) {
  std::size_t number = 0;
  for (const auto& allocation : report.allocations) {
    const std::string end = number++ == 0 ? "" : fmt::format("-{}", number);
    const std::string metric = "validation" + metric_title(allocation.metric).substr(4);  // in place of "test"
    Plot plot = allocation_plot(allocation.models, allocation.metric);
    plot.y.label = metric;
    if (!tidy(plot)) continue;
    figures.push_back({"allocation" + end,
                       fmt::format("{} against bytes, {}", metric, allocation.folder.filename().string()),
                       "What bitstate allocate measured. No model on the front is beaten in both.", std::move(plot)});
  }
}

}  // namespace

double shown(std::string_view metric, double value) { return metric == "accuracy" ? 100.0 * value : value; }

PlotPoint point_of(const ReportRow& row, double x) {
  PlotPoint point{.x = x, .y = shown(row.metric, *row.test.mean)};
  if (const auto interval = interval_95(row.test)) {
    point.low = shown(row.metric, interval->low);
    point.high = shown(row.metric, interval->high);
  }
  return point;
}

std::string file_slug(std::string_view text) { return slug_of(slug_of(text).substr(0, 48)); }

std::size_t style_number(const Report& report, const ReportRow& row) {
  return static_cast<std::size_t>(&row - report.rows.data());
}

std::vector<Figure> report_figures(const Report& report) {
  std::vector<Figure> figures;
  std::size_t number = 0;
  for (const RowGroup& rows : comparable_rows(report)) {
    const std::string group = group_text(report, rows);
    const std::string end = number++ == 0 ? "" : fmt::format("-{}", number);
    const std::string metric = metric_title(rows.front()->metric);
    const auto add = [&](const std::string& name, const std::string& title, const std::string& note,
                         std::optional<Plot> plot) {
      if (!plot) return;
      plot->y.label = plot->y.label.empty() ? metric : plot->y.label;
      if (tidy(*plot)) figures.push_back({name + end, title + group, note, std::move(*plot)});
    };
    const std::string bars = "Bars: the 95 % interval of the mean over the seeds (Student's t).";
    const std::string theirs = any_published(rows) ? " Hollow: what Q-S5 published (see the table)." : "";
    for (std::size_t column = 0; column < report.columns.size(); ++column) {
      if (!is_quant_setting(report.columns[column]) || report.columns[column] == "quant") continue;
      const std::string& name = report.columns[column];
      add("bits-" + file_slug(name), fmt::format("{} against {}", metric, name), bars + theirs,
          metric_against_bits(report, rows, column));
      auto difference = difference_against_bits(report, rows, column);
      if (difference) difference->y.label = "difference to float: " + metric;
      add("difference-" + file_slug(name), fmt::format("difference of {} to float, against {}", metric, name),
          "Mean over pairs of runs. Bars: its 95 % interval (Student's t).", std::move(difference));
    }
    add("size", metric + " against model size", bars + " No row on the front is beaten in both." + theirs,
        against_cost(report, rows, &ReportRow::size_kib, "size of the parameters, KiB", true));
    add("instructions", metric + " against instructions per step",
        bars + " Estimates for exported C on a Cortex-M4. No row on the front is beaten in both.",
        against_cost(report, rows, &ReportRow::instructions, "instructions per streaming step, Cortex-M4", false));
    add("multiplier", metric + " against the multiplier width of A", bars + " No row on the front is beaten in both.",
        against_cost(report, rows, &ReportRow::multiplier_bits, "bits of the numbers that the state is multiplied by",
                     false));
  }
  add_heat_maps(report, figures);
  add_allocations(report, figures);
  for (auto& figure : curve_figures(report)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace bitstate::experiments

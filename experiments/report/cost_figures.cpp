// Figures against what models cost.
#include "experiments/report/figure_parts.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace bitstate::experiments {

namespace {

/// Not beaten in both by another row: from small to large x, each better than all before.
std::vector<PlotPoint> pareto_front(std::vector<PlotPoint> points, bool larger) {
  std::sort(points.begin(), points.end(), [&](const PlotPoint& a, const PlotPoint& b) {
    return a.x != b.x ? a.x < b.x : larger ? a.y > b.y : a.y < b.y;
  });
  std::vector<PlotPoint> front;
  for (const auto& point : points) {
    const bool better = front.empty() || (larger ? point.y > front.back().y : point.y < front.back().y);
    if (better) front.push_back({.x = point.x, .y = point.y});
  }
  if (!front.empty()) front.push_back({.x = points.back().x, .y = front.back().y});  // it holds for what is larger
  return front;
}

Series front_of(const std::vector<PlotPoint>& points, std::string_view metric) {
  return {.label = "Pareto front",
          .points = pareto_front(points, larger_is_better(metric)),
          .line = Series::Line::steps,
          .marks = false,
          .aside = true};
}

/// Whether rows differ in a column's number of bits.
bool has_widths(const Report& report, std::size_t column) {
  std::set<double> widths;
  for (const auto& row : report.rows) {
    if (const auto place = bit_place(report, row, column); place && place->bits) widths.insert(*place->bits);
  }
  return widths.size() > 1;
}

/// What a row is apart from its numbers of bits: "a_bits #".
std::string family_label(const Report& report, const ReportRow& row) {
  std::string label;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (decides_test(report.columns[i])) continue;
    const auto place = is_quant_setting(report.columns[i]) ? bit_place(report, row, i) : std::nullopt;
    const bool has_bits = place && place->bits && has_widths(report, i);
    const std::string value = !has_bits               ? value_text(report.columns[i], row.values[i])
                              : place->family.empty() ? "#"
                                                      : place->family;
    if (!value.empty()) label += fmt::format("{}{} {}", label.empty() ? "" : ", ", report.columns[i], value);
  }
  return label.empty() ? "float" : label;
}

}  // namespace

std::optional<Plot> against_cost(const Report& report, const RowGroup& rows, std::optional<double> ReportRow::*cost,
                                 const std::string& label, bool with_published) {
  Plot plot;
  Series theirs{.label = "Q-S5 (theirs), at the cost of ours", .line = Series::Line::none, .theirs = true};
  plot.x.label = label;
  std::vector<PlotPoint> all;
  std::set<double> costs;
  std::map<std::string, std::size_t> places;
  for (const ReportRow* row : rows) {
    if (!(row->*cost)) continue;
    all.push_back(point_of(*row, *(row->*cost)));
    all.back().name = row_label(report, *row);
    costs.insert(all.back().x);
    for (const double value : row->published)
      theirs.points.push_back({.x = all.back().x, .y = value, .name = all.back().name});
    const bool shared = rows.size() > series_colours && !report.labelled();
    const std::string name = shared ? family_label(report, *row) : all.back().name;
    const auto [place, is_new] = places.emplace(name, plot.series.size());
    if (is_new) plot.series.push_back({.label = name, .style = plot.series.size(), .line = Series::Line::none});
    plot.series[place->second].points.push_back(all.back());
  }
  if (costs.size() < 2) return std::nullopt;
  theirs.style = plot.series.size();
  if (with_published && !theirs.points.empty()) plot.series.push_back(std::move(theirs));
  plot.x.log = spans_ratios(plot, &PlotPoint::x);
  plot.y.log = spans_ratios(plot, &PlotPoint::y);
  plot.series.insert(plot.series.begin(), front_of(all, rows.front()->metric));
  return plot;
}

Plot allocation_plot(const std::vector<AllocatedModel>& models, std::string_view metric) {
  Plot plot{.x = {.label = "bytes of the weights"}};
  std::vector<PlotPoint> all;
  for (const auto& [kind, label] : {std::pair("run", "the run as it is"),
                                    {"uniform", "uniform widths"},
                                    {"uniform-finetuned", "uniform widths, fine-tuned"},
                                    {"allocated", "allocated widths"},
                                    {"allocated-finetuned", "allocated widths, fine-tuned"}}) {
    Series series{.label = label, .style = plot.series.size(), .line = Series::Line::none};
    for (const auto& model : models) {
      if (model.kind == kind)
        series.points.push_back({.x = model.bytes, .y = shown(metric, model.metric), .name = model.label});
    }
    all.insert(all.end(), series.points.begin(), series.points.end());
    plot.series.push_back(std::move(series));
  }
  plot.x.log = true;
  plot.y.log = spans_ratios(plot, &PlotPoint::y);
  plot.series.insert(plot.series.begin(), front_of(all, metric));
  return plot;
}

}  // namespace bitstate::experiments

#include "experiments/report/figures.h"

#include "core/text.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <set>

namespace bitstate::experiments {

namespace {

using RowGroup = std::vector<const ReportRow*>;

double shown(std::string_view metric, double value) { return metric == "accuracy" ? 100.0 * value : value; }

PlotPoint point_of(const ReportRow& row, double x) {
  PlotPoint point{.x = x, .y = shown(row.metric, *row.test.mean)};
  if (!row.test.deviation) return point;
  point.low = point.y - shown(row.metric, *row.test.deviation);
  point.high = point.y + shown(row.metric, *row.test.deviation);
  return point;
}

/// The paired difference to float with its 95 % interval; nothing for float itself and where there is no pair.
std::optional<PlotPoint> difference_point(const ReportRow& row, double x) {
  if (row.is_float || !row.difference.mean) return std::nullopt;
  PlotPoint point{.x = x, .y = shown(row.metric, *row.difference.mean)};
  if (const auto interval = interval_95(row.difference)) {
    point.low = shown(row.metric, interval->low);
    point.high = shown(row.metric, interval->high);
  }
  return point;
}

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

/// A place on an axis of bits: where there are none, it is float.
struct BitPlace {
  std::vector<std::string> rest;  ///< what the row is otherwise
  std::string family;             ///< of rules; empty of a bit width
  std::optional<double> bits;
};

std::optional<BitPlace> bit_place(const Report& report, const ReportRow& row, std::size_t column) {
  BitPlace place;
  place.rest = row.values;
  const std::string& value = std::exchange(place.rest[column], "");
  if (value == "none" || value.empty()) return place;
  if (report.columns[column] == "bits") {
    const auto rules = bits_of_rules(value);
    if (!rules) return std::nullopt;
    place.family = rules->family;
    place.bits = rules->bits;
    return place;
  }
  double bits = 0.0;
  const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), bits);
  if (error != std::errc() || stop != value.data() + value.size()) return std::nullopt;
  place.bits = bits;
  return place;
}

std::string series_label(const Report& report, const BitPlace& place, std::size_t column) {
  std::string label = place.family;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (i == column || decides_test(report.columns[i])) continue;
    const std::string value = value_text(report.columns[i], place.rest[i]);
    if (!value.empty()) label += fmt::format("{}{} {}", label.empty() ? "" : ", ", report.columns[i], value);
  }
  return label.empty() ? report.columns[column] : label;
}

/// Float stands behind the widest of the numbers of bits.
double float_place(const std::set<double>& widths) { return *widths.rbegin() * (*widths.rbegin() < 16.0 ? 1.6 : 2.0); }

/// A tick at each width and, if something is there, at float.
PlotAxis bit_axis(const std::string& label, const std::set<double>& widths, const std::vector<Series>& series) {
  PlotAxis axis{.label = label, .log = true};
  for (const double bits : widths) axis.ticks.emplace_back(bits, fmt::format("{}", bits));
  const double place = float_place(widths);
  const bool has_float = std::any_of(series.begin(), series.end(), [&](const Series& one) {
    return !one.points.empty() && one.points.back().x == place;
  });
  if (has_float) axis.ticks.emplace_back(place, "float");
  return axis;
}

/// A figure that has a y for each row, from `point(row, x)`.
using PointOf = std::function<std::optional<PlotPoint>(const ReportRow&, double)>;

/// `rows` against the bits in a column: a series is what is otherwise the same. Nothing unless one has two widths.
std::optional<Plot> against_bits(const Report& report, const RowGroup& rows, std::size_t column, const PointOf& point) {
  using Key = std::pair<std::vector<std::string>, std::string>;
  std::map<Key, std::map<double, const ReportRow*>> by_key;
  std::map<std::vector<std::string>, const ReportRow*> floats;
  std::vector<Key> order;
  std::set<double> widths;
  for (const ReportRow* row : rows) {
    const auto place = bit_place(report, *row, column);
    if (!place) continue;
    if (!place->bits) {
      floats[place->rest] = row;
      continue;
    }
    const Key key{place->rest, place->family};
    if (by_key[key].empty()) order.push_back(key);
    by_key[key][*place->bits] = row;
    widths.insert(*place->bits);
  }
  const bool has_line =
      std::any_of(by_key.begin(), by_key.end(), [](const auto& one) { return one.second.size() > 1; });
  if (!has_line) return std::nullopt;
  Plot plot;
  for (const auto& key : order) {
    Series series{.label = series_label(report, {key.first, key.second, {}}, column), .style = plot.series.size()};
    const auto add = [&](const ReportRow& row, double x) {
      if (const auto one = point(row, x)) series.points.push_back(*one);
    };
    for (const auto& [width, row] : by_key[key]) add(*row, width);
    if (const auto found = floats.find(key.first); found != floats.end()) add(*found->second, float_place(widths));
    plot.series.push_back(std::move(series));
  }
  plot.x = bit_axis(report.columns[column], widths, plot.series);
  plot.y.log = spans_ratios(plot, &PlotPoint::y);
  return plot;
}

/// Zero, with which differences are compared.
Series zero_line(const PlotAxis& axis) {
  return {.label = "float",
          .points = {{axis.ticks.front().first, 0.0}, {axis.ticks.back().first, 0.0}},
          .marks = false,
          .aside = true};
}

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

/// A few rows, and those with labels, have a mark each. Of more, those that differ in numbers of bits alone share one.
std::optional<Plot> against_cost(const Report& report, const RowGroup& rows, std::optional<double> ReportRow::*cost,
                                 const std::string& label) {
  Plot plot;
  plot.x.label = label;
  std::vector<PlotPoint> all;
  std::set<double> costs;
  std::map<std::string, std::size_t> places;
  for (const ReportRow* row : rows) {
    if (!(row->*cost)) continue;
    all.push_back(point_of(*row, *(row->*cost)));
    all.back().name = row_label(report, *row);
    costs.insert(all.back().x);
    const bool shared = rows.size() > series_colours && !report.labelled();
    const std::string name = shared ? family_label(report, *row) : all.back().name;
    const auto [place, is_new] = places.emplace(name, plot.series.size());
    if (is_new) plot.series.push_back({.label = name, .style = plot.series.size(), .line = Series::Line::none});
    plot.series[place->second].points.push_back(all.back());
  }
  if (costs.size() < 2) return std::nullopt;
  plot.x.log = spans_ratios(plot, &PlotPoint::x);
  plot.y.log = spans_ratios(plot, &PlotPoint::y);
  Series front{.label = "Pareto front", .line = Series::Line::steps, .marks = false, .aside = true};
  front.points = pareto_front(all, larger_is_better(rows.front()->metric));
  plot.series.insert(plot.series.begin(), std::move(front));
  return plot;
}

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

/// Two axes, with the better values in the deeper colours.
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
      } else if (row != nullptr && row->running + row->diverged > 0) {
        cell.text = row->running > 0 ? "running" : "diverged";
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

}  // namespace

std::optional<BitRules> bits_of_rules(std::string_view rules) {
  BitRules found;
  bool any = false;
  while (!rules.empty()) {
    const std::size_t end = std::min(rules.find(';'), rules.size());
    const std::string_view rule = rules.substr(0, end);
    rules.remove_prefix(std::min(end + 1, rules.size()));
    const std::size_t word = std::min(rule.find_first_not_of(' '), rule.size());
    const std::size_t number = rule.find_first_not_of(' ', std::min(rule.find(' ', word), rule.size()));
    if (number == rule.npos) return std::nullopt;  // a rule without a width, or nothing
    double bits = 0.0;
    const auto [stop, error] = std::from_chars(rule.data() + number, rule.data() + rule.size(), bits);
    if (!found.family.empty()) found.family += ";";
    if (error != std::errc()) {
      found.family += rule;  // none
      continue;
    }
    if (any && bits != found.bits) return std::nullopt;
    any = true;
    found.bits = bits;
    found.family += std::string(rule.substr(0, number)) + "#" + std::string(stop, rule.data() + rule.size());
  }
  return any && found.bits > 0.0 ? std::optional(found) : std::nullopt;
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
    const std::string bars = "Bars: sample standard deviation over the seeds.";
    for (std::size_t column = 0; column < report.columns.size(); ++column) {
      if (!is_quant_setting(report.columns[column]) || report.columns[column] == "quant") continue;
      const std::string& name = report.columns[column];
      add("bits-" + file_slug(name), fmt::format("{} against {}", metric, name), bars,
          against_bits(report, rows, column,
                       [](const auto& row, double x) { return std::optional(point_of(row, x)); }));
      auto difference = against_bits(report, rows, column, difference_point);
      if (difference) {
        difference->y.label = "difference to float: " + metric;
        difference->y.log = false;
      }
      if (difference && tidy(*difference)) difference->series.push_back(zero_line(difference->x));
      add("difference-" + file_slug(name), fmt::format("difference of {} to float, against {}", metric, name),
          "Mean over pairs of runs. Bars: its 95 % interval (Student's t).", std::move(difference));
    }
    if (report.has_matrix() && report.axis(0).size() > 1 && report.axis(1).size() > 1) {
      figures.push_back({"heat-map" + end, fmt::format("{} by {} and {}", metric, report.columns[0], report.columns[1]),
                         "Mean ± sample standard deviation over the seeds. The deeper the colour, the better.",
                         heat_map(report, rows, metric)});
    }
    add("size", metric + " against model size", bars + " No row on the front is beaten in both.",
        against_cost(report, rows, &ReportRow::size_kib, "size of the parameters, KiB"));
    add("multiplier", metric + " against the multiplier width of A", bars + " No row on the front is beaten in both.",
        against_cost(report, rows, &ReportRow::multiplier_bits, "bits of the numbers that the state is multiplied by"));
  }
  for (auto& figure : curve_figures(report)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace bitstate::experiments

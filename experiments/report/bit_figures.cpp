// Figures against numbers of bits.
#include "experiments/report/figure_parts.h"
#include "experiments/report/figures.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace bitstate::experiments {

namespace {

/// The paired difference to float with its 95 % interval; nothing for float itself and where there is no pair.
std::vector<PlotPoint> difference_points(const ReportRow& row, double x) {
  if (row.is_float || !row.difference.mean) return {};
  PlotPoint point{.x = x, .y = shown(row.metric, *row.difference.mean)};
  if (const auto interval = interval_95(row.difference)) {
    point.low = shown(row.metric, interval->low);
    point.high = shown(row.metric, interval->high);
  }
  return {point};
}

std::vector<PlotPoint> published_points(const ReportRow& row, double x) {
  std::vector<PlotPoint> points;
  for (const double value : row.published) points.push_back({.x = x, .y = value});
  return points;
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

/// What rows with labels are called by in a legend: their stage, their rules if there are several, and as few settings
/// as tell them apart; what they started from is the last of them, since it follows from the others.
std::vector<std::string> named_labels(const Report& report,
                                      const std::vector<std::pair<const ReportRow*, BitPlace>>& all,
                                      std::size_t column) {
  std::vector<std::string> labels;
  const auto add = [](std::string& label, const std::string& text) {
    if (!text.empty()) label += (label.empty() ? "" : ", ") + text;
  };
  const bool families = std::any_of(all.begin(), all.end(),
                                    [&](const auto& one) { return one.second.family != all.front().second.family; });
  for (const auto& [row, place] : all) {
    std::string& label = labels.emplace_back(row->runs.front().stage);
    if (families) add(label, place.family);
  }
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (i != column && !decides_test(report.columns[i])) columns.push_back(i);
  }
  std::stable_partition(columns.begin(), columns.end(), [&](std::size_t i) { return report.columns[i] != "from"; });
  for (const std::size_t i : columns) {
    std::map<std::string, std::string> first;
    bool differ = false;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const std::string& value = all[k].first->values[i];
      differ = differ || first.emplace(labels[k], value).first->second != value;
    }
    for (std::size_t k = 0; differ && k < all.size(); ++k) {
      const std::string value = value_text(report.columns[i], all[k].first->values[i]);
      if (!value.empty()) add(labels[k], report.columns[i] + " " + value);
    }
  }
  for (auto& label : labels) label = label.empty() ? report.columns[column] : label;
  return labels;
}

/// The float row that rows are compared with.
const ReportRow* reference_of(const Report& report, const RowGroup& rows,
                              const std::map<double, const ReportRow*>& of) {
  for (const auto& [width, row] : of) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&, row = row](const ReportRow* other) {
      return other->is_float && row_label(report, *other) == row->reference;
    });
    if (found != rows.end()) return *found;
  }
  return nullptr;
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

/// What a figure has of a row, at the place x.
using PointsOf = std::function<std::vector<PlotPoint>(const ReportRow&, double)>;

/// A series for each set of rows that differ in the bits alone, in the order of the rows.
std::optional<Plot> against_bits(const Report& report, const RowGroup& rows, std::size_t column,
                                 const PointsOf& points) {
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
  std::vector<std::pair<const ReportRow*, BitPlace>> firsts;
  for (const auto& key : order) firsts.emplace_back(by_key[key].begin()->second, BitPlace{key.first, key.second, {}});
  std::vector<std::string> labels;
  if (report.labelled()) labels = named_labels(report, firsts, column);
  Plot plot;
  for (const auto& key : order) {
    const std::size_t number = plot.series.size();
    Series series{.label = labels.empty() ? series_label(report, firsts[number].second, column) : labels[number],
                  .style = number};
    const auto add = [&](const ReportRow& row, double x) {
      for (auto& one : points(row, x)) series.points.push_back(std::move(one));
    };
    for (const auto& [width, row] : by_key[key]) add(*row, width);
    const auto found = floats.find(key.first);
    const ReportRow* const last = found != floats.end() ? found->second : reference_of(report, rows, by_key[key]);
    if (last != nullptr) add(*last, float_place(widths));
    plot.series.push_back(std::move(series));
  }
  plot.x = bit_axis(report.columns[column], widths, plot.series);
  return plot;
}

/// Zero, with which differences are compared.
Series zero_line(const PlotAxis& axis) {
  return {.label = "float",
          .points = {{axis.ticks.front().first, 0.0}, {axis.ticks.back().first, 0.0}},
          .marks = false,
          .aside = true};
}

}  // namespace

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

std::optional<Plot> metric_against_bits(const Report& report, const RowGroup& rows, std::size_t column) {
  auto plot =
      against_bits(report, rows, column, [](const ReportRow& row, double x) { return std::vector{point_of(row, x)}; });
  if (!plot) return plot;
  auto published = against_bits(report, rows, column, published_points);
  for (auto& series : published->series) {
    series.label = "Q-S5 (theirs)" + (published->series.size() > 1 ? ", " + series.label : "");
    series.theirs = true;
    series.line = Series::Line::none;
    if (!series.points.empty()) plot->series.push_back(std::move(series));
  }
  plot->y.log = spans_ratios(*plot, &PlotPoint::y);
  return plot;
}

std::optional<Plot> difference_against_bits(const Report& report, const RowGroup& rows, std::size_t column) {
  auto plot = against_bits(report, rows, column, difference_points);
  if (!plot) return plot;
  plot->y.log = false;
  if (tidy(*plot)) plot->series.push_back(zero_line(plot->x));
  return plot;
}

}  // namespace bitstate::experiments

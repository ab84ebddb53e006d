// Figures of what runs left beside their results.
#include "experiments/report/figures.h"
#include "experiments/results/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <map>

namespace bitstate::experiments {

namespace {

bool is_curve(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != name.npos; };
  return has("loss") || has("accuracy") || has("mse") || has("smape") ||
         has("bits_per_");  // not seconds and learning rates
}

/// Of more points than a plot can show, every so many.
std::vector<PlotPoint> thinned(const std::vector<std::pair<double, double>>& curve, double unit) {
  constexpr std::size_t most = 300;
  const std::size_t stride = curve.size() / most + 1;
  std::vector<PlotPoint> points;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const bool kept = i % stride == 0 || i + 1 == curve.size();
    if (kept) points.push_back({.x = curve[i].first, .y = unit * curve[i].second});
  }
  return points;
}

/// Sites from top to bottom.
PlotAxis site_axis(const std::vector<SiteRecord>& sites) {
  PlotAxis axis;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    axis.ticks.emplace_back(-static_cast<double>(i), fmt::format("{}, {}", sites[i].site, sites[i].bits));
  }
  return axis;
}

Plot saturation_plot(const std::vector<SiteRecord>& sites) {
  Plot plot{.x = {.label = "values that are clamped, %", .low = 0.0}, .y = site_axis(sites)};
  plot.series = {{.line = Series::Line::none}};
  for (std::size_t i = 0; i < sites.size(); ++i) {
    plot.series[0].points.push_back({.x = 100.0 * sites[i].saturated, .y = -static_cast<double>(i)});
  }
  return plot;
}

/// Functions from top to bottom, the most expensive ones first.
Plot instructions_plot(std::vector<FunctionRecord> functions) {
  const auto more = [](const FunctionRecord& a, const FunctionRecord& b) { return a.instructions > b.instructions; };
  std::stable_sort(functions.begin(), functions.end(), more);
  Plot plot{.x = {.label = "instructions per streaming step, Cortex-M4", .low = 0.0}};
  plot.series = {{.line = Series::Line::none}};
  for (const FunctionRecord& one : functions) {
    const double place = -static_cast<double>(plot.series[0].points.size());
    plot.y.ticks.emplace_back(place, one.function);
    plot.series[0].points.push_back({.x = one.instructions, .y = place});
  }
  return plot;
}

Plot range_plot(const std::vector<SiteRecord>& sites) {
  Plot plot{.x = {.label = "magnitude", .log = true}, .y = site_axis(sites)};
  plot.series = {{.label = "largest value", .style = 0, .line = Series::Line::none},
                 {.label = "smallest value, negated", .style = 1, .line = Series::Line::none}};
  for (std::size_t i = 0; i < sites.size(); ++i) {
    plot.series[0].points.push_back({.x = sites[i].high, .y = -static_cast<double>(i)});
    plot.series[1].points.push_back({.x = -sites[i].low, .y = -static_cast<double>(i)});
  }
  return plot;
}

/// The least and the largest of some numbers.
struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] double size() const { return high - low; }
  /// Widened on both sides where it is smaller.
  void widen_to(double least) {
    const double more = 0.5 * std::max(0.0, least - size());
    low -= more;
    high += more;
  }
};

/// The part of the complex plane that has the eigenvalues, and the arc of the unit circle beside them: the eigenvalues
/// of a trained model are close to it, mostly in a small part of the disk.
Plot eigenvalue_plot(const std::vector<EigenvalueRecord>& eigenvalues) {
  Plot plot{.x = {.label = "real part"}, .y = {.label = "imaginary part"}, .unit_disk = true};
  std::map<std::string, std::size_t> layers;
  Extent x, y;
  const auto include = [&](std::complex<double> value) {
    if (!std::isfinite(std::abs(value))) return;
    x.include(value.real());
    y.include(value.imag());
  };
  for (const auto& one : eigenvalues) {
    const auto [place, is_new] = layers.emplace(one.layer, plot.series.size());
    if (is_new) plot.series.push_back({.label = one.layer, .style = place->second, .line = Series::Line::none});
    plot.series[place->second].points.push_back(
        {.x = one.rounded.real(), .y = one.rounded.imag(), .from = Spot{one.before.real(), one.before.imag()}});
    for (const auto& value : {one.before, one.rounded}) {
      include(value);
      if (std::abs(value) > 0.0) include(value / std::abs(value));
    }
  }
  const double room = 0.1 * std::max({x.size(), y.size(), 0.05});
  x.widen_to(std::max(x.size(), y.size()) + room);  // no figure is higher than wide
  y.widen_to(std::max(y.size() + room, 0.5 * x.size()));
  plot.x.low = x.low;
  plot.x.high = x.high;
  plot.y.low = y.low;
  plot.y.high = y.high;
  return plot;
}

constexpr std::size_t most_classes_drawn = 20;

/// Rows are the classes of sequences, columns what they were taken for.
HeatMap confusion_map(const TestDetails& details) {
  HeatMap map{.row_label = "class",
              .column_label = "taken for",
              .value_label = "sequences",
              .rows = details.names,
              .columns = details.names,
              .scale = {"0 %", "50 %", "100 %"}};
  const std::vector<ClassFigures> figures = class_figures(details.confusion);
  const std::size_t classes = figures.size();
  for (std::size_t at = 0; at < details.confusion.size(); ++at) {
    const auto sequences = static_cast<double>(details.confusion[at]);
    const double all = static_cast<double>(figures[at / classes].count);
    map.cells.push_back({.row = at / classes,
                         .column = at % classes,
                         .value = sequences,
                         .text = std::to_string(details.confusion[at]),
                         .share = all > 0.0 ? sequences / all : 0.0});
  }
  return map;
}

/// The first of the row's runs that has a table, and what is in it.
template <class Read>
auto first_table(const ReportRow& row, Read read) {
  std::pair<std::string, decltype(read(std::filesystem::path()))> found;
  for (const auto& run : row.runs) {
    found = {run.folder.filename().string(), read(run.folder)};
    if (!found.second.empty()) break;
  }
  return found;
}

/// ", 1 of 3 seeds" where some are not done.
std::string seeds_text(const ReportRow& row) {
  return row.test.n == row.seeds() ? "" : fmt::format(", {} of {} seeds", row.test.n, row.seeds());
}

std::optional<Figure> confusion_figure(const Report& report, const ReportRow& row) {
  for (const auto& run : row.runs) {
    const TestDetails details = read_test_details(run.folder);
    if (details.confusion.empty() || details.names.size() > most_classes_drawn) continue;
    const std::string label = row_label(report, row);
    return Figure{fmt::format("row{:02}-confusion-{}", style_number(report, row) + 1, file_slug(label)),
                  "classes and what they were taken for: " + label,
                  fmt::format("Of the run {}: sequences of the test part; colours: shares of their class.",
                              run.folder.filename().string()),
                  confusion_map(details)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<Figure> curve_figures(const Report& report) {
  std::map<std::string, Plot> plots;
  const auto add = [&](const ReportRow& row, const Curves& curves, const std::string& more) {
    for (const auto& [name, curve] : curves) {
      if (!is_curve(name) || (name == "train_loss" && curves.count("loss") > 0)) continue;
      Series series{.label = row_label(report, row) + (more.empty() ? seeds_text(row) : more),
                    .style = style_number(report, row),
                    .so_far = !more.empty()};
      series.points = thinned(curve, name.find("accuracy") != name.npos ? 100.0 : 1.0);
      plots[name].series.push_back(std::move(series));
    }
  };
  for (const auto& row : report.rows) {
    add(row, row.curves, "");
    for (const auto& [seed, curves] : row.curves_so_far) add(row, curves, fmt::format(", seed {}, running", seed));
  }
  std::vector<Figure> figures;
  for (auto& [name, plot] : plots) {
    const bool has_line = std::any_of(plot.series.begin(), plot.series.end(),
                                      [](const Series& series) { return series.points.size() > 1 || series.so_far; });
    if (!has_line) continue;  // one epoch is no curve
    std::string title = name;
    std::replace(title.begin(), title.end(), '_', ' ');
    plot.x.label = "epoch";
    plot.y.label = name.find("accuracy") != name.npos ? title + ", %" : title;
    plot.y.log = spans_ratios(plot, &PlotPoint::y);
    if (tidy(plot))
      figures.push_back(
          {"curve-" + file_slug(name), title + " against epochs", "Mean over the seeds that are done.", plot});
  }
  return figures;
}

std::vector<Figure> row_figures(const Report& report, const ReportRow& row) {
  std::vector<Figure> figures;
  const std::string label = row_label(report, row);
  const auto add = [&](const std::string& kind, const std::string& title, const std::string& run,
                       const std::string& note, Plot plot) {
    const std::string name = fmt::format("row{:02}-{}-{}", style_number(report, row) + 1, kind, file_slug(label));
    if (tidy(plot)) figures.push_back({name, title + ": " + label, fmt::format("Of the run {}. {}", run, note), plot});
  };
  if (const auto [run, sites] = first_table(row, read_sites); !sites.empty()) {
    const std::string note = "Behind each site: its bits.";
    add("saturation", "saturation", run, note, saturation_plot(sites));
    add("range", "range of values", run, note, range_plot(sites));
  }
  if (const auto [run, eigenvalues] = first_table(row, read_eigenvalues); !eigenvalues.empty()) {
    add("eigenvalues", "eigenvalues of the discrete A", run,
        "Hollow: before rounding; filled: after. Dashed: the unit circle.", eigenvalue_plot(eigenvalues));
  }
  if (const auto [run, functions] = first_table(row, read_instructions); !functions.empty()) {
    add("instructions", "instructions by function", run,
        "Estimates for exported C, compiled by GCC 12 with -O2 (bitstate inspect RUN --device=cortex-m4).",
        instructions_plot(functions));
  }
  if (auto figure = confusion_figure(report, row)) figures.push_back(std::move(*figure));
  return figures;
}

}  // namespace bitstate::experiments

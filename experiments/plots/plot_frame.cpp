#include "experiments/plots/plot_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace bitstate::experiments {

namespace {

constexpr double right_room = 14;
constexpr double top_room = 10;

/// A number as a tick shows it: "1e-5" where it is very small or large.
std::string tick_text(double value, int decimals) {
  if (value < 0.0) return "−" + tick_text(-value, decimals);
  if (value == 0.0 || (value >= 1e-4 && value < 1e6)) return fmt::format("{:.{}f}", std::abs(value), decimals);
  std::string text = fmt::format("{:.3g}", value);
  if (const auto e = text.find('e'); e != text.npos) {
    while (text[e + 2] == '0') text.erase(e + 2, 1);
    if (text[e + 1] == '+') text.erase(e + 1, 1);
  }
  return text;
}

/// Decimals that tell a round number from its neighbours.
int decimals_of(double value) {
  const std::string text = fmt::format("{:.6g}", value);
  const auto point = text.find('.');
  return point == text.npos || text.find('e') != text.npos ? 0 : static_cast<int>(text.size() - point - 1);
}

std::vector<double> log_ticks(double low, double high) {
  std::vector<double> ticks;
  const std::vector<std::vector<double>> digits = {{1}, {1, 2, 5}};
  for (const auto& set : digits) {
    ticks.clear();
    for (int decade = static_cast<int>(std::floor(low)); decade <= high; ++decade) {
      for (const double digit : set) {
        const double tick = digit * std::pow(10.0, decade);
        if (std::log10(tick) >= low && std::log10(tick) <= high) ticks.push_back(tick);
      }
    }
    if (ticks.size() >= 3) break;
  }
  if (ticks.size() < 3) return round_ticks(std::pow(10.0, low), std::pow(10.0, high), 4);
  while (ticks.size() > 8) {  // every other decade
    for (std::size_t i = 1; i < ticks.size(); ++i) ticks.erase(ticks.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return ticks;
}

void set_ticks(PlotScale& scale, const PlotAxis& axis, std::size_t count) {
  scale.ticks = axis.ticks;
  if (!scale.ticks.empty()) return;
  const auto values = scale.log ? log_ticks(scale.low, scale.high) : round_ticks(scale.low, scale.high, count);
  int decimals = 0;
  for (const double value : values) decimals = std::max(decimals, decimals_of(value));
  for (const double value : values) {
    scale.ticks.emplace_back(value, tick_text(value, scale.log ? decimals_of(value) : decimals));
  }
}

/// From the least to the largest value of `get(point, use)`, which calls use(value), and a little beyond.
template <class Get>
PlotScale scale_of(const PlotAxis& axis, const Plot& plot, std::size_t count, Get get) {
  PlotScale scale;
  scale.log = axis.log;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  const auto include = [&](double value) {
    if (axis.log && value <= 0.0) return;
    low = std::min(low, scale.value(value));
    high = std::max(high, scale.value(value));
  };
  for (const auto& series : plot.series) {
    for (const auto& point : series.points) get(point, include);
  }
  for (const auto& tick : axis.ticks) include(tick.first);
  const double room = high > low ? 0.05 * (high - low) : axis.log ? 0.3 : std::max(0.5, 0.1 * std::abs(low));
  scale.low = axis.low ? scale.value(*axis.low) : low - room;
  scale.high = axis.high ? scale.value(*axis.high) : high + room;
  set_ticks(scale, axis, count);
  return scale;
}

/// The labels in as many columns as they fit in.
void lay_out_legend(PlotFrame& frame, const Plot& plot) {
  if (plot.series.size() < 2) return;
  double widest = 0.0;
  for (const auto& series : plot.series) widest = std::max(widest, text_width(series.label, label_size));
  const double room = plot_width - 8.0;
  frame.legend_columns = static_cast<std::size_t>(std::clamp(room / (widest + key_room + 14.0), 1.0, 4.0));
  const double column = room / static_cast<double>(frame.legend_columns) - key_room;
  for (const auto& series : plot.series) frame.legend.push_back(wrapped(series.label, column, label_size));
}

double legend_height(const PlotFrame& frame) {
  double height = 0.0;
  for (std::size_t i = 0; i < frame.legend.size(); i += frame.legend_columns) {
    std::size_t lines = 1;
    for (std::size_t k = i; k < std::min(i + frame.legend_columns, frame.legend.size()); ++k) {
      lines = std::max(lines, frame.legend[k].size());
    }
    height += static_cast<double>(lines) * line_height;
  }
  return height;
}

/// Ticks of y in words are many, each on a line of its own.
double area_height(const Plot& plot, double width, const PlotFrame& frame) {
  if (plot.unit_disk) return width * (frame.y.high - frame.y.low) / (frame.x.high - frame.x.low);
  return std::max(230.0, (static_cast<double>(plot.y.ticks.size()) + 0.5) * 15.0);
}

}  // namespace

PlotFrame frame_of(const Plot& plot) {
  PlotFrame frame;
  frame.x = scale_of(plot.x, plot, 8, [](const PlotPoint& point, const auto& include) {
    include(point.x);
    if (point.from) include(point.from->x);
  });
  frame.y = scale_of(plot.y, plot, 6, [](const PlotPoint& point, const auto& include) {
    for (const auto& value : {std::optional(point.y), point.low, point.high}) {
      if (value) include(*value);
    }
    if (point.from) include(point.from->y);
  });
  double widest = 0.0;
  for (const auto& tick : frame.y.ticks) widest = std::max(widest, text_width(tick.second, label_size));
  frame.x.first = (plot.y.label.empty() ? 8.0 : 26.0) + std::min(widest, 0.5 * plot_width) + 6.0;
  frame.x.last = plot_width - right_room;
  frame.y.last = top_room;
  frame.y.first = top_room + area_height(plot, frame.x.last - frame.x.first, frame);
  lay_out_legend(frame, plot);
  const double legend = legend_height(frame);
  frame.extent = {plot_width, frame.y.first + 42.0 + (legend > 0.0 ? legend + 8.0 : 0.0)};
  return frame;
}

std::vector<double> round_ticks(double low, double high, std::size_t count) {
  const double raw = (high - low) / static_cast<double>(std::max<std::size_t>(count, 1));
  if (!(raw > 0.0)) return {low};
  const double decade = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10.0 * decade;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * decade >= raw * 0.999) step = factor * decade;
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (double i = first; i * step <= high + 1e-9 * step; ++i) ticks.push_back(i == 0.0 ? 0.0 : i * step);
  return ticks;
}

}  // namespace bitstate::experiments

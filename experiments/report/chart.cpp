#include "experiments/report/chart.h"

#include "experiments/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitstate::experiments {

namespace {

constexpr double width = 640;
constexpr double height = 300;
constexpr double left = 58;
constexpr double right = 12;
constexpr double top = 12;
constexpr double bottom = 40;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// Wider by a share at both ends; a single value gets room around it.
  void widen(double share) {
    const double room = high > low ? share * (high - low) : std::max(0.5, 0.1 * std::abs(low));
    low -= room;
    high += room;
  }
};

/// Data to pixels.
struct Frame {
  Range x;
  Range y;  ///< of log10 of the values if `log`
  bool log = false;

  [[nodiscard]] double px(double value) const {
    return left + (value - x.low) / (x.high - x.low) * (width - left - right);
  }
  [[nodiscard]] double py(double value) const {
    const double v = log ? std::log10(value) : value;
    return height - bottom - (v - y.low) / (y.high - y.low) * (height - top - bottom);
  }
};

Frame frame_of(const std::vector<ChartLine>& lines) {
  Frame frame;
  for (const auto& line : lines) {
    for (const auto& [x, y] : line.points) {
      frame.x.include(x);
      frame.y.include(y);
    }
  }
  frame.log = frame.y.low > 0.0 && frame.y.high > 20.0 * frame.y.low;
  if (frame.log) frame.y = {std::log10(frame.y.low), std::log10(frame.y.high)};
  frame.y.widen(0.05);
  if (frame.x.high <= frame.x.low) frame.x.widen(0.0);
  return frame;
}

std::string axes(const Frame& frame, std::string_view x_label) {
  std::string svg;
  std::vector<double> ticks;
  if (frame.log) {
    const bool narrow = frame.y.high - frame.y.low < 2.5;  // few decades: also 2 and 5
    for (int decade = static_cast<int>(std::floor(frame.y.low)); decade <= frame.y.high; ++decade) {
      for (const double digit : narrow ? std::vector<double>{1.0, 2.0, 5.0} : std::vector<double>{1.0}) {
        const double tick = digit * std::pow(10.0, decade);
        if (std::log10(tick) >= frame.y.low && std::log10(tick) <= frame.y.high) ticks.push_back(tick);
      }
    }
  } else {
    ticks = chart_ticks(frame.y.low, frame.y.high, 5);
  }
  for (const double tick : ticks) {
    svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, width - right,
                       frame.py(tick), frame.py(tick));
    svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{:.4g}</text>\n", left - 6,
                       frame.py(tick) + 4, tick);
  }
  for (const double tick : chart_ticks(frame.x.low, frame.x.high, 8)) {
    svg += fmt::format("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{:.4g}</text>\n",
                       frame.px(tick), height - bottom + 16, tick);
  }
  svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", left, width - right,
                     height - bottom, height - bottom);
  return svg + fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>\n", width - right,
                           height - 6, html_escaped(x_label));
}

}  // namespace

std::vector<double> chart_ticks(double low, double high, std::size_t count) {
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

std::string style_classes(std::size_t style, bool so_far) {
  if (so_far) return fmt::format("s{} so-far", style % chart_colours);
  return fmt::format("s{} dash{}", style % chart_colours, style / chart_colours % 4);
}

std::string line_chart(std::string_view title, std::string_view x_label, const std::vector<ChartLine>& lines) {
  const bool empty = std::all_of(lines.begin(), lines.end(), [](const auto& line) { return line.points.empty(); });
  if (empty) return {};
  const Frame frame = frame_of(lines);
  std::string svg = fmt::format("<figure><figcaption>{}{}</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\">\n",
                                html_escaped(title), frame.log ? " (logarithmic)" : "", width, height);
  svg += axes(frame, x_label);
  for (const auto& line : lines) {
    if (line.points.empty()) continue;
    const auto& [last_x, last_y] = line.points.back();
    svg += fmt::format("<g class=\"line {}\"><title>{}: {:.5g} at {} {:.4g}</title><polyline points=\"",
                       style_classes(line.style, line.so_far), html_escaped(line.label), last_y, html_escaped(x_label),
                       last_x);
    for (const auto& [x, y] : line.points) svg += fmt::format("{:.1f},{:.1f} ", frame.px(x), frame.py(y));
    svg += fmt::format("\"/><circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/></g>\n", frame.px(last_x), frame.py(last_y));
  }
  return svg + "</svg></figure>\n";
}

}  // namespace bitstate::experiments

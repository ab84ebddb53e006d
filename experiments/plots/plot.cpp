#include "experiments/plots/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace bitstate::experiments {

namespace {

constexpr double plot_width = 460;
constexpr double label_size = 12;
constexpr double line_height = 16;
constexpr double right_room = 14;
constexpr double top_room = 10;
constexpr double key_room = 34;  // of the line and the mark before a label
constexpr double mark_radius = 3.6;

/// An axis with its ends in data and in pixels.
struct Scale {
  bool log = false;
  double low = 0.0;  ///< in logarithms if `log`
  double high = 1.0;
  double first = 0.0;
  double last = 1.0;
  std::vector<std::pair<double, std::string>> ticks;

  [[nodiscard]] double value(double v) const { return log ? std::log10(v) : v; }
  /// Clamped: an interval may go below what a logarithmic axis shows.
  [[nodiscard]] double at(double v) const {
    const double inside = log && v <= 0.0 ? low : std::clamp(value(v), low, high);
    return first + (inside - low) / (high - low) * (last - first);
  }
};

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

void set_ticks(Scale& scale, const PlotAxis& axis, std::size_t count) {
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
Scale scale_of(const PlotAxis& axis, const Plot& plot, std::size_t count, Get get) {
  Scale scale;
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

struct Frame {
  Scale x;
  Scale y;
  std::size_t legend_columns = 1;
  std::vector<std::vector<std::string>> legend;  ///< the lines of each label
  PictureSize extent;
};

/// The labels in as many columns as they fit in.
void lay_out_legend(Frame& frame, const Plot& plot) {
  if (plot.series.size() < 2) return;
  double widest = 0.0;
  for (const auto& series : plot.series) widest = std::max(widest, text_width(series.label, label_size));
  const double room = plot_width - 8.0;
  frame.legend_columns = static_cast<std::size_t>(std::clamp(room / (widest + key_room + 14.0), 1.0, 4.0));
  const double column = room / static_cast<double>(frame.legend_columns) - key_room;
  for (const auto& series : plot.series) frame.legend.push_back(wrapped(series.label, column, label_size));
}

double legend_height(const Frame& frame) {
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
double area_height(const Plot& plot, double width, const Frame& frame) {
  if (plot.unit_disk) return width * (frame.y.high - frame.y.low) / (frame.x.high - frame.x.low);
  return std::max(230.0, (static_cast<double>(plot.y.ticks.size()) + 0.5) * 15.0);
}

Frame frame_of(const Plot& plot) {
  Frame frame;
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

/// At most `width` pixels wide, without its middle where it has more.
std::string shortened(const std::string& text, double width) {
  if (text_width(text, label_size) <= width) return text;
  std::size_t tail = text.size() - std::min<std::size_t>(text.size(), 12);
  while (tail < text.size() && (static_cast<unsigned char>(text[tail]) & 0xC0U) == 0x80U) ++tail;
  const std::string end = "…" + text.substr(tail);
  return wrapped(text, width - text_width(end, label_size), label_size)[0] + end;
}

void draw_axes(const Plot& plot, const Frame& frame, Canvas& canvas) {
  const Paint rule{.stroke = Ink::rule};
  const Paint line{.stroke = Ink::soft};
  for (const auto& [value, label] : frame.y.ticks) {
    const double y = frame.y.at(value);
    canvas.path({{frame.x.first, y}, {frame.x.last, y}}, false, rule);
    canvas.text({frame.x.first - 6.0, y + 4.0}, shortened(label, 0.5 * plot_width),
                {.anchor = Anchor::end, .ink = Ink::soft});
  }
  double used = -1e9;  // where the last label ended
  for (const auto& [value, label] : frame.x.ticks) {
    const double x = frame.x.at(value);
    canvas.path({{x, frame.y.first}, {x, frame.y.first + 4.0}}, false, line);
    const double half = text_width(label, label_size) / 2.0;
    if (x - half < used + 4.0) continue;
    canvas.text({x, frame.y.first + 17.0}, label, {.anchor = Anchor::middle, .ink = Ink::soft});
    used = x + half;
  }
  canvas.path({{frame.x.first, frame.y.last}, {frame.x.first, frame.y.first}, {frame.x.last, frame.y.first}}, false,
              line);
  canvas.text({(frame.x.first + frame.x.last) / 2.0, frame.y.first + 35.0}, plot.x.label, {.anchor = Anchor::middle});
  if (plot.y.label.empty()) return;
  canvas.text({14.0, (frame.y.first + frame.y.last) / 2.0}, plot.y.label, {.anchor = Anchor::middle, .upwards = true});
}

/// The part of the unit circle that is in the frame.
void draw_unit_circle(const Frame& frame, Canvas& canvas) {
  constexpr int parts = 180;
  std::vector<Spot> arc;
  const auto flush = [&] {
    if (arc.size() > 1) canvas.path(arc, false, {.stroke = Ink::soft, .dash = Dash::short_dashes});
    arc.clear();
  };
  for (int i = 0; i <= parts; ++i) {
    const double angle = 2.0 * std::numbers::pi * i / parts;
    const double x = std::cos(angle);
    const double y = std::sin(angle);
    const bool inside = x >= frame.x.low && x <= frame.x.high && y >= frame.y.low && y <= frame.y.high;
    if (!inside) flush();
    if (inside) arc.push_back({frame.x.at(x), frame.y.at(y)});
  }
  flush();
}

/// Curves of many points carry a mark here and there.
bool is_marked(const Series& series, std::size_t i) {
  const std::size_t n = series.points.size();
  return series.marks &&
         (series.line == Series::Line::none || n <= 12 || i + 1 == n || i % (n / 6) == series.style % (n / 6));
}

void draw_series(const Series& series, const Frame& frame, double radius, Canvas& canvas) {
  const Style style = style_of(series);
  const auto place = [&](double x, double y) { return Spot{frame.x.at(x), frame.y.at(y)}; };
  canvas.begin(series.label);
  std::vector<Spot> spots;
  for (const auto& point : series.points) {
    const Spot spot = place(point.x, point.y);
    if (series.line == Series::Line::steps && !spots.empty()) spots.push_back({spot.x, spots.back().y});
    spots.push_back(spot);
    if (point.low && point.high) {
      const double low = frame.y.at(*point.low);
      const double high = frame.y.at(*point.high);
      for (const auto& bar : {std::array{Spot{spot.x, low}, Spot{spot.x, high}},
                              std::array{Spot{spot.x - 3.0, low}, Spot{spot.x + 3.0, low}},
                              std::array{Spot{spot.x - 3.0, high}, Spot{spot.x + 3.0, high}}}) {
        canvas.path({bar[0], bar[1]}, false, {.stroke = style.ink});
      }
    }
    if (point.from)
      canvas.path({place(point.from->x, point.from->y), spot}, false, {.stroke = style.ink, .width = 0.8});
  }
  if (series.line != Series::Line::none && spots.size() > 1) {
    canvas.path(spots, false, {.stroke = style.ink, .width = series.aside ? 1.2 : 1.7, .dash = style.dash});
  }
  for (std::size_t i = 0; i < series.points.size(); ++i) {
    const auto& point = series.points[i];
    if (point.from) {
      draw_mark(place(point.from->x, point.from->y), {style.ink, style.mark, true, style.dash}, radius, canvas);
    }
    if (!is_marked(series, i)) continue;
    if (!point.name.empty()) canvas.begin(point.name);
    draw_mark(place(point.x, point.y), style, radius, canvas);
    if (!point.name.empty()) canvas.end();
  }
  canvas.end();
}

void draw_legend(const Plot& plot, const Frame& frame, Canvas& canvas) {
  const double column = (plot_width - 8.0) / static_cast<double>(frame.legend_columns);
  double y = frame.y.first + 58.0;
  std::size_t lines = 1;
  for (std::size_t i = 0; i < frame.legend.size(); ++i) {
    const std::size_t place = i % frame.legend_columns;
    if (place == 0 && i > 0) {
      y += static_cast<double>(lines) * line_height;
      lines = 1;
    }
    lines = std::max(lines, frame.legend[i].size());
    const Series& series = plot.series[i];
    const Style style = style_of(series);
    const double x = 4.0 + static_cast<double>(place) * column;
    if (series.line != Series::Line::none) {
      canvas.path({{x, y - 4.0}, {x + 26.0, y - 4.0}}, false,
                  {.stroke = style.ink, .width = series.aside ? 1.2 : 1.7, .dash = style.dash});
    }
    if (series.marks) draw_mark({x + 13.0, y - 4.0}, style, mark_radius, canvas);
    for (std::size_t k = 0; k < frame.legend[i].size(); ++k) {
      canvas.text({x + key_room, y + static_cast<double>(k) * line_height}, frame.legend[i][k], {});
    }
  }
}

}  // namespace

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

std::vector<std::string> wrapped(const std::string& text, double width, double size) {
  std::vector<std::string> lines(1);
  std::size_t blank = std::string::npos;  // the last one in the line
  for (std::size_t i = 0; i < text.size();) {
    std::size_t next = i + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80U) ++next;
    const std::string character = text.substr(i, next - i);
    if (!lines.back().empty() && text_width(lines.back() + character, size) > width) {
      std::string rest = blank == std::string::npos ? std::string() : lines.back().substr(blank + 1);
      if (blank != std::string::npos) lines.back().resize(blank);
      lines.push_back(rest);
      blank = std::string::npos;
    }
    if (character == " ") blank = lines.back().size();
    lines.back() += character;
    i = next;
  }
  return lines;
}

bool spans_ratios(const Plot& plot, double PlotPoint::*value) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto& series : plot.series) {
    for (const auto& point : series.points) {
      low = std::min(low, point.*value);
      high = std::max(high, point.*value);
    }
  }
  return spans_ratios(low, high);
}

bool tidy(Plot& plot) {
  const auto bad = [](const PlotAxis& axis, double value) {
    return !std::isfinite(value) || (axis.log && value <= 0.0);
  };
  for (auto& series : plot.series) {
    std::erase_if(series.points, [&](const PlotPoint& point) {
      return bad(plot.x, point.x) || bad(plot.y, point.y) ||
             (point.from && (bad(plot.x, point.from->x) || bad(plot.y, point.from->y)));
    });
  }
  std::erase_if(plot.series, [](const Series& series) { return series.points.empty(); });
  return !plot.series.empty();
}

PictureSize plot_extent(const Plot& plot) { return frame_of(plot).extent; }

void draw_plot(const Plot& plot, Canvas& canvas) {
  const Frame frame = frame_of(plot);
  draw_axes(plot, frame, canvas);
  if (plot.unit_disk) draw_unit_circle(frame, canvas);
  for (const auto& series : plot.series) draw_series(series, frame, plot.unit_disk ? 2.0 : mark_radius, canvas);
  draw_legend(plot, frame, canvas);
}

}  // namespace bitstate::experiments

#include "experiments/plots/plot_frame.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace bitstate::experiments {

namespace {

constexpr double mark_radius = 3.6;

/// At most `width` pixels wide, without its middle where it has more.
std::string shortened(const std::string& text, double width) {
  if (text_width(text, label_size) <= width) return text;
  std::size_t tail = text.size() - std::min<std::size_t>(text.size(), 12);
  while (tail < text.size() && (static_cast<unsigned char>(text[tail]) & 0xC0U) == 0x80U) ++tail;
  const std::string end = "…" + text.substr(tail);
  return wrapped(text, width - text_width(end, label_size), label_size)[0] + end;
}

void draw_axes(const Plot& plot, const PlotFrame& frame, Canvas& canvas) {
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
void draw_unit_circle(const PlotFrame& frame, Canvas& canvas) {
  const double zoom = std::clamp(2.0 / (frame.x.high - frame.x.low), 1.0, 100.0);
  const int parts = 180 * static_cast<int>(std::ceil(zoom));
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

void draw_series(const Series& series, const PlotFrame& frame, double radius, Canvas& canvas) {
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

void draw_legend(const Plot& plot, const PlotFrame& frame, Canvas& canvas) {
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
  const PlotFrame frame = frame_of(plot);
  draw_axes(plot, frame, canvas);
  if (plot.unit_disk) draw_unit_circle(frame, canvas);
  for (const auto& series : plot.series) draw_series(series, frame, plot.unit_disk ? 2.0 : mark_radius, canvas);
  draw_legend(plot, frame, canvas);
}

}  // namespace bitstate::experiments

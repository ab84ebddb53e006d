// What tells series apart.
#include "experiments/plots/plot.h"

#include <cmath>
#include <numbers>

namespace bitstate::experiments {

namespace {

std::vector<Spot> polygon(Spot centre, double radius, int corners, double turn) {
  std::vector<Spot> spots;
  for (int i = 0; i < corners; ++i) {
    const double angle = turn + 2.0 * std::numbers::pi * i / corners;
    spots.push_back({centre.x + radius * std::sin(angle), centre.y - radius * std::cos(angle)});
  }
  return spots;
}

}  // namespace

Style style_of(const Series& series) {
  if (series.aside) return {Ink::soft, Mark::circle, true, Dash::long_dashes};
  const std::size_t turn = series.style / series_colours;
  return {series_ink(series.style), static_cast<Mark>((series.style + turn) % 8), series.theirs || turn >= 8,
          series.so_far ? Dash::dots : static_cast<Dash>(turn % 4)};
}

void draw_mark(Spot spot, const Style& style, double radius, Canvas& canvas) {
  const Paint paint{.fill = style.hollow ? Ink::paper : style.ink, .stroke = style.ink};
  const Paint strokes{.stroke = style.ink, .width = style.hollow ? 1.0 : 2.0};
  const double r = 0.8 * radius;
  constexpr double half_turn = std::numbers::pi;
  switch (style.mark) {
    case Mark::circle:
      return canvas.circle(spot, radius, paint);
    case Mark::square:
      return canvas.path(polygon(spot, 1.25 * radius, 4, half_turn / 4.0), true, paint);
    case Mark::triangle:
      return canvas.path(polygon(spot, 1.3 * radius, 3, 0.0), true, paint);
    case Mark::diamond:
      return canvas.path(polygon(spot, 1.3 * radius, 4, 0.0), true, paint);
    case Mark::wedge:
      return canvas.path(polygon(spot, 1.3 * radius, 3, half_turn), true, paint);
    case Mark::pentagon:
      return canvas.path(polygon(spot, 1.15 * radius, 5, 0.0), true, paint);
    case Mark::cross:
      canvas.path({{spot.x - r, spot.y - r}, {spot.x + r, spot.y + r}}, false, strokes);
      return canvas.path({{spot.x - r, spot.y + r}, {spot.x + r, spot.y - r}}, false, strokes);
    case Mark::plus:
      canvas.path({{spot.x - radius, spot.y}, {spot.x + radius, spot.y}}, false, strokes);
      return canvas.path({{spot.x, spot.y - radius}, {spot.x, spot.y + radius}}, false, strokes);
  }
}

}  // namespace bitstate::experiments

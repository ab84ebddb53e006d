#include "datasets/generators/pathfinder_brush.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bitstate::datasets {
namespace {

constexpr int scale = 2;           // drawn pixels per pixel of the result (antialias_scale)
constexpr double rounding = 1e-9;  // what should be a whole number may be off by this much

/// Draws a line of `width` from (0, 0) to `end` into a stamp: the pixels that near to its middle; a line of width 1 is
/// Bresenham's, with one pixel for each step along the longer axis.
void draw_line(Stamp& stamp, Point end, double width) {
  const double length = std::hypot(end.y, end.x);
  const double step = std::max(std::abs(end.y), std::abs(end.x)) / length;  // of one pixel, along the line
  const double half = 0.5 * (width > 1.0 ? width : step);
  std::size_t i = 0;
  for (int y = -stamp.radius; y <= stamp.radius; ++y) {
    for (int x = -stamp.radius; x <= stamp.radius; ++x, ++i) {
      const double along = (x * end.x + y * end.y) / length;
      const double across = (x * end.y - y * end.x) / length;
      const bool inside = across > rounding - half && across < half + rounding && along > -0.5 * step - rounding &&
                          along < length + 0.5 * step + rounding;
      if (inside) stamp.values[i] = 255;
    }
  }
}

/// The maximum over a disc.
Stamp dilate(const Stamp& stamp, double radius) {
  const int side = 2 * stamp.radius + 1;
  Stamp out{stamp.radius, black(side)};
  const auto offsets = disc(radius);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const std::uint8_t value = stamp.values[pixel_index({y, x}, side)];
      if (value == 0) continue;
      for (const Point& offset : offsets) {
        const Point p = Point{y, x} + offset;
        if (std::min(p.y, p.x) < 0 || std::max(p.y, p.x) >= side) continue;
        std::uint8_t& target = out.values[pixel_index(p, side)];
        target = std::max(target, value);
      }
    }
  }
  return out;
}

/// The inputs that make up one output: from `first` on, with weights of sum 1.
struct BrushWindow {
  std::size_t first = 0;
  std::vector<double> weights;
};

double lanczos_kernel(double x) {
  if (std::fabs(x) >= 3.0) return 0.0;
  if (x == 0.0) return 1.0;
  const double angle = std::numbers::pi * x;
  return 3.0 * std::sin(angle) * std::sin(angle / 3.0) / (angle * angle);
}

std::vector<BrushWindow> lanczos_windows(std::size_t side, std::size_t new_side) {
  const double ratio = static_cast<double>(side) / static_cast<double>(new_side);
  const double support = 3.0 * ratio;
  std::vector<BrushWindow> windows(new_side);
  for (std::size_t out = 0; out < new_side; ++out) {
    const double center = (static_cast<double>(out) + 0.5) * ratio;
    const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(center - support + 0.5)));
    const auto end = std::min(side, static_cast<std::size_t>(std::floor(center + support + 0.5)));
    double sum = 0.0;
    windows[out].first = first;
    for (std::size_t in = first; in < end; ++in) {
      windows[out].weights.push_back(lanczos_kernel((static_cast<double>(in) + 0.5 - center) / ratio));
      sum += windows[out].weights.back();
    }
    for (double& weight : windows[out].weights) weight /= sum;
  }
  return windows;
}

}  // namespace

Point translate(Point from, double orientation, double distance) {
  const auto up = [](double x) { return static_cast<int>(std::ceil(x - rounding)); };
  return from + Point{up(distance * std::sin(orientation)), up(distance * std::cos(orientation))};
}

std::vector<Point> disc(double radius) {
  const int reach = static_cast<int>(radius);
  std::vector<Point> points;
  for (int y = -reach; y <= reach; ++y) {
    for (int x = -reach; x <= reach; ++x) {
      if (x * x + y * y <= radius * radius) points.push_back({y, x});
    }
  }
  return points;
}

std::vector<std::uint8_t> lanczos(const std::vector<std::uint8_t>& image, std::size_t side, std::size_t new_side) {
  const auto windows = lanczos_windows(side, new_side);
  const auto to_byte = [](double x) { return static_cast<std::uint8_t>(std::clamp(std::floor(x + 0.5), 0.0, 255.0)); };
  std::vector<std::uint8_t> narrow(side * new_side);
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < new_side; ++x) {
      double sum = 0.0;
      const auto& [first, weights] = windows[x];
      for (std::size_t k = 0; k < weights.size(); ++k) sum += weights[k] * image[y * side + first + k];
      narrow[y * new_side + x] = to_byte(sum);
    }
  }
  std::vector<std::uint8_t> small(new_side * new_side);
  for (std::size_t y = 0; y < new_side; ++y) {
    const auto& [first, weights] = windows[y];
    for (std::size_t x = 0; x < new_side; ++x) {
      double sum = 0.0;
      for (std::size_t k = 0; k < weights.size(); ++k) sum += weights[k] * narrow[(first + k) * new_side + x];
      small[y * new_side + x] = to_byte(sum);
    }
  }
  return small;
}

Brush paddle_brush(const PaddleShape& shape, double orientation) {
  const int radius = shape.length + static_cast<int>(std::ceil(shape.thickness)) + shape.margin;
  const int fine_side = 2 * radius * scale + 1;
  Stamp fine{radius * scale, black(fine_side)};
  draw_line(fine, translate({0, 0}, orientation, shape.length * scale), shape.thickness * scale);
  const auto scaled_down = [&](const Stamp& stamp) {
    return Stamp{radius,
                 lanczos(stamp.values, static_cast<std::size_t>(fine_side), 2 * static_cast<std::size_t>(radius) + 1)};
  };
  return {scaled_down(fine), scaled_down(dilate(fine, shape.margin * scale))};
}

Stamp marker_stamp(double radius) {
  constexpr int lobes = 3;  // the filter reaches this many pixels beyond what is drawn
  const int reach = static_cast<int>(std::ceil(radius)) + lobes;
  const int fine_side = (2 * reach + 1) * scale;
  std::vector<std::uint8_t> fine = black(fine_side);
  for (const Point& p : disc(radius * scale)) {
    fine[pixel_index(p + Point{reach * scale, reach * scale}, fine_side)] = 255;
  }
  return {reach, lanczos(fine, static_cast<std::size_t>(fine_side), 2 * static_cast<std::size_t>(reach) + 1)};
}

}  // namespace bitstate::datasets

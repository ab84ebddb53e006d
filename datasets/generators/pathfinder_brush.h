// What Pathfinder's images are drawn with: small stamps of a paddle (a short line) or a marker (a disc), drawn in a
// finer resolution and scaled down with Lanczos' filter, as Pillow does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::datasets {

/// A pixel, or the way from one to another.
struct Point {
  int y = 0;  ///< downwards
  int x = 0;

  bool operator==(const Point&) const = default;
  Point operator+(Point other) const { return {y + other.y, x + other.x}; }
};

/// The place of a pixel in an image of this side, row by row.
inline std::size_t pixel_index(Point p, int side) {
  return static_cast<std::size_t>(p.y) * static_cast<std::size_t>(side) + static_cast<std::size_t>(p.x);
}

/// The pixels of a black square image.
inline std::vector<std::uint8_t> black(int side) { return std::vector<std::uint8_t>(pixel_index({side, 0}, side)); }

/// `from` moved by `distance` in the direction (sin, cos)(orientation), each coordinate rounded up to a pixel.
Point translate(Point from, double orientation, double distance);

/// The pixels within `radius` of (0, 0).
std::vector<Point> disc(double radius);

/// A square stamp around the pixel it is set on; values are 0..255, [2 radius + 1, 2 radius + 1].
struct Stamp {
  int radius = 0;
  std::vector<std::uint8_t> values;

  /// At an offset from the middle, of at most `radius` in either direction.
  [[nodiscard]] std::uint8_t at(Point offset) const {
    return values[pixel_index(offset + Point{radius, radius}, 2 * radius + 1)];
  }
};

/// A paddle: its line, and the room it takes, that is everything within the margin of the line.
struct Brush {
  Stamp line;
  Stamp room;
};

/// How paddles look.
struct PaddleShape {
  int length = 0;          ///< pixels
  double thickness = 0.0;  ///< pixels, a multiple of 1/2
  int margin = 0;          ///< pixels around it that other paddles leave free
};

/// A paddle that starts at the middle of the stamp.
Brush paddle_brush(const PaddleShape& shape, double orientation);

/// A filled circle of `radius` pixels.
Stamp marker_stamp(double radius);

/// Scales a square image, [side, side], down to [new_side, new_side] as Pillow's resize does with 8 bits and
/// Image.LANCZOS: the windowed sinc of three lobes, stretched by side / new_side, first over columns, then over rows,
/// each rounded to 0..255; weights beyond the edge are left out and the others normalised.
std::vector<std::uint8_t> lanczos(const std::vector<std::uint8_t>& image, std::size_t side, std::size_t new_side);

}  // namespace bitstate::datasets

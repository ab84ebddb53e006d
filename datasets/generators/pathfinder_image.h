// One image of Pathfinder: two long dashed curves ("snakes" of "paddles") that start near each other, short ones that
// distract, and two markers, on the ends of one long snake or of both. The rules and numbers are those of J. Kim's
// generator (Linsley et al. 2018, arXiv 1805.08315) with the settings of the Long Range Arena; the drawing is our own.
// The distance of the markers alone tells the label in 52 to 53 % of the images of 32 and 128 pixels, in about 56 % of
// those of 64 and 59 % of those of 256, for long snakes that have room rarely end near where they began; and the more,
// the shorter they are: with 9, 6 and 3 paddles in 54, 59 and 79 % of the images of 32 pixels.
#pragma once

#include "datasets/formats/png.h"
#include "datasets/generators/pathfinder_brush.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::datasets {

/// The Long Range Arena's settings for one size of image; lengths are in pixels.
struct PathfinderSettings {
  int size = 0;
  int padding = 0;  ///< a frame that stays free
  int paddle_length = 0;
  double paddle_thickness = 0.0;
  std::array<int, 2> margins{};  ///< free pixels around a paddle: one of these for each image
  int seed_distance = 0;         ///< between the starts of the two long snakes
  double marker_radius = 0.0;
  double continuity = 0.0;       ///< how straight snakes are: at an angle of (pi / 2) / continuity they cannot go on
  int distractor_paddles = 0;    ///< at most so many, together
  double snake_contrast = 0.0;   ///< of distractors, where a marker has 1
  double paddle_contrast = 0.0;  ///< of the long snakes, relative to snake_contrast
  int contour_length = 14;       ///< paddles of a long snake

  /// Paddles of the other snakes.
  [[nodiscard]] int distractor_length() const { return contour_length / 3; }
  [[nodiscard]] int distractors() const { return distractor_paddles / distractor_length(); }
};

/// Paddles of a long snake: LRA's easy, intermediate and hard images have 6, 9 and 14.
constexpr std::size_t min_contour_length = 3;
constexpr std::size_t max_contour_length = 14;

/// The settings for 32, 64, 128 or 256 pixels; UsageError for another size and for a contour length out of range.
PathfinderSettings pathfinder_settings(std::size_t size, std::size_t contour_length = max_contour_length);

/// A line from tail to head.
struct Paddle {
  Point tail;
  Point head;
};

/// From the first paddle's tail to the last one's head.
using Snake = std::vector<Paddle>;

/// An image and how it came about.
struct PathfinderImage {
  GreyImage picture;
  std::int32_t label = 0;  ///< 1: both markers are on one snake
  int margin = 0;          ///< free pixels around a paddle
  std::array<Snake, 2> targets;
  std::vector<Snake> distractors;
  std::array<Point, 2> markers{};  ///< the tail of one target; the head of the same one or of the other
};

/// Makes images of one size and one contour length from one seed.
class PathfinderArtist {
 public:
  /// UsageError for what has no settings.
  PathfinderArtist(std::size_t size, std::uint64_t seed, std::size_t contour_length = max_contour_length);

  /// Image `index`, a function of size, contour length, seed and index; its label does not depend on the length. May be
  /// called from several threads at once.
  [[nodiscard]] PathfinderImage draw(std::uint64_t index) const;

  [[nodiscard]] const PathfinderSettings& settings() const { return settings_; }

  /// How a snake can go on from its pivot: the next head, the direction it lies in, and the paddle, drawn from its head
  /// back to its tail.
  struct Continuation {
    Point head;
    double orientation = 0.0;
    Brush brush;
  };

  /// A paddle a snake can begin with, drawn from its tail, and the pixels it needs.
  struct Beginning {
    double orientation = 0.0;
    Brush brush;
    std::vector<Point> needs;  // as offsets from the tail
    Point least;               // of the needs, in each coordinate
    Point most;
  };

  /// All that depends on the margin.
  struct Repertoire {
    int margin = 0;
    std::vector<Beginning> beginnings;  // one for each degree
    std::vector<Continuation> continuations;
    std::vector<Point> neighbours;  // pixels within the margin
  };

 private:
  PathfinderSettings settings_;
  std::uint64_t seed_;
  std::array<Repertoire, 2> repertoires_;  // for each of settings_.margins
  Stamp marker_;
};

}  // namespace bitstate::datasets

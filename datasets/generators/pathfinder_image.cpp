#include "datasets/generators/pathfinder_image.h"

#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <optional>
#include <utility>

namespace bitstate::datasets {
namespace {

using Beginning = PathfinderArtist::Beginning;
using Continuation = PathfinderArtist::Continuation;
using Repertoire = PathfinderArtist::Repertoire;

constexpr double pi = std::numbers::pi;
constexpr int paddle_tries = 3;      // to place one paddle
constexpr int distractor_tries = 5;  // to place one snake that distracts
constexpr double least_free = 0.01;  // share of the image; with less free none is tried

// room is 0..255: a pixel is free below 0.3 of it, and two paddles collide where theirs add up to 1.8
constexpr int free_room = 76;
constexpr int collision = 459;

constexpr std::array<PathfinderSettings, 4> all_settings = {{
    {32, 1, 2, 0.5, {1, 1}, 7, 1.5, 1.0, 20, 2.0, 0.75},
    {64, 1, 5, 1.0, {1, 1}, 12, 2.5, 1.8, 22, 0.8, 1.0},
    {128, 1, 5, 1.5, {2, 3}, 20, 3.0, 1.8, 35, 0.9, 1.0},
    {256, 22, 5, 2.0, {3, 3}, 27, 5.0, 1.8, 30, 1.0, 1.0},
}};

double opposite(double orientation) { return orientation < 0.0 ? orientation + pi : orientation - pi; }

/// The random numbers of one image, one after the other.
class Draws {
 public:
  explicit Draws(Random random) : random_(random) {}
  double uniform() { return random_.uniform(next_++); }
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(n), next_++)); }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

/// A paddle and what draws it.
struct Stroke {
  Paddle paddle;
  const Brush* brush = nullptr;
  Point at;
};

/// A snake that grows. The next paddle starts a margin away from the next pivot, the pivot a margin away from the last.
struct GrowingSnake {
  std::vector<Stroke> strokes;
  Point pivot;
  double orientation = 0.0;
};

/// Plans the snakes of an image: where they can go, given the room that others take.
class Plan {
 public:
  Plan(const PathfinderSettings& settings, const Repertoire& repertoire, Draws& draws)
      : settings_(settings), repertoire_(repertoire), draws_(draws), size_(settings.size) {}

  /// Both targets, or nothing if a paddle of either finds no place.
  std::optional<std::array<GrowingSnake, 2>> targets();

  /// One distractor, or nothing after all tries.
  std::optional<GrowingSnake> distractor();

 private:
  [[nodiscard]] bool inside(Point p) const { return std::min(p.y, p.x) >= 0 && std::max(p.y, p.x) < size_; }
  [[nodiscard]] std::size_t index(Point p) const { return pixel_index(p, size_); }

  /// Calls f(offset, pixel of the plan) for the part of a stamp that lies within the image.
  template <class F>
  void for_each_pixel(const Stamp& stamp, Point at, F f) const {
    const int r = stamp.radius;
    for (int y = std::max(-r, -at.y); y <= std::min(r, size_ - 1 - at.y); ++y) {
      for (int x = std::max(-r, -at.x); x <= std::min(r, size_ - 1 - at.x); ++x) {
        f(stamp.at({y, x}), index(at + Point{y, x}));
      }
    }
  }

  void take_room(const Stroke& stroke) {
    for_each_pixel(stroke.brush->room, stroke.at,
                   [&](std::uint8_t value, std::size_t pixel) { room_[pixel] = std::max(room_[pixel], value); });
  }

  [[nodiscard]] bool collides(const Stamp& room, Point at) const {
    bool found = false;
    for_each_pixel(room, at,
                   [&](std::uint8_t value, std::size_t pixel) { found = found || value + room_[pixel] >= collision; });
    return found;
  }

  [[nodiscard]] std::optional<GrowingSnake> begin(const Beginning& beginning, Point tail) const;
  [[nodiscard]] std::optional<Point> free_tail(const Beginning& beginning, int border);
  std::optional<GrowingSnake> begin_anywhere(int border);
  std::optional<GrowingSnake> begin_near(Point tail);
  bool extend(GrowingSnake& snake);
  [[nodiscard]] double weight(const Continuation& way, Point pivot, double orientation) const;

  const PathfinderSettings& settings_;
  const Repertoire& repertoire_;
  Draws& draws_;
  int size_;
  std::vector<std::uint8_t> room_;  // [size, size], what is taken
};

/// A snake of one paddle; nothing if it leaves the image.
std::optional<GrowingSnake> Plan::begin(const Beginning& beginning, Point tail) const {
  const Point head = translate(tail, beginning.orientation, settings_.paddle_length);
  const Point pivot = translate(head, opposite(beginning.orientation), settings_.paddle_length + repertoire_.margin);
  if (!inside(head) || !inside(pivot)) return std::nullopt;
  return GrowingSnake{{{{tail, head}, &beginning.brush, tail}}, pivot, beginning.orientation};
}

/// A pixel, each with the same probability, on which all pixels that the paddle needs are free and at least `border`
/// from the edge.
std::optional<Point> Plan::free_tail(const Beginning& beginning, int border) {
  // the needs include (1, 1), so a tail within these bounds is in the image
  const Point first = {border - beginning.least.y, border - beginning.least.x};
  const int rows = size_ - border - beginning.most.y - first.y;
  const int columns = size_ - border - beginning.most.x - first.x;
  if (rows < 1 || columns < 1) return std::nullopt;
  std::vector<std::uint8_t> blocked(pixel_index({rows, 0}, columns));
  for (const Point& need : beginning.needs) {
    for (int y = 0; y < rows; ++y) {
      const std::uint8_t* room = room_.data() + index(first + need + Point{y, 0});
      std::uint8_t* to = blocked.data() + y * columns;
      for (int x = 0; x < columns; ++x) to[x] |= room[x] > free_room ? 1 : 0;
    }
  }
  const auto free = static_cast<int>(std::count(blocked.begin(), blocked.end(), 0));
  if (free == 0) return std::nullopt;
  int chosen = draws_.below(free);
  int tail = 0;
  while (blocked[static_cast<std::size_t>(tail)] != 0 || chosen-- > 0) ++tail;
  return first + Point{tail / columns, tail % columns};
}

std::optional<GrowingSnake> Plan::begin_anywhere(int border) {
  for (int trial = 0; trial < paddle_tries; ++trial) {
    const Beginning& beginning = repertoire_.beginnings[static_cast<std::size_t>(draws_.below(360))];
    const auto tail = free_tail(beginning, border);
    if (!tail) return std::nullopt;
    if (auto snake = begin(beginning, *tail)) return snake;
  }
  return std::nullopt;
}

/// At seed_distance from the other target's tail, whatever is there.
std::optional<GrowingSnake> Plan::begin_near(Point tail) {
  for (int trial = 0; trial < paddle_tries; ++trial) {
    const Beginning& beginning = repertoire_.beginnings[static_cast<std::size_t>(draws_.below(360))];
    const double angle = draws_.below(360) * pi / 180.0;
    const Point there = {static_cast<int>(std::lround(tail.y + settings_.seed_distance * std::sin(angle))),
                         static_cast<int>(std::lround(tail.x + settings_.seed_distance * std::cos(angle)))};
    if (auto snake = begin(beginning, there)) return snake;
  }
  return std::nullopt;
}

/// max(cos(min(continuity |angle|, pi / 2)), 0)^2 (1 - room taken within the margin of the head)
double Plan::weight(const Continuation& way, Point pivot, double orientation) const {
  const Point head = pivot + way.head;
  if (!inside(head)) return 0.0;
  const double difference = std::fabs(way.orientation - orientation);
  const double angle = settings_.continuity * std::min(difference, 2.0 * pi - difference);
  if (angle >= pi / 2.0) return 0.0;
  int taken = 0;
  for (const Point& neighbour : repertoire_.neighbours) {
    const Point p = head + neighbour;
    if (inside(p)) taken = std::max<int>(taken, room_[index(p)]);
  }
  return std::cos(angle) * std::cos(angle) * (255 - taken) / 255.0;
}

/// One more paddle; false if there is no way. The room of a snake's last paddle is taken only when the next is placed,
/// which starts within it.
bool Plan::extend(GrowingSnake& snake) {
  const Point pivot = translate(snake.pivot, snake.orientation, settings_.paddle_length + 2 * repertoire_.margin);
  std::vector<double> sums;  // of the weights so far
  sums.reserve(repertoire_.continuations.size());
  double sum = 0.0;
  for (const Continuation& way : repertoire_.continuations) {
    sum += weight(way, pivot, snake.orientation);
    sums.push_back(sum);
  }
  if (sum < 1e-4) return false;
  for (int trial = 0; trial < paddle_tries; ++trial) {
    const auto chosen = std::upper_bound(sums.begin(), sums.end() - 1, draws_.uniform() * sum) - sums.begin();
    const Continuation& way = repertoire_.continuations[static_cast<std::size_t>(chosen)];
    const Point head = pivot + way.head;
    if (collides(way.brush.room, head)) continue;
    take_room(snake.strokes.back());
    const Point tail = translate(head, opposite(way.orientation), settings_.paddle_length);
    snake.strokes.push_back({{tail, head}, &way.brush, head});
    snake.pivot = pivot;
    snake.orientation = way.orientation;
    return true;
  }
  return false;
}

std::optional<std::array<GrowingSnake, 2>> Plan::targets() {
  room_.assign(index({size_, 0}), 255);
  for (int y = settings_.padding; y < size_ - settings_.padding; ++y) {
    std::fill_n(room_.begin() + y * size_ + settings_.padding, size_ - 2 * settings_.padding, std::uint8_t{0});
  }
  auto first = begin_anywhere(2 * settings_.seed_distance);
  if (!first) return std::nullopt;
  auto second = begin_near(first->strokes.front().paddle.tail);
  if (!second) return std::nullopt;
  std::array<GrowingSnake, 2> snakes = {std::move(*first), std::move(*second)};
  for (int paddle = 1; paddle < settings_.contour_length; ++paddle) {
    if (!extend(snakes[0]) || !extend(snakes[1])) return std::nullopt;
  }
  // As in the original the first snake's last paddle may be crossed; only where both end in one pixel, which 0.4 % of
  // the pairs of size 32 do, no marker could tell them apart.
  if (snakes[0].strokes.back().paddle.head == snakes[1].strokes.back().paddle.head) return std::nullopt;
  take_room(snakes[1].strokes.back());
  return snakes;
}

std::optional<GrowingSnake> Plan::distractor() {
  const auto before = room_;
  for (int trial = 0; trial < distractor_tries; ++trial) {
    const auto free = std::count_if(room_.begin(), room_.end(), [](std::uint8_t room) { return room <= free_room; });
    if (static_cast<double>(free) < least_free * static_cast<double>(room_.size())) return std::nullopt;
    auto snake = begin_anywhere(1);
    for (int paddle = 1; snake && paddle < settings_.distractor_length(); ++paddle) {
      if (!extend(*snake)) snake.reset();
    }
    if (snake) {
      take_room(snake->strokes.back());
      return snake;
    }
    room_ = before;
  }
  return std::nullopt;
}

/// What is drawn, each pixel the brightest of what lies on it.
class Canvas {
 public:
  explicit Canvas(int size) : size_(size), values_(pixel_index({size, 0}, size)) {}

  void set(const Stamp& stamp, Point at, double contrast) {
    const int r = stamp.radius;
    for (int y = std::max(-r, -at.y); y <= std::min(r, size_ - 1 - at.y); ++y) {
      for (int x = std::max(-r, -at.x); x <= std::min(r, size_ - 1 - at.x); ++x) {
        double& value = values_[pixel_index(at + Point{y, x}, size_)];
        value = std::max(value, contrast * stamp.at({y, x}));
      }
    }
  }

  void set(const GrowingSnake& snake, double contrast) {
    for (const Stroke& stroke : snake.strokes) set(stroke.brush->line, stroke.at, contrast);
  }

  /// The darkest value becomes 0, the brightest 255.
  [[nodiscard]] GreyImage picture() const {
    const auto [low, high] = std::minmax_element(values_.begin(), values_.end());
    const auto side = static_cast<std::size_t>(size_);
    GreyImage image{side, side, {}};
    for (const double value : values_) {
      image.values.push_back(static_cast<std::uint8_t>(std::floor((value - *low) * 255.0 / (*high - *low) + 0.5)));
    }
    return image;
  }

 private:
  int size_;
  std::vector<double> values_;
};

Snake paddles_of(const GrowingSnake& snake) {
  Snake paddles;
  for (const Stroke& stroke : snake.strokes) paddles.push_back(stroke.paddle);
  return paddles;
}

/// The pixels in which the paddle takes its room entirely. In the original they are one pixel off in both directions;
/// kept, for it decides how near to others a snake may begin.
std::vector<Point> needs_of(const Stamp& room) {
  std::vector<Point> needs;
  for (int y = -room.radius; y <= room.radius; ++y) {
    for (int x = -room.radius; x <= room.radius; ++x) {
      if (room.at({y, x}) == 255) needs.push_back({y + 1, x + 1});
    }
  }
  return needs;
}

/// The pixels on a circle around the pivot, sorted; the angle between two samples is that of an arc of one pixel.
std::vector<Point> heads_around(double radius) {
  std::vector<Point> heads;
  const auto down = [](double x) { return static_cast<int>(std::floor(x + 1e-9)); };
  for (int i = 0; i < 2.0 * pi * radius; ++i) {
    const double angle = i / radius;
    heads.push_back({down(radius * std::sin(angle)), down(radius * std::cos(angle))});
  }
  std::sort(heads.begin(), heads.end(), [](Point a, Point b) { return std::pair(a.y, a.x) < std::pair(b.y, b.x); });
  heads.erase(std::unique(heads.begin(), heads.end()), heads.end());
  return heads;
}

Repertoire make_repertoire(const PathfinderSettings& settings, int margin) {
  const PaddleShape shape = {settings.paddle_length, settings.paddle_thickness, margin};
  Repertoire repertoire{margin, {}, {}, disc(margin)};
  for (int degrees = -180; degrees < 180; ++degrees) {
    const double orientation = degrees * pi / 180.0;
    Brush brush = paddle_brush(shape, orientation);
    auto needs = needs_of(brush.room);
    Point least = needs.front();
    Point most = needs.front();
    for (const Point& need : needs) {
      least = {std::min(least.y, need.y), std::min(least.x, need.x)};
      most = {std::max(most.y, need.y), std::max(most.x, need.x)};
    }
    repertoire.beginnings.push_back({orientation, std::move(brush), std::move(needs), least, most});
  }
  for (const Point& head : heads_around(settings.paddle_length + margin)) {
    const double orientation = std::atan2(head.y, head.x);
    repertoire.continuations.push_back({head, orientation, paddle_brush(shape, opposite(orientation))});
  }
  return repertoire;
}

}  // namespace

PathfinderSettings pathfinder_settings(std::size_t size, std::size_t contour_length) {
  const auto found = std::find_if(all_settings.begin(), all_settings.end(), [&](const PathfinderSettings& settings) {
    return static_cast<std::size_t>(settings.size) == size;
  });
  require<UsageError>(found != all_settings.end(), "pathfinder", "expected a size of 32, 64, 128 or 256, got {}", size);
  require<UsageError>(contour_length >= min_contour_length && contour_length <= max_contour_length, "contour_length",
                      "expected a whole number from {1} to {2}, got \"{0}\"", contour_length, min_contour_length,
                      max_contour_length);
  PathfinderSettings settings = *found;
  settings.contour_length = static_cast<int>(contour_length);
  return settings;
}

PathfinderArtist::PathfinderArtist(std::size_t size, std::uint64_t seed, std::size_t contour_length)
    : settings_(pathfinder_settings(size, contour_length)),
      seed_(seed),
      repertoires_{make_repertoire(settings_, settings_.margins[0]), make_repertoire(settings_, settings_.margins[1])},
      marker_(marker_stamp(settings_.marker_radius)) {}

PathfinderImage PathfinderArtist::draw(std::uint64_t index) const {
  Draws draws(Random{seed_, random_stream(fmt::format("pathfinder{}", settings_.size), index)});
  PathfinderImage image;
  image.label = draws.below(2);
  const Repertoire& repertoire = repertoires_[static_cast<std::size_t>(draws.below(2))];
  image.margin = repertoire.margin;

  Plan plan(settings_, repertoire, draws);
  auto targets = plan.targets();
  while (!targets) targets = plan.targets();
  Canvas canvas(settings_.size);
  for (std::size_t i = 0; i < 2; ++i) {
    image.targets[i] = paddles_of((*targets)[i]);
    canvas.set((*targets)[i], settings_.snake_contrast * settings_.paddle_contrast);
  }
  for (int i = 0; i < settings_.distractors(); ++i) {
    const auto distractor = plan.distractor();
    if (!distractor) continue;
    image.distractors.push_back(paddles_of(*distractor));
    canvas.set(*distractor, settings_.snake_contrast);
  }

  const auto marked = static_cast<std::size_t>(draws.below(2));
  const std::size_t other = image.label == 1 ? marked : 1 - marked;
  image.markers = {image.targets[marked].front().tail, image.targets[other].back().head};
  for (const Point& marker : image.markers) canvas.set(marker_, marker, 1.0);
  image.picture = canvas.picture();
  return image;
}

}  // namespace bitstate::datasets

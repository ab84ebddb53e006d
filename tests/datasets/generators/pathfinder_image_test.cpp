#include "datasets/generators/pathfinder_image.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

namespace bitstate::tests::pathfinder_image_test {

using namespace bitstate;
using namespace bitstate::datasets;

namespace {

std::uint8_t pixel(const GreyImage& image, Point p) {
  return image.values[static_cast<std::size_t>(p.y) * image.width + static_cast<std::size_t>(p.x)];
}

bool inside(const GreyImage& image, Point p) {
  const auto side = static_cast<int>(image.width);
  return std::min(p.y, p.x) >= 0 && std::max(p.y, p.x) < side;
}

double distance(Point a, Point b) { return std::hypot(a.y - b.y, a.x - b.x); }

Point middle(const Paddle& paddle) {
  return {(paddle.tail.y + paddle.head.y) / 2, (paddle.tail.x + paddle.head.x) / 2};
}

double distance(Point p, const Snake& snake) {
  double least = 1e9;
  for (const Paddle& paddle : snake) {
    for (const Point end : {paddle.tail, middle(paddle), paddle.head}) least = std::min(least, distance(p, end));
  }
  return least;
}

/// The brightest pixel within 1 of any of a snake's paddles; those nearer than 5 to any of `others` do not count.
int brightest(const PathfinderImage& image, const Snake& snake, const std::vector<Snake>& others) {
  int value = 0;
  for (const Paddle& paddle : snake) {
    for (const Point& offset : disc(1.5)) {
      const Point p = middle(paddle) + offset;
      if (!inside(image.picture, p)) continue;
      const bool alone = std::all_of(others.begin(), others.end(), [&](const Snake& s) { return distance(p, s) >= 5; });
      const bool marked = distance(p, image.markers[0]) < 6 || distance(p, image.markers[1]) < 6;
      if (alone && !marked) value = std::max<int>(value, pixel(image.picture, p));
    }
  }
  return value;
}

/// The largest share of labels that a threshold on a statistic gets right, and the share of the commoner label.
std::pair<double, double> best_threshold(std::vector<std::pair<double, int>> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double ones = 0.0;
  for (const auto& value : values) ones += value.second;
  double best = std::max(ones, n - ones);
  const double chance = best;
  double ones_below = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ones_below += values[i].second;
    if (i + 1 < values.size() && values[i + 1].first == values[i].first) continue;
    const double right = (static_cast<double>(i + 1) - ones_below) + (ones - ones_below);
    best = std::max({best, right, n - right});
  }
  return {best / n, chance / n};
}

}  // namespace

TEST_CASE("pathfinder_image: lanczos keeps what is even, and has the weights of the windowed sinc") {
  CHECK(lanczos(std::vector<std::uint8_t>(17 * 17, 93), 17, 9) == std::vector<std::uint8_t>(81, 93));
  // an edge from 0 to 255 between columns 7 and 8 of 16: at half the size the pixels beside it overshoot and are cut
  std::vector<std::uint8_t> edge(256);
  for (std::size_t i = 0; i < 256; ++i) edge[i] = i % 16 < 8 ? 0 : 255;
  const auto small = lanczos(edge, 16, 8);
  const auto kernel = [](double t) {
    const double a = std::numbers::pi * t;
    return std::sin(a) / a * std::sin(a / 3) / (a / 3);
  };
  for (int x = 1; x < 7; ++x) {  // pixels whose window lies within the image or beyond it where the edge is flat
    double sum = 0.0;
    double all = 0.0;
    for (int in = 0; in < 16; ++in) {
      const double t = (in + 0.5 - 2.0 * (x + 0.5)) / 2.0;
      if (std::fabs(t) >= 3.0) continue;
      all += kernel(t);
      if (in >= 8) sum += kernel(t);
    }
    CHECK(small[8 * 3 + static_cast<std::size_t>(x)] == std::clamp(std::floor(255 * sum / all + 0.5), 0.0, 255.0));
  }
}

TEST_CASE("pathfinder_image: a paddle is as long and thick as it should be, and its room has the margin") {
  for (const std::size_t size : {32, 64, 128, 256}) {
    const PathfinderSettings settings = pathfinder_settings(size);
    const int margin = settings.margins[1];
    for (int degrees = -180; degrees < 180; ++degrees) {
      const double orientation = degrees * std::numbers::pi / 180.0;
      const Brush brush = paddle_brush({settings.paddle_length, settings.paddle_thickness, margin}, orientation);
      CAPTURE(size);
      CAPTURE(degrees);
      // in the finer drawing (whose discs are small enough to differ from round ones), ratio times as large as the
      // stamp
      const double ratio = (4.0 * brush.line.radius + 1) / (2.0 * brush.line.radius + 1);
      const double length = distance({0, 0}, translate({0, 0}, orientation, 2 * settings.paddle_length));
      const double width = 2.0 * settings.paddle_thickness;
      const double reach = 2.0 * margin + width / 2.0;
      const auto area = [&](const Stamp& stamp) {
        return std::accumulate(stamp.values.begin(), stamp.values.end(), 0.0) / 255.0 * ratio * ratio;
      };
      CHECK(area(brush.line) == doctest::Approx((length + 1.0) * width).epsilon(0.33));  // a line has no exact width
      CHECK(area(brush.room) ==
            doctest::Approx(2.0 * reach * length + std::numbers::pi * reach * reach).epsilon(margin == 1 ? 0.35 : 0.2));
      CHECK(brush.line.at({0, 0}) > 60);
      CHECK(brush.room.at({0, 0}) == 255);
    }
  }
  // coordinates are rounded up, but not where only rounding made them more than whole
  CHECK(translate({5, 5}, std::numbers::pi, 3.0) == Point{5, 2});
  CHECK(translate({5, 5}, std::numbers::pi / 2.0, 3.0) == Point{8, 5});
  CHECK(translate({5, 5}, std::numbers::pi / 4.0, 3.0) == Point{8, 8});
  CHECK(translate({5, 5}, -3.0 * std::numbers::pi / 4.0, 3.0) == Point{3, 3});
}

TEST_CASE("pathfinder_image: the label is 1 if and only if both markers are ends of one snake") {
  for (const std::size_t size : {32, 64, 128, 256}) {
    const PathfinderArtist artist(size, 3);
    const int n = size == 32 ? 400 : size == 256 ? 40 : 4;
    int ones = 0;
    for (int i = 0; i < n; ++i) {
      const PathfinderImage image = artist.draw(static_cast<std::uint64_t>(i));
      const auto& [first, second] = image.targets;
      REQUIRE(first.size() == 14);
      REQUIRE(second.size() == 14);
      const bool on_first = image.markers[0] == first.front().tail;
      REQUIRE((on_first || image.markers[0] == second.front().tail));
      CHECK((image.markers[1] == (on_first ? first : second).back().head) == (image.label == 1));
      CHECK((image.markers[1] == (on_first ? second : first).back().head) == (image.label == 0));
      ones += image.label;
    }
    CHECK(std::abs(2 * ones - n) < 4 * std::sqrt(n));
  }
}

TEST_CASE("pathfinder_image: a snake's paddles follow each other at the margin's distance, turning little") {
  for (const std::size_t size : {32, 64, 128, 256}) {
    const PathfinderArtist artist(size, 4);
    const PathfinderSettings& settings = artist.settings();
    std::size_t distractors = 0;
    for (std::uint64_t i = 0; i < 3; ++i) {
      const PathfinderImage image = artist.draw(i);
      CHECK((image.margin == settings.margins[0] || image.margin == settings.margins[1]));
      CHECK(std::fabs(distance(image.targets[0][0].tail, image.targets[1][0].tail) - settings.seed_distance) < 1.0);
      std::vector<Snake> snakes(image.targets.begin(), image.targets.end());
      snakes.insert(snakes.end(), image.distractors.begin(), image.distractors.end());
      distractors += image.distractors.size();
      for (const Snake& snake : snakes) {
        CHECK((snake.size() == 14 || snake.size() == 4));
        for (std::size_t k = 0; k < snake.size(); ++k) {
          CHECK(inside(image.picture, snake[k].head));
          CHECK(std::fabs(distance(snake[k].tail, snake[k].head) - settings.paddle_length) < 1.5);
          if (k == 0) continue;
          // two margins in a straight line; coordinates are rounded at four places
          const double gap = distance(snake[k - 1].head, snake[k].tail);
          CHECK(gap < 2 * image.margin + 3.0);
          const double step = distance(snake[k - 1].head, snake[k].head);
          CHECK(step < settings.paddle_length + 2 * image.margin + 3.0);
        }
      }
    }
    CHECK(distractors > 3U * static_cast<std::size_t>(settings.distractors()) * 3 / 4);
  }
}

TEST_CASE("pathfinder_image: a contour length sets how long the snakes are and how many distract") {
  for (const auto& lengths : {std::array<std::size_t, 3>{3, 1, 20}, {6, 2, 10}, {9, 3, 6}, {14, 4, 5}}) {
    const std::size_t contour_length = lengths[0];
    const std::size_t distractor_length = lengths[1];
    const std::size_t distractors = lengths[2];
    CAPTURE(contour_length);
    const PathfinderSettings settings = pathfinder_settings(32, contour_length);
    CHECK(settings.distractor_length() == static_cast<int>(distractor_length));
    CHECK(settings.distractors() == static_cast<int>(distractors));
    const PathfinderArtist artist(32, 6, contour_length);
    std::size_t drawn = 0;
    for (std::uint64_t i = 0; i < 4; ++i) {
      const PathfinderImage image = artist.draw(i);
      for (const Snake& snake : image.targets) CHECK(snake.size() == contour_length);
      for (const Snake& snake : image.distractors) CHECK(snake.size() == distractor_length);
      drawn += image.distractors.size();
    }
    CHECK(drawn > distractors * 4 * 3 / 4);
  }
  CHECK_THROWS_AS((void)pathfinder_settings(32, 2), UsageError);
  CHECK_THROWS_AS((void)pathfinder_settings(32, 15), UsageError);
}

TEST_CASE("pathfinder_image: a distractor that finds no way leaves its room to the next ones") {
  // where the paddles of a snake that failed kept their room, 0.913 of the distractors would find a place
  constexpr std::size_t images = 200;
  std::size_t drawn = 0;
  for (const std::uint64_t seed : {3, 6, 7}) {
    const PathfinderArtist artist(32, seed, 14);
    for (std::uint64_t i = 0; i < images; ++i) drawn += artist.draw(i).distractors.size();
  }
  CHECK(static_cast<double>(drawn) / (3 * images * 5) == doctest::Approx(0.947).epsilon(0.012));
}

TEST_CASE("pathfinder_image: markers, long snakes and distractors are as bright as the settings say") {
  for (const std::size_t size : {32, 64, 128, 256}) {
    const PathfinderArtist artist(size, 5);
    const PathfinderSettings& settings = artist.settings();
    int brightest_distractor = 0;
    double sum_of_targets = 0.0;  // of the brightest pixels of each image
    double sum_of_distractors = 0.0;
    for (std::uint64_t i = 0; i < (size == 32 ? 60 : 3); ++i) {
      const PathfinderImage image = artist.draw(i);
      const auto [low, high] = std::minmax_element(image.picture.values.begin(), image.picture.values.end());
      CHECK(*low == 0);
      CHECK(*high == 255);
      for (const Point& marker : image.markers) CHECK(pixel(image.picture, marker) > (size == 32 ? 150 : 240));
      const std::vector<Snake> targets(image.targets.begin(), image.targets.end());
      int target = 0;
      int distractor = 0;
      for (const Snake& snake : targets) target = std::max(target, brightest(image, snake, image.distractors));
      for (const Snake& snake : image.distractors) distractor = std::max(distractor, brightest(image, snake, targets));
      if (target == 0 || distractor == 0) continue;  // none is alone
      brightest_distractor = std::max(brightest_distractor, distractor);
      sum_of_targets += target;
      sum_of_distractors += distractor;
    }
    CAPTURE(size);
    // with 32 pixels nothing is brighter than the distractors; else a marker is, with contrast 1
    CHECK(brightest_distractor == doctest::Approx(size == 32 ? 255 : 255 * settings.snake_contrast).epsilon(0.01));
    CHECK(sum_of_targets == doctest::Approx(sum_of_distractors * settings.paddle_contrast).epsilon(0.05));
  }
}

TEST_CASE("pathfinder_image: an image is a function of size, seed and index") {
  const PathfinderArtist artist(32, 7);
  const PathfinderArtist again(32, 7);
  const PathfinderArtist other(32, 8);
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(artist.draw(i).picture == again.draw(i).picture);
    CHECK_FALSE(artist.draw(i).picture == other.draw(i).picture);
    CHECK_FALSE(artist.draw(i).picture == artist.draw(i + 1).picture);
  }
  CHECK_THROWS_AS(PathfinderArtist(48, 0), UsageError);
}

TEST_CASE("pathfinder_image: brightness and the markers' distance say next to nothing about the label") {
  const PathfinderArtist artist(32, 9);
  std::vector<std::pair<double, int>> brightness;
  std::vector<std::pair<double, int>> distances;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const PathfinderImage image = artist.draw(i);
    const auto& values = image.picture.values;
    brightness.emplace_back(std::accumulate(values.begin(), values.end(), 0.0), image.label);
    distances.emplace_back(distance(image.markers[0], image.markers[1]), image.label);
  }
  // with 100,000 images: 0.504 and 0.523; the best of 3000 thresholds on labels of a coin is right in up to 0.53
  const auto [by_brightness, chance] = best_threshold(brightness);
  CHECK(by_brightness < chance + 0.03);
  CHECK(best_threshold(distances).first < chance + 0.05);
}

}  // namespace bitstate::tests::pathfinder_image_test

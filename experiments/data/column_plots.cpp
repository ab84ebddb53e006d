#include "experiments/data/column_plots.h"

#include "core/text.h"
#include "experiments/plots/canvas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitstate::experiments {
namespace {

using datasets::Extremes;
using datasets::NumberSummary;

/// The extremes of each of `count` places, joined to those of the place before; NaN where all numbers are missing.
std::vector<Extremes> places_of(const NumberSummary& numbers, std::size_t count) {
  const auto& stretches = numbers.stretches;
  std::vector<Extremes> places(count, {std::nan(""), std::nan("")});
  const std::size_t steps = std::max(count, stretches.size());
  for (std::size_t i = 0; i < steps; ++i) {
    const Extremes& from = stretches[i * stretches.size() / steps];
    Extremes& to = places[i * count / steps];
    to.low = std::fmin(to.low, from.low);
    to.high = std::fmax(to.high, from.high);
  }
  for (std::size_t i = count; i-- > 1;) {
    const Extremes before = places[i - 1];
    if (std::isnan(places[i].low) || std::isnan(before.low)) continue;
    places[i].low = std::min(places[i].low, before.high);
    places[i].high = std::max(places[i].high, before.low);
  }
  return places;
}

/// Where a number stands between the smallest, 0, and the largest, 1. Their distance may be larger than a double is,
/// and half of it smaller than any but 0.
double relative_height(double number, const NumberSummary& numbers) {
  const double half = numbers.high / 2 - numbers.low / 2;
  if (!(half > 0.0)) return 0.5;
  return (number / 2 - numbers.low / 2) / half;
}

constexpr double panel_width = 720, panel_height = 96, panel_left = 12, first_panel = 40, panel_gap = 44;

void draw_column(const datasets::ColumnContent& column, double y, Canvas& canvas) {
  const NumberSummary& numbers = *column.numbers;
  const std::string name = printable(column.name);
  canvas.begin(name);
  canvas.text({panel_left, y - 6}, name + (column.role.empty() ? "" : fmt::format(" ({})", column.role)),
              {.bold = true});
  canvas.text({panel_left + panel_width, y - 6}, fmt::format("{:.6g} to {:.6g}", numbers.low, numbers.high),
              {.anchor = Anchor::end, .ink = Ink::soft});
  canvas.path({{panel_left, y},
               {panel_left + panel_width, y},
               {panel_left + panel_width, y + panel_height},
               {panel_left, y + panel_height}},
              true, {.stroke = Ink::rule});
  const auto places = places_of(numbers, numbers.stretches.size());
  const auto count = static_cast<double>(places.size());
  const auto spot = [&](double i, double number) {
    const double x = count > 1 ? i / (count - 1) : 0.5;
    return Spot{panel_left + panel_width * x, y + panel_height * (1 - relative_height(number, numbers))};
  };
  for (std::size_t first = 0; first < places.size();) {  // from gap to gap
    std::size_t last = first;
    while (last < places.size() && !std::isnan(places[last].low)) ++last;
    std::vector<Spot> outline;
    for (std::size_t i = first; i < last; ++i) outline.push_back(spot(static_cast<double>(i), places[i].high));
    for (std::size_t i = last; i-- > first;) outline.push_back(spot(static_cast<double>(i), places[i].low));
    if (!outline.empty()) {
      canvas.path(outline, true, {.fill = series_ink(0), .stroke = series_ink(0), .width = 1, .opacity = 0.6});
    }
    first = last + 1;
  }
  canvas.end();
}

}  // namespace

std::vector<std::string> braille_plot(const NumberSummary& numbers, std::size_t columns, std::size_t rows) {
  constexpr unsigned dots[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};  // of U+2800
  const auto levels = static_cast<double>(4 * rows - 1);
  std::vector<std::vector<unsigned>> cells(rows, std::vector<unsigned>(columns, 0));
  const auto places = places_of(numbers, 2 * columns);
  for (std::size_t x = 0; x < places.size(); ++x) {
    if (std::isnan(places[x].low)) continue;
    const auto level = [&](double number) {
      return 4 * rows - 1 - static_cast<std::size_t>(std::lround(levels * relative_height(number, numbers)));
    };
    for (std::size_t y = level(places[x].high); y <= level(places[x].low); ++y)
      cells[y / 4][x / 2] |= dots[y % 4][x % 2];
  }
  std::vector<std::string> lines;
  for (const auto& row : cells) {
    std::string line;
    for (const unsigned cell : row) {
      line += {'\xE2', static_cast<char>(0xA0U + (cell >> 6U)), static_cast<char>(0x80U + (cell & 0x3FU))};
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string svg_of_columns(std::span<const datasets::ColumnContent> columns, const std::string& title) {
  const double step = panel_height + panel_gap;
  const PictureSize size{panel_width + 2 * panel_left,
                         first_panel + panel_gap / 2 + step * static_cast<double>(columns.size())};
  const auto canvas = svg_canvas(size, printable(title), true);
  canvas->text({panel_left, 24}, printable(title), {.size = 16, .bold = true});
  double y = first_panel + panel_gap / 2;
  for (const datasets::ColumnContent& column : columns) {
    draw_column(column, y, *canvas);
    y += step;
  }
  return canvas->finish();
}

}  // namespace bitstate::experiments

#include "experiments/plots/plot.h"

#include <algorithm>

namespace bitstate::experiments {

namespace {

constexpr double map_font = 12;
constexpr double map_line = 15;
constexpr double below_font = 10;
constexpr double scale_height = 62;

/// The deepest colour lets the text in a cell be read.
double opacity(double share) { return 0.06 + 0.5 * share; }

struct MapLayout {
  double left = 0.0;
  double cell_width = 0.0;
  std::vector<double> tops;  ///< of the rows, and the end of the last
  std::vector<std::vector<std::string>> rows;
  std::vector<std::vector<std::string>> columns;
  PictureSize extent;
};

MapLayout layout_of(const HeatMap& map) {
  MapLayout layout;
  double widest = text_width(map.row_label, map_font);
  for (const auto& row : map.rows) widest = std::max(widest, text_width(row, map_font));
  layout.left = std::min(widest, 170.0) + 14.0;
  double cell = 0.0;
  bool two_lines = false;
  for (const auto& entry : map.cells) {
    cell = std::max({cell, text_width(entry.text, map_font) + 14.0, text_width(entry.below, below_font) + 14.0});
    two_lines = two_lines || !entry.below.empty();
  }
  const auto n = static_cast<double>(map.columns.size());
  layout.cell_width = std::max({cell, 54.0, std::min(110.0, (446.0 - layout.left) / n)});
  std::size_t header = 1;
  for (const auto& column : map.columns) {
    layout.columns.push_back(wrapped(column, layout.cell_width - 8.0, map_font));
    header = std::max(header, layout.columns.back().size());
  }
  layout.tops = {26.0 + static_cast<double>(header) * map_line};
  for (const auto& row : map.rows) {
    layout.rows.push_back(wrapped(row, layout.left - 14.0, map_font));
    const double height = static_cast<double>(layout.rows.back().size()) * map_line + 8.0;
    layout.tops.push_back(layout.tops.back() + std::max(two_lines ? 40.0 : 28.0, height));
  }
  layout.extent = {std::max(460.0, layout.left + n * layout.cell_width + 14.0),
                   layout.tops.back() + (map.scale.empty() ? 8.0 : scale_height)};
  return layout;
}

std::vector<Spot> box(double x, double y, double width, double height) {
  return {{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}};
}

/// Lines around a height.
void draw_lines(const std::vector<std::string>& lines, Spot middle, const TextStyle& style, Canvas& canvas) {
  double y = middle.y + 4.0 - 0.5 * map_line * (static_cast<double>(lines.size()) - 1.0);
  for (const auto& line : lines) {
    canvas.text({middle.x, y}, line, style);
    y += map_line;
  }
}

void draw_scale(const HeatMap& map, const MapLayout& layout, Canvas& canvas) {
  constexpr int steps = 40;
  const double y = layout.extent.height - scale_height + 14.0;
  const double width = 220.0;
  const double left = layout.left;
  for (int i = 0; i < steps; ++i) {
    const double share = i / (steps - 1.0);
    canvas.path(box(left + i * width / steps, y, width / steps, 10.0), true,
                {.fill = Ink::heat, .opacity = opacity(share)});
  }
  for (std::size_t i = 0; i < map.scale.size(); ++i) {
    const double share = static_cast<double>(i) / (static_cast<double>(map.scale.size()) - 1.0);
    canvas.text({left + share * width, y + 24.0}, map.scale[i], {.anchor = Anchor::middle, .ink = Ink::soft});
  }
  canvas.text({left + width / 2.0, y + 40.0}, map.value_label, {.anchor = Anchor::middle});
}

}  // namespace

PictureSize heat_map_extent(const HeatMap& map) { return layout_of(map).extent; }

void draw_heat_map(const HeatMap& map, Canvas& canvas) {
  const MapLayout layout = layout_of(map);
  const double width = layout.cell_width;
  const auto middle_x = [&](std::size_t column) { return layout.left + (static_cast<double>(column) + 0.5) * width; };
  const auto middle_y = [&](std::size_t row) { return 0.5 * (layout.tops[row] + layout.tops[row + 1]); };
  canvas.text({layout.left + static_cast<double>(map.columns.size()) * width / 2.0, 14.0}, map.column_label,
              {.anchor = Anchor::middle, .bold = true});
  canvas.text({layout.left - 8.0, layout.tops[0] - 7.0}, map.row_label, {.anchor = Anchor::end, .bold = true});
  for (std::size_t i = 0; i < map.columns.size(); ++i) {
    const double above = 0.5 * map_line * (static_cast<double>(layout.columns[i].size()) - 1.0);
    draw_lines(layout.columns[i], {middle_x(i), layout.tops[0] - 11.0 - above},
               {.anchor = Anchor::middle, .ink = Ink::soft}, canvas);
  }
  for (std::size_t i = 0; i < map.rows.size(); ++i) {
    draw_lines(layout.rows[i], {layout.left - 8.0, middle_y(i)}, {.anchor = Anchor::end, .ink = Ink::soft}, canvas);
  }
  for (const auto& cell : map.cells) {
    const double x = middle_x(cell.column);
    const double y = middle_y(cell.row);
    const double height = layout.tops[cell.row + 1] - layout.tops[cell.row];
    const Paint paint{.fill = cell.value ? Ink::heat : Ink::rule, .opacity = cell.value ? opacity(cell.share) : 0.5};
    canvas.path(box(x - width / 2.0 + 1.0, y - height / 2.0 + 1.0, width - 2.0, height - 2.0), true, paint);
    const double up = cell.below.empty() ? 0.0 : 7.0;
    canvas.text({x, y + 4.0 - up}, cell.text, {.anchor = Anchor::middle, .ink = cell.value ? Ink::text : Ink::soft});
    if (up > 0.0) canvas.text({x, y + 11.0}, cell.below, {.size = below_font, .anchor = Anchor::middle});
  }
  if (map.scale.size() > 1) draw_scale(map, layout, canvas);
}

}  // namespace bitstate::experiments

// Line charts as SVG text, styled by the page's own CSS (classes axis, grid, tick, line and s0 ... s7).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// Colours in the page's palette; lines beyond them repeat the colours with other dashes.
inline constexpr std::size_t chart_colours = 8;

struct ChartLine {
  std::string label;
  std::size_t style = 0;  ///< colour (style mod chart_colours) and dashes (style / chart_colours)
  std::vector<std::pair<double, double>> points;  ///< by rising x, finite
  bool so_far = false;                            ///< of something that goes on: dotted
};

/// Round steps that cover [low, high] with about `count` ticks, inside the interval.
std::vector<double> chart_ticks(double low, double high, std::size_t count);

/// The classes of a line's style, as "s3 dash1" or, of something that goes on, "s3 so-far".
std::string style_classes(std::size_t style, bool so_far = false);

/// The chart. The value axis is logarithmic where all values are positive and span more than a factor of 20.
/// Labels are escaped here.
std::string line_chart(std::string_view title, std::string_view x_label, const std::vector<ChartLine>& lines);

}  // namespace bitstate::experiments

// A figure of a report: what is drawn, apart from where. One description gives SVG, PDF, its data and a gnuplot script.
#pragma once

#include "experiments/plots/canvas.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bitstate::experiments {

struct PlotPoint {
  double x = 0.0;
  double y = 0.0;
  std::optional<double> low = {};  ///< of the interval around y
  std::optional<double> high = {};
  std::string name = {};          ///< what it is of, where the series does not say it
  std::optional<Spot> from = {};  ///< where it was before: a hollow mark, joined to it
};

struct Series {
  enum class Line { none, straight, steps };

  std::string label = {};
  std::size_t style = 0;  ///< colour, mark and dashes: no two alike below 64
  std::vector<PlotPoint> points = {};
  Line line = Line::straight;
  bool marks = true;
  bool so_far = false;  ///< of something that goes on: dotted
  bool theirs = false;  ///< of others: hollow
  bool aside = false;   ///< a help to the eye in place of data: thin, without colour
};

struct PlotAxis {
  std::string label = {};
  bool log = false;
  std::vector<std::pair<double, std::string>> ticks = {};  ///< empty: round numbers
  std::optional<double> low = {};                          ///< absent: a little beyond the data
  std::optional<double> high = {};
};

struct Plot {
  PlotAxis x = {};
  PlotAxis y = {};
  std::vector<Series> series = {};
  bool unit_disk = false;  ///< draws the unit circle, with equal scales on both axes
};

struct HeatCell {
  std::size_t row = 0;
  std::size_t column = 0;
  std::optional<double> value = {};
  std::optional<double> deviation = {};
  std::string text = {};   ///< what stands in it
  double share = 0.0;      ///< of the colour, from 0 to 1
  std::string below = {};  ///< what stands under that, smaller
};

struct HeatMap {
  std::string row_label = {};
  std::string column_label = {};
  std::string value_label = {};
  std::vector<std::string> rows = {};
  std::vector<std::string> columns = {};
  std::vector<HeatCell> cells = {};
  std::vector<std::string> scale = {};  ///< what the palest, the middle and the deepest colour mean
};

struct Figure {
  std::string name = {};  ///< of its files, without an extension
  std::string title = {};
  std::string note = {};
  std::variant<Plot, HeatMap> content = {};
};

/// Removes points that are not finite or, on a logarithmic axis, not positive, and series without points. Returns
/// whether anything is left.
bool tidy(Plot& plot);

/// Whether values are better compared by their ratios: all are positive and span more than a factor of 20.
inline bool spans_ratios(double low, double high) { return low > 0.0 && high > 20.0 * low; }
bool spans_ratios(const Plot& plot, double PlotPoint::*value);

/// The figure without its title and note, which belong in a caption.
std::string figure_svg(const Figure& figure, bool is_file);
std::string figure_pdf(const Figure& figure);

/// What is drawn, one line per point or cell, in columns that the first line names. Labels are last.
std::string figure_csv(const Figure& figure);

/// A script that draws `name`.csv with gnuplot into `name`-gnuplot.svg, in the folder where it is called.
std::string figure_gnuplot(const Figure& figure);

/// Round steps that cover [low, high] with about `count` ticks, inside the interval.
std::vector<double> round_ticks(double low, double high, std::size_t count);

// What drawing and the script share.

enum class Mark { circle, square, triangle, diamond, wedge, pentagon, cross, plus };

struct Style {
  Ink ink;
  Mark mark;
  bool hollow;
  Dash dash;
};

Style style_of(const Series& series);
void draw_mark(Spot spot, const Style& style, double radius, Canvas& canvas);

/// Lines of at most `width` pixels, broken at blanks where there are some.
std::vector<std::string> wrapped(const std::string& text, double width, double size);

PictureSize plot_extent(const Plot& plot);
void draw_plot(const Plot& plot, Canvas& canvas);
PictureSize heat_map_extent(const HeatMap& map);
void draw_heat_map(const HeatMap& map, Canvas& canvas);

}  // namespace bitstate::experiments

// Where the parts of a plot stand: its axes with their ticks, and its legend.
#pragma once

#include "experiments/plots/plot.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {

inline constexpr double plot_width = 460;
inline constexpr double label_size = 12;
inline constexpr double line_height = 16;
inline constexpr double key_room = 34;  // of the line and the mark before a label

/// An axis with its ends in data and in pixels.
struct PlotScale {
  bool log = false;
  double low = 0.0;  ///< in logarithms if `log`
  double high = 1.0;
  double first = 0.0;
  double last = 1.0;
  std::vector<std::pair<double, std::string>> ticks;

  [[nodiscard]] double value(double v) const { return log ? std::log10(v) : v; }
  /// Clamped: an interval may go below what a logarithmic axis shows.
  [[nodiscard]] double at(double v) const {
    const double inside = log && v <= 0.0 ? low : std::clamp(value(v), low, high);
    return first + (inside - low) / (high - low) * (last - first);
  }
};

struct PlotFrame {
  PlotScale x;
  PlotScale y;
  std::size_t legend_columns = 1;
  std::vector<std::vector<std::string>> legend;  ///< the lines of each label
  PictureSize extent;
};

/// The frame in which all of the plot's points, intervals and ticks have room.
PlotFrame frame_of(const Plot& plot);

}  // namespace bitstate::experiments

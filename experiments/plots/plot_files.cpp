// A figure as the files that a paper needs: pictures, data, a script.
#include "experiments/plots/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitstate::experiments {

namespace {

std::string field(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c == '\n' || c == '\r' ? ' ' : c);
  return quoted + "\"";
}

std::string field(const std::optional<double>& value) { return value ? fmt::format("{}", *value) : std::string(); }

std::string csv_of(const Plot& plot) {
  std::string text = "series,x,y,low,high,from_x,from_y,label,point\n";
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    for (const auto& point : plot.series[i].points) {
      const std::string from = point.from ? fmt::format("{},{}", point.from->x, point.from->y) : ",";
      text += fmt::format("{},{},{},{},{},{},{},{}\n", i, point.x, point.y, field(point.low), field(point.high), from,
                          field(plot.series[i].label), point.name.empty() ? "" : field(point.name));
    }
  }
  return text;
}

std::string csv_of(const HeatMap& map) {
  std::string text = fmt::format("column,row,value,deviation,share_of_colour,text,{},{},below\n",
                                 field(map.column_label), field(map.row_label));
  for (const auto& cell : map.cells) {
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", cell.column, cell.row, field(cell.value), field(cell.deviation),
                        cell.value ? field(cell.share) : "", field(cell.text), field(map.columns[cell.column]),
                        field(map.rows[cell.row]), cell.below.empty() ? "" : field(cell.below));
  }
  return text;
}

/// A string of gnuplot that nothing in it is expanded in.
std::string gnuplot_text(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' || c == '\r' ? ' ' : c);
  return result + "'";
}

template <class Items, class Text>
std::string joined(const Items& items, std::string_view between, Text text) {
  std::string result;
  for (std::size_t i = 0; i < items.size(); ++i) result += (i == 0 ? "" : std::string(between)) + text(i);
  return result;
}

std::string axis_lines(char name, const PlotAxis& axis) {
  std::string text = fmt::format("set {}label {} noenhanced\n", name, gnuplot_text(axis.label));
  if (axis.log) text += fmt::format("set logscale {}\n", name);
  if (!axis.ticks.empty()) {
    text += fmt::format("set {}tics noenhanced ({})\n", name, joined(axis.ticks, ", ", [&](std::size_t i) {
                          return gnuplot_text(axis.ticks[i].second) + fmt::format(" {}", axis.ticks[i].first);
                        }));
  }
  if (axis.low || axis.high) text += fmt::format("set {}range [{}:{}]\n", name, field(axis.low), field(axis.high));
  return text;
}

/// gnuplot's number of a mark; of a filled one, the hollow one comes before it.
int point_type(const Style& style) {
  constexpr std::array<int, 8> types = {7, 5, 9, 13, 11, 15, 2, 1};
  const int type = types[static_cast<std::size_t>(style.mark)];
  return style.hollow && type > 2 ? type - 1 : type;
}

std::string script_of(const Plot& plot, const std::string& data) {
  std::string text = axis_lines('x', plot.x) + axis_lines('y', plot.y);
  text += "set key below left reverse Left noenhanced font ',9'\nset grid ytics\nset border 3\nset tics nomirror\n";
  if (plot.unit_disk) {
    text += "set size ratio -1\nset samples 18001\n";
  }
  std::vector<std::string> parts;
  if (plot.unit_disk)
    parts.emplace_back("[t=0:2*pi] '+' using (cos(t)):(sin(t)) with lines dt 2 lc rgb '#5c6770' notitle");
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const Series& series = plot.series[i];
    const Style style = style_of(series);
    const std::string colour = fmt::format("lc rgb '{}'", colour_of(style.ink).light);
    const std::string x = fmt::format("{} using ($1=={} ? $2 : NaN)", data, i);
    const auto any = [&](auto has) { return std::any_of(series.points.begin(), series.points.end(), has); };
    if (any([](const PlotPoint& point) { return point.low && point.high; })) {
      parts.push_back(x + ":3:4:5 with yerrorbars pt 0 " + colour + " notitle");
    }
    if (any([](const PlotPoint& point) { return point.from.has_value(); })) {
      parts.push_back(fmt::format("{} using ($1=={} ? $6 : NaN):7:($2-$6):($3-$7) with vectors nohead {} notitle", data,
                                  i, colour));
    }
    const std::string dash = fmt::format(" dt {}", static_cast<int>(style.dash) + 1);
    const std::string mark = fmt::format(" pt {}", point_type(style));
    if (series.line == Series::Line::steps) {
      parts.push_back(x + ":3 with steps " + colour + dash + " title " + gnuplot_text(series.label));
    } else if (series.line == Series::Line::none) {
      parts.push_back(x + ":3 with points " + colour + mark + " title " + gnuplot_text(series.label));
    } else {
      parts.push_back(x + ":3 with " + (series.marks ? "linespoints " : "lines ") + colour + dash +
                      (series.marks
                           ? mark + fmt::format(" pointinterval {}", std::max<std::size_t>(series.points.size() / 6, 1))
                           : "") +
                      " title " + gnuplot_text(series.label));
    }
  }
  return text + std::string(plot.unit_disk ? "plot sample " : "plot ") +
         joined(parts, ", \\\n     ", [&](std::size_t i) { return parts[i]; }) + "\n";
}

std::string script_of(const HeatMap& map, const std::string& data) {
  const auto tics = [](char name, const std::vector<std::string>& labels) {
    return fmt::format("set {}tics noenhanced ({})\n", name, joined(labels, ", ", [&](std::size_t i) {
                         return gnuplot_text(labels[i]) + fmt::format(" {}", i);
                       }));
  };
  std::string text =
      fmt::format("set xlabel {} noenhanced\nset ylabel {} noenhanced\nset cblabel {} noenhanced\n",
                  gnuplot_text(map.column_label), gnuplot_text(map.row_label), gnuplot_text(map.value_label));
  text += tics('x', map.columns) + tics('y', map.rows);
  text += fmt::format("set xrange [-0.5:{}]\nset yrange [{}:-0.5]\n", static_cast<double>(map.columns.size()) - 0.5,
                      static_cast<double>(map.rows.size()) - 0.5);
  text += "set palette defined (0 '#f1f7f6', 1 '#7db5af')\nset cbrange [0:1]\nunset key\n";
  text +=
      fmt::format("set cbtics noenhanced ({})\n", joined(map.scale, ", ", [&](std::size_t i) {
                    return gnuplot_text(map.scale[i]) +
                           fmt::format(" {}", static_cast<double>(i) / (static_cast<double>(map.scale.size()) - 1.0));
                  }));
  return text + fmt::format(
                    "plot {0} using 1:2:(0.5):(0.5):5 with boxxyerror fillcolor palette fillstyle solid, \\\n     {0} "
                    "using 1:2:6 with labels noenhanced\n",
                    data);
}

void draw(const Figure& figure, Canvas& canvas) {
  if (const auto* const plot = std::get_if<Plot>(&figure.content)) return draw_plot(*plot, canvas);
  draw_heat_map(std::get<HeatMap>(figure.content), canvas);
}

PictureSize extent_of(const Figure& figure) {
  if (const auto* const plot = std::get_if<Plot>(&figure.content)) return plot_extent(*plot);
  return heat_map_extent(std::get<HeatMap>(figure.content));
}

}  // namespace

std::string figure_svg(const Figure& figure, bool is_file) {
  const auto canvas = svg_canvas(extent_of(figure), figure.title, is_file);
  draw(figure, *canvas);
  return canvas->finish();
}

std::string figure_pdf(const Figure& figure) {
  const auto canvas = pdf_canvas(extent_of(figure));
  draw(figure, *canvas);
  return canvas->finish();
}

std::string figure_csv(const Figure& figure) {
  return std::visit([](const auto& content) { return csv_of(content); }, figure.content);
}

std::string figure_gnuplot(const Figure& figure) {
  PictureSize extent = extent_of(figure);
  if (const auto* const map = std::get_if<HeatMap>(&figure.content)) {  // gnuplot does not wrap labels
    for (const auto& row : map->rows) extent.width = std::max(extent.width, 350.0 + text_width(row, 12.0));
  }
  std::string text = fmt::format("# {}\n", figure.title);
  std::replace(text.begin(), text.end() - 1, '\n', ' ');
  text += fmt::format(
      "set encoding utf8\nset datafile separator ','\nset datafile missing ''\nset terminal svg size {:.0f},{:.0f} "
      "font "
      "'Helvetica,11'\nset output {}\n",
      1.4 * extent.width, 1.4 * extent.height, gnuplot_text(figure.name + "-gnuplot.svg"));
  const std::string data = gnuplot_text(figure.name + ".csv") + " skip 1";
  return text + std::visit([&](const auto& content) { return script_of(content, data); }, figure.content);
}

}  // namespace bitstate::experiments

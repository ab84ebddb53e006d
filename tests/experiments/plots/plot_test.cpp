#include "experiments/plots/plot.h"

#include "experiments/run_folder/text_files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::TempFolder;
using bitstate::tests::write_quickly;

Figure figure_of(std::vector<Series> series, PlotAxis x = {.label = "bits"}, PlotAxis y = {.label = "loss"}) {
  return {"name", "title", "note", Plot{.x = std::move(x), .y = std::move(y), .series = std::move(series)}};
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++n;
  return n;
}

/// The part of a figure that is between a series' <g> and </g>, without its name.
std::string drawn_series(const Series& series) {
  const std::string svg = figure_svg(figure_of({series}), true);
  const std::size_t begin = svg.find("</title>");
  return svg.substr(begin, svg.find("</g>", begin) - begin);
}

/// Whether XML's elements are closed in the order in which they were opened.
bool is_balanced(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != xml.npos; at = xml.find('<', at + 1)) {
    const std::size_t end = xml.find('>', at);
    if (end == xml.npos || xml.find('<', at + 1) < end) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    if (tag.back() == '/') continue;
    if (tag[0] != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    } else if (open.empty() || open.back() != tag.substr(1)) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

}  // namespace

TEST_CASE("plot: ticks are round and inside the interval") {
  CHECK(round_ticks(0.0, 10.0, 5) == std::vector<double>{0.0, 2.0, 4.0, 6.0, 8.0, 10.0});
  CHECK(round_ticks(3.0, 3.0, 5) == std::vector<double>{3.0});
  const auto ticks = round_ticks(0.113, 0.187, 4);
  CHECK(ticks.front() == doctest::Approx(0.12));
  CHECK(ticks.back() <= 0.187);
}

TEST_CASE("plot: points lie where their values say, intervals around them, on linear and logarithmic axes") {
  // the frame is 10 at the top and 240 at the bottom, with 5 % of room beyond the values: 11.5 of 230 pixels are 0.5
  const std::string linear = figure_svg(figure_of({{.label = "a", .points = {{0.0, 0.0}, {1.0, 10.0}}}}), true);
  CHECK(contains(linear, " 229.55L"));
  CHECK(contains(linear, " 20.45\""));
  const std::string log = figure_svg(
      figure_of({{.label = "a", .points = {{0.0, 0.01}, {0.5, 0.1}, {1.0, 1.0}}}}, {}, {.label = "l", .log = true}),
      true);
  CHECK(contains(log, " 229.55L"));
  CHECK(contains(log, " 125L"));
  const std::string bars = figure_svg(figure_of({{.label = "a", .points = {{0.0, 5.0, 0.0, 10.0}, {1.0, 5.0}}}}), true);
  CHECK(contains(bars, "229.55L"));  // the lower cap
  CHECK(contains(bars, " 125L"));
}

TEST_CASE("plot: no two of 64 series look alike, and the first eight differ in colour and in mark") {
  std::set<std::string> looks;
  std::set<std::pair<Ink, Mark>> colours_and_marks;
  std::set<Mark> marks;
  for (std::size_t style = 0; style < 64; ++style) {
    const Series series{.label = "x", .style = style, .points = {{0.0, 1.0}}, .line = Series::Line::none};
    looks.insert(drawn_series(series));
    colours_and_marks.emplace(style_of(series).ink, style_of(series).mark);
    if (style < 8) marks.insert(style_of(series).mark);
  }
  CHECK(looks.size() == 64);
  CHECK(colours_and_marks.size() == 64);
  CHECK(marks.size() == 8);
}

TEST_CASE("plot: what is not finite, or not positive on a logarithmic axis, is not drawn") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  Plot plot{.y = {.log = true}};
  plot.series = {{.label = "kept", .points = {{1.0, 1.0}, {2.0, nan}, {infinity, 1.0}, {3.0, 0.0}, {4.0, -1.0}}},
                 {.label = "gone", .points = {{1.0, 0.0}}}};
  CHECK(tidy(plot));
  REQUIRE(plot.series.size() == 1);
  CHECK(plot.series[0].points.size() == 1);
  // what is left has no extent, and an interval beyond the axis
  plot.series[0].points[0].low = -1.0;
  plot.series[0].points[0].high = 2.0;
  CHECK_FALSE(contains(figure_svg({"n", "t", "", plot}, true), "nan"));
  Plot empty{.series = {{.label = "gone", .points = {{nan, 0.0}}}}};
  CHECK_FALSE(tidy(empty));
}

TEST_CASE("plot: an SVG file is well formed whatever it is called, brings its colours and names no other place") {
  const std::string evil = "<script>\"'&";
  const Figure figure =
      figure_of({{.label = evil, .points = {{0.0, 1.0}, {1.0, 2.0}}}, {.label = "b", .points = {{0.0, 2.0}}}},
                {.label = evil}, {.label = evil});
  const std::string file = figure_svg(figure, true);
  CHECK(is_balanced(file));
  CHECK(contains(file, "&lt;script&gt;&quot;&#39;&amp;"));
  CHECK(contains(file, "#0072b2"));
  CHECK_FALSE(contains(file, "var(--"));
  CHECK_FALSE(contains(file, "url("));
  const std::string element = figure_svg(figure, false);
  CHECK(is_balanced(element));
  CHECK(contains(element, "var(--s0)"));
  CHECK_FALSE(contains(element, "#0072b2"));  // the page has other colours in the dark
}

TEST_CASE("plot: long labels are wrapped whole, and stay within the picture") {
  const std::string label = "weight:*.ssm.A 4 form=log-polar grid_shift=-0.125 " + std::string(120, 'W') + " end";
  std::string joined;
  for (const auto& line : wrapped(label, 200.0, 12.0)) {
    CHECK(text_width(line, 12.0) <= 200.0);
    joined += line;
  }
  std::string blanks_gone = label;
  std::erase(blanks_gone, ' ');
  std::erase(joined, ' ');
  CHECK(joined == blanks_gone);
  CHECK(wrapped("ä€ä€", 1.0, 12.0) == std::vector<std::string>{"ä", "€", "ä", "€"});
  CHECK(wrapped("", 1.0, 12.0) == std::vector<std::string>{""});
}

TEST_CASE("plot: a PDF holds its text, and equal figures give equal bytes") {
  const Figure figure = figure_of(
      {{.label = "ä ± – Λ", .points = {{0.0, 1.0, 0.5, 1.5}, {1.0, 2.0}}}, {.label = "b", .points = {{0.0, 1.0}}}});
  const std::string pdf = figure_pdf(figure);
  CHECK(pdf.starts_with("%PDF-"));
  CHECK(contains(pdf.substr(pdf.size() - 8), "%%EOF"));
  CHECK(pdf == figure_pdf(figure));
}

TEST_CASE("plot: a PDF without a font that it could embed names Helvetica") {
  const TempFolder folder;
  const auto pdf = [&] {
    const auto canvas = pdf_canvas({200, 100}, folder.path());
    canvas->text({10, 50}, "−1 ≈ Λ", {.bold = true});
    return canvas->finish();
  };
  CHECK_FALSE(has_pdf_fonts(folder.path()));
  CHECK(contains(pdf(), "/Helvetica-Bold"));
  for (const char* file : {"LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"}) {
    write_quickly(folder / file, std::string("\0\1\0\0\0\x10", 6) + std::string(300, 'x'));
  }
  CHECK(has_pdf_fonts(folder.path()));  // but they are damaged
  CHECK(contains(pdf(), "/Helvetica-Bold"));
}

TEST_CASE("plot: a PDF embeds its fonts, and its text can be read") {
  if (!has_pdf_fonts() || std::system("command -v pdffonts pdftotext > /dev/null") != 0) {
    MESSAGE("skipped: fonts-liberation or poppler-utils is not installed");
    return;
  }
  const TempFolder folder;
  const auto read = [&](const std::string& label) {
    write_quickly(
        folder / "plot.pdf",
        figure_pdf(figure_of({{.label = label, .points = {{1.0, 0.1}}}, {.label = "b", .points = {{2.0, 0.3}}}})));
    const std::string in = "cd '" + folder.path().string() + "' && ";
    REQUIRE(std::system((in + "(pdffonts plot.pdf > fonts; pdftotext plot.pdf) 2> said && "
                              "awk 'NR > 2 && ($(NF - 4) != \"yes\" || $(NF - 3) != \"yes\")' fonts > whole")
                            .c_str()) == 0);
    const std::string fonts = read_text(folder / "fonts");
    CHECK(contains(fonts, "LiberationSans"));
    CHECK(read_text(folder / "whole").empty());  // no font that is not embedded as a subset
    CHECK_FALSE(contains(fonts, "Helvetica"));
    return read_text(folder / "plot.txt");
  };
  CHECK(contains(read("Λ ≈ −1 → 2"), "Λ ≈ −1 → 2"));
  CHECK(contains(read("−1 ± é"), "–1 ± é"));
  CHECK(read_text(folder / "said").empty());  // without unusual characters no reader finds fault with it
}

TEST_CASE("plot: the data hold every point that is drawn, and labels as CSV quotes them") {
  const Figure figure = figure_of({{.label = "a, \"b\"", .points = {{1.0, 0.1, 0.05, 0.15}, {2.0, 0.2}}},
                                   {.label = "c", .points = {{0.5, 0.25, {}, {}, "p", Spot{1.5, 3.0}}}}});
  CHECK(figure_csv(figure) ==
        "series,x,y,low,high,from_x,from_y,label,point\n"
        "0,1,0.1,0.05,0.15,,,\"a, \"\"b\"\"\",\n"
        "0,2,0.2,,,,,\"a, \"\"b\"\"\",\n"
        "1,0.5,0.25,,,1.5,3,\"c\",\"p\"\n");
}

TEST_CASE("heat map: cells hold their text, the deviation is in the data, and what has no value has no colour") {
  HeatMap map{.row_label = "a", .column_label = "x", .value_label = "loss", .rows = {"2", "4"}, .columns = {"8"}};
  map.cells = {{0, 0, 1.5, 0.5, "1.50 ± 0.50", 1.0}, {1, 0, {}, {}, "diverged", 0.0}};
  map.scale = {"9", "5", "1"};
  const Figure figure{"map", "title", "", map};
  const std::string svg = figure_svg(figure, true);
  CHECK(is_balanced(svg));
  CHECK(contains(svg, "1.50 ± 0.50"));
  CHECK(contains(svg, "diverged"));
  CHECK(count(svg, "#167a6e") == 41);  // one cell and the scale
  CHECK(figure_csv(figure) ==
        "column,row,value,deviation,share_of_colour,text,\"x\",\"a\",below\n"
        "0,0,1.5,0.5,1,\"1.50 ± 0.50\",\"8\",\"2\",\n"
        "0,1,,,,\"diverged\",\"8\",\"4\",\n");
  CHECK(figure_pdf(figure).starts_with("%PDF-"));
}

TEST_CASE("plot: gnuplot draws the data by the script") {
  const std::string evil = "it's \"a\" $b `c` @d, {e}_f";
  Plot disk{.x = {.label = "re", .low = -1.0, .high = 1.0},
            .y = {.label = "im", .low = -1.0, .high = 1.0},
            .unit_disk = true};
  disk.series = {{.label = "l", .points = {{0.5, 0.25, {}, {}, "p", Spot{0.4, 0.3}}}, .line = Series::Line::none}};
  HeatMap map{.row_label = evil, .column_label = "x", .value_label = "loss", .rows = {"2", evil}, .columns = {"8"}};
  map.cells = {{0, 0, 1.5, 0.5, "1.50 ± 0.50", 1.0}, {1, 0, {}, {}, "diverged", 0.0}};
  const std::vector<Figure> figures = {
      {"lines", evil, "",
       Plot{
           .x = {.label = evil, .log = true, .ticks = {{2.0, "2"}, {4.0, evil}}},
           .series = {{.label = evil, .points = {{2.0, 1.0, 0.5, 1.5}, {4.0, 2.0}}},
                      {.label = "f", .points = {{2.0, 1.0}, {4.0, 2.0}}, .line = Series::Line::steps, .aside = true}}}},
      {"disk", "disk", "", disk},
      {"map", "map", "", map}};
  for (const Figure& figure : figures) {
    const std::string script = figure_gnuplot(figure);
    CHECK(contains(script, "'" + figure.name + ".csv'"));
    CHECK_FALSE(contains(script, "'it's"));  // gnuplot doubles the quote
  }
  if (std::system("command -v gnuplot > /dev/null") != 0) {
    MESSAGE("skipped: gnuplot is not installed");
    return;
  }
  const TempFolder folder;
  for (const Figure& figure : figures) {
    CAPTURE(figure.name);
    write_quickly(folder / (figure.name + ".csv"), figure_csv(figure));
    write_quickly(folder / (figure.name + ".gnuplot"), figure_gnuplot(figure));
    const std::string command =
        "cd '" + folder.path().string() + "' && gnuplot " + figure.name + ".gnuplot > said 2>&1";
    CHECK(std::system(command.c_str()) == 0);
    CHECK(read_text(folder / "said").empty());
    CHECK(contains(read_text(folder / (figure.name + "-gnuplot.svg")), "</svg>"));
  }
}

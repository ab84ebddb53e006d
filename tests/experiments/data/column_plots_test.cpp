#include "experiments/data/column_plots.h"

#include <doctest/doctest.h>

#include <limits>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::experiments;

namespace {

NumberSummary numbers_of(const std::vector<double>& numbers) { return *column_of_numbers("x", numbers).numbers; }

}  // namespace

TEST_CASE("column plots: dots of Braille from the smallest to the largest number of each place") {
  CHECK(braille_plot(numbers_of({0, 1, 2, 3}), 2, 1) == std::vector<std::string>{"⣠⠞"});
  CHECK(braille_plot(numbers_of({0, 7}), 1, 2) == std::vector<std::string>{"⢸", "⣸"});
  const double gap = std::numeric_limits<double>::quiet_NaN();
  CHECK(braille_plot(numbers_of({0, 0, gap, gap, 3, 3}), 3, 1) == std::vector<std::string>{"⣀⠀⠉"});
  CHECK(braille_plot(numbers_of({5, 5}), 2, 2).size() == 2);  // constant
  const double most = std::numeric_limits<double>::max();
  CHECK(braille_plot(numbers_of({-most, most}), 1, 1) == std::vector<std::string>{"⣸"});
  const double least = std::numeric_limits<double>::denorm_min();  // half of it is 0
  CHECK(braille_plot(numbers_of({0, least}), 1, 1) == std::vector<std::string>{"⠒"});
  // more stretches than places
  std::vector<double> many(600, 0.0);
  many[300] = 1.0;
  CHECK(braille_plot(numbers_of(many), 2, 1) == std::vector<std::string>{"⣀⣇"});
}

TEST_CASE("column plots: an SVG file has a panel for each column, and no control characters") {
  std::vector<ColumnContent> columns{
      column_of_numbers("u\x1B<b>", std::vector<double>{1, 2}), column_of_numbers("y", std::vector<double>{4, 4}),
      column_of_numbers("z", std::vector<double>{0, std::numeric_limits<double>::denorm_min()})};
  columns[0].role = "input";
  const std::string svg = svg_of_columns(columns, "a & b");
  CHECK(svg.starts_with("<svg xmlns="));
  CHECK(svg.find("u\\x1B&lt;b&gt; (input)") != std::string::npos);
  CHECK(svg.find("1 to 2") != std::string::npos);
  CHECK(svg.find("4 to 4") != std::string::npos);
  CHECK(svg.find("a &amp; b") != std::string::npos);
  CHECK(svg.find('\x1B') == std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
}

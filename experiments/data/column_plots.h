// Small plots of columns: with the dots of Braille for a terminal, and as an SVG file.
#pragma once

#include "datasets/own/column_content.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// `rows` lines of `columns` characters, each of 4 x 2 dots: what lies between the smallest and the largest number of
/// each place. Where all numbers are missing there is nothing.
std::vector<std::string> braille_plot(const datasets::NumberSummary& numbers, std::size_t columns, std::size_t rows);

/// An SVG file with a plot for each of the columns, which have numbers, one below the other.
std::string svg_of_columns(std::span<const datasets::ColumnContent> columns, const std::string& title);

}  // namespace bitstate::experiments

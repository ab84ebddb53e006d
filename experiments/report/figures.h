// The figures of a report.
#pragma once

#include "experiments/plots/plot.h"
#include "experiments/report/report.h"

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// "state:* 4 granularity=channel" is "state:* # granularity=channel" with 4 bits. Of several rules all that give bits
/// must give the same; rules with `none` may stand between them. Nothing, if there is no such number.
struct BitRules {
  std::string family;
  double bits = 0.0;
};
std::optional<BitRules> bits_of_rules(std::string_view rules);

/// What all rows show: the metric against bits, size and the multiplier width of A, heat maps and training curves.
std::vector<Figure> report_figures(const Report& report);

/// Training curves: of each row the mean over its runs, and each run that is not at its end.
std::vector<Figure> curve_figures(const Report& report);

/// What one run of a row says of its sites (saturation, range), of the eigenvalues of A before and after rounding, and
/// of up to 20 classes: the first of the row's runs that has the files.
std::vector<Figure> row_figures(const Report& report, const ReportRow& row);

/// `text` in at most 48 characters of [a-z0-9.-].
std::string file_slug(std::string_view text);

/// A row has one style in all figures: its place in the report.
std::size_t style_number(const Report& report, const ReportRow& row);

/// Writes NAME.svg, .pdf, .csv and .gnuplot of every figure of the report and of its rows into `folder`, and removes
/// the figures of an earlier report that are not among them.
void write_plots(const Report& report, const std::filesystem::path& folder);

}  // namespace bitstate::experiments

// What the runs of a folder say together: one row per configuration, statistics over its seeds.
#pragma once

#include "experiments/report/run_record.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// Mean and sample standard deviation (n - 1) of n values; the deviation is absent for n < 2, the mean for n = 0.
struct Statistic {
  std::size_t n = 0;
  std::optional<double> mean;
  std::optional<double> deviation;
};

Statistic statistic(const std::vector<double>& values);

/// Curves by their name: (epoch, value).
using Curves = std::map<std::string, std::vector<std::pair<double, double>>>;

/// The runs that differ in nothing but the seed: n are done, the others diverged, run or are missing.
struct ReportRow {
  std::vector<std::string> values;  ///< of Report::columns
  std::string metric;               ///< "accuracy", "mse", "smape", or "" while no run is done
  Statistic test;                   ///< of the runs that are done
  Statistic validation;
  Statistic seconds;
  // of PoleCost and of the size, absent in results of older versions
  std::optional<double> size_kib;         ///< of the stored weights and biases
  std::optional<double> a_stored_bits;    ///< per eigenvalue
  std::optional<double> a_products;       ///< multiplications of the recurrence per state and step
  std::optional<double> multiplier_bits;  ///< bits of the numbers that the state is multiplied by there
  std::size_t diverged = 0;
  std::size_t running = 0;
  std::size_t missing = 0;
  bool is_float = false;             ///< nothing is quantized
  bool best = false;                 ///< best mean among the rows of its data and metric
  std::optional<double> difference;  ///< mean minus the mean of the float row with else equal settings, or else of the
                                     ///< float row of the run that it started from
  std::vector<std::filesystem::path> folders;                 ///< of its runs
  std::filesystem::path from;                                 ///< the folder that they started from, or empty
  std::string source;                                         ///< digest of its weights, or empty
  std::vector<std::string> weights;                           ///< digests of those of a float row's own runs
  Curves curves;                                              ///< mean over the runs that are done
  std::vector<std::pair<std::string, Curves>> curves_so_far;  ///< of each run that runs, by its seed
};

struct Report {
  std::string title;                 ///< the data sets
  std::vector<std::string> columns;  ///< settings that vary, without the seed
  std::vector<ReportRow> rows;
  Settings common;  ///< settings that all runs share
  std::vector<RunRecord> diverged;
  std::vector<RunRecord> running;
  std::vector<RunRecord> missing;
  std::vector<RunRecord> repeated;  ///< of the same settings and seed as another run, which counts; in no row

  /// The four lists with their titles.
  [[nodiscard]] std::vector<std::pair<std::string_view, const std::vector<RunRecord>*>> uncounted() const;

  /// Whether two rows were tested on the same data by the same metric.
  [[nodiscard]] bool comparable(const ReportRow& a, const ReportRow& b) const;

  /// Whether rows that have this figure differ in it.
  [[nodiscard]] bool differ(std::optional<double> ReportRow::*figure) const;

  /// With exactly two columns a matrix can be drawn: the distinct values of column 0 or 1, in order.
  [[nodiscard]] bool has_matrix() const { return columns.size() == 2; }
  [[nodiscard]] std::vector<std::string> axis(std::size_t column) const;
  /// The row at a place of the matrix, or null.
  [[nodiscard]] const ReportRow* at(std::string_view row_value, std::string_view column_value) const;
};

/// Groups the runs. Those that diverged, run or are missing enter no statistic, a repeated one nothing at all.
Report make_report(const std::vector<RunRecord>& runs);

/// Whether larger is better.
bool larger_is_better(std::string_view metric);

/// A value of a metric as people read it: accuracy in per cent, others with four digits. `with_sign` for differences.
std::string metric_text(std::string_view metric, double value, bool with_sign = false);

/// "97.61 ± 0.12", "97.61" for one run, "–" for none.
std::string statistic_text(std::string_view metric, const Statistic& statistic);

/// "seed 3, a_bits 2": what tells a run from the others.
std::string run_label(const Report& report, const RunRecord& run);

/// A setting as a table shows it: "none" of a quantization option is "float".
std::string value_text(std::string_view column, std::string_view value);

/// The table as rows of cells, the header first. The best row's metric cell ends with `best_mark`.
std::vector<std::vector<std::string>> table_cells(const Report& report, std::string_view best_mark);

/// The three forms of the report. Markdown holds the matrix and the lists of diverged and missing runs too, CSV has
/// unrounded numbers, the terminal's text is aligned.
std::string report_markdown(const Report& report);
std::string report_csv(const Report& report);
std::string report_terminal(const Report& report);

/// A page that needs nothing else: tables, matrix as a heat map, curves as SVG.
std::string report_html(const Report& report);

/// Text with &, <, >, " and ' replaced by entities.
std::string html_escaped(std::string_view text);

/// What is marked in the table: "the best", and of what where not all rows are comparable.
std::string best_text(const Report& report);

/// Reads the runs in `dirs` and below, writes table.md, table.csv and index.html into `out` and returns the report.
Report write_report(const std::vector<std::filesystem::path>& dirs, const std::filesystem::path& out);

}  // namespace bitstate::experiments

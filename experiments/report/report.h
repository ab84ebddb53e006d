// The forms of a report: tables, a page and plots of the runs in a folder.
#pragma once

#include "experiments/results/comparison.h"
#include "experiments/results/rows.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// The table as rows of cells, the header first. The best row's metric cell ends with `best_mark`.
std::vector<std::vector<std::string>> table_cells(const Report& report, std::string_view best_mark);

/// The forms of the report. Markdown holds the tables of pivot.h and the lists of diverged and missing runs too, CSV
/// has numbers of twelve digits. The terminal's text is aligned; with a `width` it leaves out last columns of the
/// table, and tables by two keys, that are wider than that, and says so.
std::string report_markdown(const Report& report);
std::string report_csv(const Report& report);
std::string report_terminal(const Report& report, std::size_t width = 0);

/// One line per run: what tells it from the others, its figures with all digits, and its folder as seen from the
/// report's. Runs that are repeated come last.
std::string runs_csv(const Report& report);

/// A tabular of booktabs: the columns that a paper prints.
std::string report_tex(const Report& report);

/// A tabular for each table of pivot.h; empty without one.
std::string pivot_tex(const Report& report);

/// A page that needs nothing else: the tables, the plots, the settings. Its links are relative to the report's folder.
std::string report_html(const Report& report);

/// That the PDF files of plots embed no font, since there is none; empty where they do.
std::string_view font_note();

/// What the table shows, in sentences: its statistics, what is marked and what the intervals do not hold.
std::vector<std::string> table_notes(const Report& report);

/// The table of a comparison as rows of cells, the header first.
std::vector<std::vector<std::string>> comparison_cells(const Comparison& comparison);

/// What the table shows, in sentences.
std::vector<std::string> comparison_notes(const Comparison& comparison);

/// A tabular of the report's comparison.
std::string comparison_tex(const Report& report);

/// One line per row that both have, with twelve digits.
std::string comparison_csv(const Comparison& comparison);

/// Reads the runs in `dirs` and below for a report that is written to `out`. `pivot` takes the place of Report::pivot
/// unless it is empty; keys of plans are dropped that make no table, as where the command line sets what a key names.
Report read_report(const std::vector<std::filesystem::path>& dirs, const std::filesystem::path& out,
                   const PivotKeys& pivot = {});

/// read_report(); compares the sweeps where there are two, writes table.md, table.csv, runs.csv,
/// table.tex, pivot.tex, index.html and plots/ into `out` and returns the report. Throws UsageError as pivot_tables()
/// does, before anything is written.
Report write_report(const std::vector<std::filesystem::path>& dirs, const std::filesystem::path& out,
                    const PivotKeys& pivot = {});

}  // namespace bitstate::experiments

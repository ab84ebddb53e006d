// Tables of numbers as text: one row per line, cells separated by commas, semicolons or tabs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::datasets {

/// The columns of a file that were asked for.
struct Csv {
  std::vector<std::string> names;      ///< one per column: of the line of names, else its number in the file
  std::vector<std::size_t> positions;  ///< where in the file each of them stands
  std::vector<std::string> header;     ///< the names of all columns of the file; empty: it has no line of names
  std::vector<double> values;          ///< [rows, columns], row-major, finite
  std::size_t rows = 0;                ///< at least 1
};

/// Reads the `columns` of a file, each by its name or its number from 0 on; without any, all that it has.
///
/// Lines, separators and quotes are those of CsvRows (csv_text.h). The first row is one of names if a cell begins with
/// no digit, sign or point and is no NaN or infinity, or if its numbers are quoted and those of the second row are not;
/// no cell may be a bare number then. A first row of whole numbers that may be names is refused: one that counts 0, 1,
/// 2, ..., or of different numbers above rows of fractions, or behind an empty cell.
/// All rows have as many cells as the first. Cells of columns that were asked for hold finite decimal numbers, 1, -0.5
/// or +1e-3, with blanks and quotes around them at most; those of other columns are not looked at. In all of a file the
/// decimal sign is a point, or a comma; where all commas could also be those of thousands, as in 1,234, it is refused.
/// The table ends before the rows in which all of its cells are empty; these may only come last. Blank lines are
/// skipped, but in a file of one column, where they are such rows.
///
/// Whether a file was cut inside of its last number cannot be seen; any other cut is an error, or a row less.
/// Throws UsageError for a column that is not there, Error naming file, line, column and the text found.
Csv read_csv(const std::filesystem::path& file, const std::vector<std::string>& columns,
             std::size_t max_bytes = std::size_t{1} << 30);

}  // namespace bitstate::datasets

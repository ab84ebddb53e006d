// Tables of numbers as text: one row per line, cells separated by commas, semicolons, tabs or blanks.
#pragma once

#include "datasets/formats/table_settings.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace bitstate::datasets {

class Labels;

/// The columns of a file that were asked for.
struct Csv {
  std::vector<std::string> names;      ///< one per column: of the line of names, else its number in the file
  std::vector<std::size_t> positions;  ///< where in the file each of them stands
  std::vector<std::string> header;     ///< the names of all columns of the file; empty: it has no line of names
  std::vector<double> values;          ///< [rows, columns], row-major, finite, or NaN with missing=keep
  std::size_t rows = 0;                ///< at least 1
  std::vector<std::size_t> starts;     ///< rows, but the first, that do not follow the row before in time
  std::vector<std::string> notes;      ///< "decimal comma", ...: what a plain table has not, and what was done to it
};

/// Reads the `columns` of a file, each by its name or its number from 0 on; without any, all that it has. The last
/// `classes` of them are never interpolated.
///
/// Encodings and compression are those of read_text (text_file.h), lines, separators, comments and quotes those of
/// CsvRows (csv_text.h), names those of names_in and names_above (csv_names.h), decimal signs and signs between
/// thousands those of DecimalSigns (csv_numbers.h). A first row of whole numbers that may be names is refused: one that
/// counts 0, 1, 2, ..., or of different numbers above rows of fractions, or behind an empty cell. A row behind the
/// names in which nothing is a number is one of units. All rows have as many cells as the first. Cells of columns that
/// were asked for hold finite decimal numbers, 1, -0.5 or +1e-3, with blanks and quotes around them at most; those of
/// other columns are not looked at. What becomes of cells that are missing (is_missing) is for the settings to say;
/// where values are held or interpolated, the rows at the ends that have no value to do it with are left out. Rows that
/// are dropped part the table in two sequences. The table ends before the rows in which all of its cells are empty;
/// these may only come last. Blank lines are skipped, but in a file of one column, where they are such rows.
///
/// With `labels` the last of the columns that were asked for has labels (label_in() of datasets/labels.h), of which its
/// values are the places in `labels`.
///
/// Whether a file was cut inside of its last number cannot be seen; any other cut is an error, or a row less.
/// Throws UsageError for a column that is not there, Error naming file, line, column and the text found.
Csv read_csv(const std::filesystem::path& file, const std::vector<std::string>& columns,
             const TableSettings& settings = {}, std::size_t classes = 0, std::size_t max_bytes = std::size_t{1} << 30,
             Labels* labels = nullptr);

/// The columns to read of a table with this header, which may be empty, and so many columns.
using ChooseColumns =
    std::function<std::vector<std::string>(const std::vector<std::string>& header, std::size_t count)>;

/// Likewise, of which `choose` says the columns.
Csv read_csv_of(const std::filesystem::path& file, const ChooseColumns& choose, const TableSettings& settings = {},
                std::size_t classes = 0, std::size_t max_bytes = std::size_t{1} << 30, Labels* labels = nullptr);

}  // namespace bitstate::datasets

// Tables of numbers as text: a row a line, cells separated by commas, semicolons or tabs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::datasets {

/// The columns of a file that were asked for.
struct Csv {
  std::vector<std::string> names;  ///< one a column: of the line of names, else its number in the file
  std::vector<float> values;       ///< [rows, columns], row-major
  std::size_t rows = 0;            ///< at least 1
};

/// Reads the `columns` of a file, each by its name or its number from 0 on; without any, all that it has.
///
/// The separator is whichever of , ; and tab is most frequent in the first row. That row is one of names if a cell is
/// quoted or begins with no digit, sign or point, and is no NaN or infinity; none of its cells may be a number then
/// (names that are numbers need quotes). All rows have as many cells as the first. Cells of columns that were asked for
/// hold decimal numbers, 1, -0.5 or +1e-3, with blanks around them at most, rounded to float by way of double; those of
/// other columns are not looked at. The table ends before the rows in which all of its cells are empty; these may only
/// come last. Lines may end with CR LF, the file may begin with the mark of UTF-8, blank lines are skipped.
///
/// Whether a file was cut inside of its last number cannot be seen; any other cut is an error, or a row less.
/// Throws UsageError for a column that is not there, Error naming file, line, column and the text found.
Csv read_csv(const std::filesystem::path& file, const std::vector<std::string>& columns,
             std::size_t max_bytes = std::size_t{1} << 30);

}  // namespace bitstate::datasets

// The names of the columns of a table.
#pragma once

#include "datasets/formats/csv_text.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The names in the first row, at which `rows` is; empty where it is one of numbers. `header` is yes, no, or auto: it
/// is one of names if a cell begins with no digit, sign or point and is no NaN or infinity, or if its numbers are
/// quoted and those of the second row are not; no cell may be a bare number then.
std::vector<std::string> names_in(const CsvRows& rows, std::string_view header);

/// The names in the last comment above the first row, at which `rows` is: as many as cells, of which each could be a
/// name; empty if there are none.
std::vector<std::string> names_above(const CsvRows& rows);

/// Throws Error for a first row of whole numbers that may be names, as pandas writes those of a frame without names.
void refuse_numbers_as_names(const CsvRows& rows);

/// Where a column stands: by its name, else by its number below `count`. Throws UsageError for one that is not there.
std::size_t position_of(const std::string& column, const std::vector<std::string>& names, std::size_t count,
                        const std::string& file);

}  // namespace bitstate::datasets

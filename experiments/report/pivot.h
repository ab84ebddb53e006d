// Tables as papers have them: one key of the rows downwards, another one across, and a result in each cell.
#pragma once

#include "experiments/host/text_table.h"
#include "experiments/results/rows.h"

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

struct PivotTable {
  std::string title;                ///< what its rows share and those of other tables do not; empty if it is alone
  Cells cells;                      ///< the header first: the values of the key across
  std::vector<std::string> beside;  ///< "Float: 5.82 ± 1.11": rows of which a key says nothing
};

/// The rows laid out by Report::pivot, in a table for each data set and each value of what else tells rows apart; none
/// without keys. Keys are the titles of the table, settings that vary, and of the rules in `bits`: `width`, the number
/// of bits, and `part`, the rest of the rules or of the label ("A, shear" of "A, shear, 4 bits"). Throws UsageError
/// for a key that there is not, and for two rows that fall into one cell.
std::vector<PivotTable> pivot_tables(const Report& report, std::string_view best_mark);

}  // namespace bitstate::experiments

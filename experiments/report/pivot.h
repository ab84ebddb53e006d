// Tables as papers have them: one key of the rows downwards, another one across, and a result in each cell.
#pragma once

#include "experiments/host/text_table.h"
#include "experiments/results/rows.h"

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// The rows of one table by the values of two keys.
struct PivotGrid {
  std::string title;  ///< what its rows share and those of other tables do not; empty if it is alone
  std::vector<std::string> down;
  std::vector<std::string> across;
  std::vector<std::vector<const ReportRow*>> cells;  ///< a line for each value down; null where there is no row
  std::vector<const ReportRow*> beside;              ///< rows of which a key says nothing
};

/// The rows laid out by Report::pivot, in a grid for each data set and each value of what else tells rows apart; none
/// without keys. Rows beside a grid without cells stand beside the last one that has some. Keys are the titles of the
/// table, `label` (a row's label without settings that vary), settings that vary, and of the rules in `bits`: `width`,
/// the number of bits, and `part`, the rest of the rules or of the label ("A, shear" of "A, shear, 4 bits"). Throws
/// UsageError for a key that there is not, for the same key twice, and where no row has both keys.
std::vector<PivotGrid> pivot_grids(const Report& report);

/// A grid as people read it.
struct PivotTable {
  std::string title;                ///< of the grid
  Cells cells;                      ///< the header first: the values of the key across
  std::vector<std::string> beside;  ///< "Float: 5.82 ± 1.11": rows of which a key says nothing
};

/// pivot_grids() as tables.
std::vector<PivotTable> pivot_tables(const Report& report, std::string_view best_mark);

}  // namespace bitstate::experiments

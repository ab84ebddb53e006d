// The text of a sweep as axes, constraints and stages; which runs they ask for is in sweep_plan.cpp.
#pragma once

#include "experiments/results/plan_file.h"
#include "experiments/settings/ini.h"

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Settings under a name of the user: the entry row.NAME, skip.NAME or stage.NAME.
struct NamedSettings {
  std::string name;
  Settings options;
};

/// One dimension of the product.
struct SweepAxis {
  std::string key;                    ///< in the file: "seeds", "quant", "axis.OPTION", "zip" or "row"
  std::vector<std::string> names;     ///< of the options that it sets
  std::vector<NamedSettings> points;  ///< only points of rows have names
};

struct SweepFile {
  std::string recipe;
  Settings fixed;               ///< set.OPTION, then the overrides
  std::vector<SweepAxis> axes;  ///< in the order in which they nest: the rows outermost, quant and the seeds innermost
  std::vector<NamedSettings> skips;
  std::vector<NamedSettings> stages;  ///< the first is the float run
  PivotKeys table;                    ///< table.rows and table.columns
};

/// `overrides` take the place of what rows and axes say of the same options. Throws UsageError naming `where`.
SweepFile read_sweep_file(const Settings& file, std::string_view where, const Settings& overrides);

}  // namespace bitstate::experiments

#include "datasets/formats/table_settings.h"

#include "core/error.h"

#include <limits>
#include <string_view>

namespace bitstate::datasets {

namespace {

/// Throws UsageError for what is no step.
void read_step(std::string_view value) {
  try {
    options::read_real("resample", value, {0.0, std::numeric_limits<double>::infinity(), true, true});
  } catch (const UsageError&) {
    options::refuse("resample", value, "none, auto or a step above 0");
  }
}

}  // namespace

OptionTable<TableSettings> table_options() {
  using S = TableSettings;
  constexpr std::size_t many_lines = 1'000'000;
  OptionTable<S> table("data");
  table.word("separator", &S::separator, {"auto", "comma", "semicolon", "tab", "blank"}, "of the cells of a table");
  table.word("decimal", &S::decimal, {"auto", "point", "comma"}, "sign of the numbers of a table");
  table.word("header", &S::header, {"auto", "yes", "no"}, "whether the first row of a table is one of names");
  table.whole("skip", "LINES", &S::skip, 0, many_lines, "lines that stand before a table");
  table.word("missing", &S::missing, {"error", "drop", "hold", "linear"},
             "cells without a number: refuse them, drop their rows, hold the value before, or interpolate");
  table.text("time", "COLUMN", &S::time, "of a table, with numbers or ISO 8601 dates: gaps and restarts part a series");
  table.add(
      "resample", "STEP", "interpolate a table at equal steps of so many seconds, or units of the time; auto, none",
      [](S& s, std::string_view value) {
        if (value != "none" && value != "auto") read_step(value);
        s.resample = value;
      },
      [](const S& s) { return s.resample; });
  table.real("gap", "STEPS", &S::gap, {1.0, 1e9}, "with resample: rows further apart in time part a series");
  for (auto& option : table.rows()) option.decides_test = option.of_evaluation = true;
  return table;
}

}  // namespace bitstate::datasets

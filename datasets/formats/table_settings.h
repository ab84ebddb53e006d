// How a table of numbers is read: what its text does not tell, and what is done where it has no numbers or no equal
// steps.
#pragma once

#include "core/options.h"

#include <cstddef>
#include <string>

namespace bitstate::datasets {

struct TableSettings {
  std::string separator = "auto";  ///< of cells: comma, semicolon, tab or blank (any number of them)
  std::string decimal = "auto";    ///< sign of numbers: point or comma
  std::string header = "auto";     ///< whether the first row is one of names: yes or no
  std::size_t skip = 0;            ///< lines before the table
  /// Cells without a number: error, drop (their rows are left out), hold (the value before), linear (between the
  /// values before and behind), or, for who counts them, keep (they are NaN).
  std::string missing = "error";
  std::string time{};  ///< column of times, by name or number; empty: rows follow each other at equal distances
  std::string resample = "none";  ///< to steps of so many seconds, or units of the time; auto: of the median step
  double gap = 10.0;              ///< resampled: rows further apart than so many median steps are not neighbours

  [[nodiscard]] bool is_resampled() const { return resample != "none"; }
  bool operator==(const TableSettings&) const = default;
};

/// The table of TableSettings.
OptionTable<TableSettings> table_options();

}  // namespace bitstate::datasets

// The times of a table's rows: dates, steps, gaps, and rows at other times.
#pragma once

#include "datasets/formats/csv.h"
#include "datasets/formats/csv_text.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// A date with a time of day.
struct Moment {
  std::int64_t seconds = 0;  ///< since 1970 began in its zone, in UTC if it says one
  double fraction = 0.0;     ///< of a second
  bool zone = false;         ///< it says its zone
};

/// The date that a cell is, in the extended format of ISO 8601: 2026-01-31, 2026-01-31T12:00, 2026-01-31
/// 12:00:00.5+01:00, with Z for UTC. Without a time of day it begins.
std::optional<Moment> date_in(std::string_view cell);

/// What is known of the last column of a table, its time.
struct TimeColumn {
  bool dates = false;                ///< in seconds since the first of them; else numbers
  std::size_t restarts = 0;          ///< sequences but the first that begin because the time begins again
  std::size_t untimed = 0;           ///< rows that were dropped because their time is missing
  std::vector<std::size_t> lines{};  ///< of the rows, in the file
};

/// Begins a sequence where a row is later than the row before by more than 1.5 steps, or settings.gap of them if the
/// table is resampled; a step is the median distance. Where it is not resampled, throws Error for steps that differ
/// from the median by more than 0.1 of it. Notes what it found.
void split_at_gaps(Csv& table, const TimeColumn& time, const TableSettings& settings, const CsvRows& rows);

/// Replaces the rows of each sequence by rows at equal distances, the first of which is its first row, on the lines
/// between its rows; the `classes` columns before the time are held. settings.resample says the distance. Throws Error
/// where this would be more than a hundred million numbers.
void resample(Csv& table, const TimeColumn& time, const TableSettings& settings, std::size_t classes);

/// Throws UsageError for settings of time that do not fit each other.
void check_time_settings(const TableSettings& settings);

}  // namespace bitstate::datasets

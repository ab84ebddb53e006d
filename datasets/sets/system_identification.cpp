#include "datasets/sets/system_identification.h"

#include "core/error.h"
#include "datasets/catalog.h"
#include "datasets/formats/csv.h"
#include "datasets/sequences.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

/// One-step prediction reads u and y, simulation u; both tell y.
std::vector<std::string> columns_of(const std::string& u, const std::string& y, bool one_step) {
  return one_step ? std::vector{u, y, y} : std::vector{u, y};
}

fs::path find_file(const fs::path& folder, std::string_view subfolder, std::string_view name) {
  std::error_code ignored;
  for (const fs::path& candidate : {folder / name, folder / subfolder / name}) {
    if (fs::is_regular_file(candidate, ignored)) return candidate;
  }
  fail(subfolder, "{} is neither in {} nor in its subfolder {}; {}", name, folder.string(), subfolder,
       advice(subfolder));
}

Cutting cutting_of(const SeriesSettings& series, std::size_t default_window, const std::optional<Reading>& reading) {
  Cutting cutting;
  cutting.window = series.window > 0 ? series.window : default_window;
  cutting.stride = series.stride > 0 ? series.stride : std::max<std::size_t>(cutting.window / 2, 1);
  cutting.horizon = series.horizon;
  cutting.reading = reading;
  return cutting;
}

/// Rows of a table as the only series of a part.
struct Range {
  std::size_t first, last;
};

std::vector<Series> part(const Csv& table, const Range& range, const fs::path& file) {
  require(table.rows >= range.last, "system identification", "{} has {} rows, but the benchmark has at least {}",
          file.string(), table.rows, range.last);
  return {series_of(table, table.names.size() - 1, range.first, range.last, file.string())};
}

}  // namespace

void check_horizon(const SeriesSettings& series) {
  require<UsageError>(series.horizon <= 1, "horizon", "expected 0 (simulation) or 1 (one step ahead), got \"{}\"",
                      series.horizon);
}

Splits silverbox(const fs::path& folder, const SeriesSettings& series, SilverboxTest test,
                 const std::optional<Reading>& reading) {
  check_horizon(series);
  constexpr Range all_train{40650, 105712};
  constexpr std::size_t validation = all_train.last - (all_train.last - all_train.first) / 10;
  constexpr Range multisine{105712, 127400};
  constexpr Range arrow{100, 40575};
  const bool is_arrow = test == SilverboxTest::arrow;
  const fs::path file = find_file(folder, "silverbox", "SNLS80mV.csv");
  const Csv table = read_csv(file, columns_of("V1", "V2", series.horizon == 1));
  return cut_series(is_arrow ? "silverbox-arrow" : "silverbox",
                    {part(table, {all_train.first, validation}, file), part(table, {validation, all_train.last}, file),
                     part(table, is_arrow ? arrow : multisine, file)},
                    table.names.size() - 1, 1, cutting_of(series, 1024, reading));
}

Splits cascaded_tanks(const fs::path& folder, const SeriesSettings& series, const std::optional<Reading>& reading) {
  check_horizon(series);
  constexpr std::size_t rows = 1024;
  constexpr std::size_t validation = rows * 3 / 4;
  const fs::path file = find_file(folder, "cascaded_tanks", "dataBenchmark.csv");
  const Csv estimation = read_csv(file, columns_of("uEst", "yEst", series.horizon == 1));
  const Csv tested = read_csv(file, columns_of("uVal", "yVal", series.horizon == 1));
  return cut_series("cascaded-tanks",
                    {part(estimation, {0, validation}, file), part(estimation, {validation, rows}, file),
                     part(tested, {0, rows}, file)},
                    estimation.names.size() - 1, 1, cutting_of(series, 256, reading));
}

}  // namespace bitstate::datasets

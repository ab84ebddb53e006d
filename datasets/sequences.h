// Sequences that are in memory, their units, and series of measurements that are cut into sequences.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"
#include "datasets/formats/csv.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// Steps, one after the other, and what is to be learned of them.
struct Steps {
  Task task = Task::regression;
  std::size_t d_input = 0;            ///< columns of x; not used by tokens
  std::size_t d_output = 0;           ///< columns of target
  std::vector<float> x;               ///< [steps, d_input], or empty
  std::vector<std::int32_t> tokens;   ///< [steps], or empty
  std::vector<float> target;          ///< regression: [steps, d_output]; value: [answers, d_output]
  std::vector<std::int32_t> classes;  ///< classification: [answers]
};

/// A sequence of steps. Several may overlap.
struct Cut {
  std::size_t first = 0;
  std::size_t length = 0;
  std::size_t answer = 0;  ///< its class or its row of targets, where there is one per sequence
};

/// The data set of these sequences. Everything must lie within the steps.
std::shared_ptr<const Dataset> in_memory(std::shared_ptr<const Steps> steps, std::vector<Cut> cuts);

std::size_t longest(const std::vector<Cut>& cuts);

/// Appends the windows of a series, whose steps begin at `first`: one every `stride` steps, and, if `rest`, what is
/// left at the end; the whole for `window` 0 and where it is no longer. The answer of each is that of its last step.
void append_cuts(std::size_t first, std::size_t steps, std::size_t window, std::size_t stride, bool rest,
                 std::vector<Cut>& cuts);

/// Mean and standard deviation of each column over all blocks of rows [n, columns]; of a constant column the deviation
/// is 1. There must be a row.
Units units_of(const std::vector<std::span<const double>>& blocks, std::size_t columns);

/// standardise(); an Error that begins with `where` if a result does not fit a float.
void standardise_into(const Units& units, std::span<const double> values, std::span<float> to, std::string_view where);

/// Measurements at equal distances in time.
struct Series {
  std::string origin;          ///< for errors
  std::size_t rows = 0;        ///< at least 1
  std::vector<double> x;       ///< [rows, d_input]
  std::vector<double> target;  ///< [rows, d_output], finite
};

/// Rows first to last - 1 of a table, whose first d_input columns are the inputs, the others the targets.
Series series_of(const Csv& table, std::size_t d_input, std::size_t first, std::size_t last, std::string origin);

/// Likewise the series into which table.starts parts these rows. Of several, those of at most `horizon` rows are left
/// out.
std::vector<Series> all_series_of(const Csv& table, std::size_t d_input, std::size_t first, std::size_t last,
                                  std::size_t horizon, const std::string& origin);

/// How a series is cut into sequences, as the data sets that are series understand it.
struct SeriesSettings {
  std::size_t window = 0;   ///< steps of a training sequence; 0: all of the series, or the data set's own
  std::size_t stride = 0;   ///< steps between the starts of windows; 0: as the data set likes
  std::size_t horizon = 0;  ///< the target is that of so many steps later
};

/// The options of a data set that is a series.
OptionTable<SeriesSettings> series_options();

struct SeriesParts {
  std::vector<Series> train, validation, test;  ///< validation may be empty; with Cutting::reading train, too
};

struct Cutting {
  Task task = Task::regression;  ///< value and classification take the target of a sequence's last step
  std::size_t window = 0;        ///< steps of a training sequence; 0: whole series
  std::size_t stride = 0;        ///< distance of their starts; 0: window
  std::size_t test_window = 0;   ///< steps of a sequence for validation and test, which do not overlap; 0: whole series
  std::size_t horizon = 0;       ///< the target of step t is that of row t + horizon
  std::optional<Reading> reading{};  ///< units to take instead of those of the training part
};

/// A series of n rows has n - horizon steps. For training it is cut into full windows (one of less than a window is one
/// sequence), for validation and test into windows of which the last may be shorter. Inputs and, but for classes,
/// targets are standardised by the rows of the training part. Throws Error for a series of at most `horizon` rows, and
/// for classes that are no whole numbers from 0 to max_id.
Splits cut_series(std::string name, const SeriesParts& parts, std::size_t d_input, std::size_t d_output,
                  const Cutting& cutting);

/// Classes and tokens end here: what a model allocates is proportional to them.
inline constexpr std::int32_t max_id = 65535;

/// Which classes or which tokens there are in some data.
class Ids {
 public:
  /// Each from 0 to max_id.
  void add(std::span<const std::int32_t> ids);
  [[nodiscard]] std::int32_t largest() const;
  /// Throws Error, calling them `what`, when there are others than those below `known`, which a model was trained with.
  void check_known(std::size_t known, std::string_view what) const;

 private:
  std::vector<bool> there_ = std::vector<bool>(std::size_t{max_id} + 1);
};

}  // namespace bitstate::datasets

// The units of real-valued data: what is trained is (value - mean) / deviation.
#pragma once

#include <span>
#include <vector>

namespace bitstate {

/// One mean and one deviation (above 0) a column; empty: values are trained as they are.
struct Units {
  std::vector<double> mean, deviation;
  /// Runs and programs of before the units were double: mean and deviation are floats, and values were rounded to float
  /// before they were standardised in single precision. What such a model computes does not change.
  bool single = false;
  bool operator==(const Units&) const = default;
};

/// to[i] = (values[i] - mean_c) / deviation_c, c = i mod columns, in double, then rounded to float: data sets,
/// `bitstate run` and devices get the same bits. A value too large for a float becomes an infinity. Rows [n, columns],
/// as many in `to`; throws Error for values that do not make whole rows.
void standardise(const Units& units, std::span<const double> values, std::span<float> to);

/// The way back: values[i] deviation_c + mean_c, in double.
[[nodiscard]] std::vector<double> restored(const Units& units, std::span<const float> values);

}  // namespace bitstate

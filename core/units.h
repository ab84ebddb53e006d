// The units of real-valued data: what is trained is (value - mean) / deviation.
#pragma once

#include <span>
#include <vector>

namespace bitstate {

/// One mean and one deviation (above 0) a column; empty: values are trained as they are.
struct Units {
  std::vector<float> mean, deviation;
  bool operator==(const Units&) const = default;
};

/// values[i] = (values[i] - mean_c) / deviation_c, c = i mod columns, in single precision: data sets, `bitstate run`
/// and devices get the same bits. Rows [n, columns]; throws Error for values that do not make whole rows.
void standardise(const Units& units, std::span<float> values);

/// The way back: values[i] = values[i] deviation_c + mean_c.
void restore(const Units& units, std::span<float> values);

}  // namespace bitstate

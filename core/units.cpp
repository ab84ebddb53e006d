#include "core/units.h"

#include "core/error.h"

#include <cstddef>

namespace bitstate {
namespace {

/// f(value, mean, deviation) for each value.
template <class F>
void for_each(const Units& units, std::span<float> values, F f) {
  const std::size_t columns = units.mean.size();
  if (columns == 0) return;
  require(units.deviation.size() == columns, "units", "there are {} means and {} deviations", columns,
          units.deviation.size());
  require(values.size() % columns == 0, "units", "{} values are not a whole number of rows of {} columns",
          values.size(), columns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = f(values[i], units.mean[i % columns], units.deviation[i % columns]);
  }
}

}  // namespace

void standardise(const Units& units, std::span<float> values) {
  for_each(units, values, [](float x, float mean, float deviation) { return (x - mean) / deviation; });
}

void restore(const Units& units, std::span<float> values) {
  for_each(units, values, [](float x, float mean, float deviation) { return x * deviation + mean; });
}

}  // namespace bitstate

#include "core/units.h"

#include "core/error.h"

#include <cstddef>

namespace bitstate {
namespace {

/// to[i] = f(values[i], mean, deviation) in the precision of the units; to[i] = values[i] without any.
template <class From, class To, class F>
void for_each(const Units& units, std::span<const From> values, std::span<To> to, F f) {
  const std::size_t columns = units.mean.size();
  require(units.deviation.size() == columns, "units", "there are {} means and {} deviations", columns,
          units.deviation.size());
  require(columns == 0 || values.size() % columns == 0, "units",
          "{} values are not a whole number of rows of {} columns", values.size(), columns);
  require(to.size() == values.size(), "units", "{} values do not fit an array of {}", values.size(), to.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (columns == 0) {
      to[i] = static_cast<To>(values[i]);
      continue;
    }
    const double mean = units.mean[i % columns];
    const double deviation = units.deviation[i % columns];
    to[i] =
        units.single
            ? static_cast<To>(f(static_cast<float>(values[i]), static_cast<float>(mean), static_cast<float>(deviation)))
            : static_cast<To>(f(static_cast<double>(values[i]), mean, deviation));
  }
}

}  // namespace

void standardise(const Units& units, std::span<const double> values, std::span<float> to) {
  for_each(units, values, to, [](auto x, auto mean, auto deviation) { return (x - mean) / deviation; });
}

std::vector<double> restored(const Units& units, std::span<const float> values) {
  std::vector<double> to(values.size());
  for_each(units, values, std::span(to), [](auto x, auto mean, auto deviation) { return x * deviation + mean; });
  return to;
}

}  // namespace bitstate
